//! The headers in which descriptions travel: Istio's names and forms.

use alloc::string::String;
use alloc::vec::Vec;

use lateen_sdk::{Host, Map, Status};

use crate::config::Labels;
use crate::peer::Peer;
use crate::structure;
use crate::{baggage, base64};

const METADATA: &str = "x-envoy-peer-metadata";
const ID: &str = "x-envoy-peer-metadata-id";
const BAGGAGE: &str = "baggage";

/// A longer header is ignored. Istio's are a few hundred bytes; Envoy lets 60 KiB of headers pass.
pub const LONGEST: usize = 16 * 1024;

/// What this proxy says of itself.
pub struct Own {
    pub id: String,
    pub description: String,
}

impl Own {
    /// Put them in place of whatever the message has.
    pub fn write<H: Host>(&self, host: &H, map: Map) -> Result<(), Status> {
        host.replace_header(map, METADATA, self.description.as_bytes())?;
        host.replace_header(map, ID, self.id.as_bytes())
    }
}

/// What the other end says of itself, still encoded.
#[derive(Default)]
pub enum Claim {
    /// Nothing, or too much.
    #[default]
    None,
    /// A description for this exchange.
    Metadata(Vec<u8>),
    /// A description for whomever the request reaches; it belongs to the application and stays where it is.
    Baggage(Vec<u8>),
}

impl Claim {
    /// The claim of a message; its baggage is looked at only if that is wanted and there is no metadata.
    ///
    /// The first of several values is taken, as Istio does; which one it is decides nothing that the sender could not
    /// say in one.
    pub fn of<H: Host>(host: &H, map: Map, baggage: bool) -> Self {
        if let Some(value) = first(host, map, METADATA) {
            return Self::Metadata(value);
        }
        let value = if baggage { first(host, map, BAGGAGE) } else { None };
        value.map_or(Self::None, Self::Baggage)
    }

    /// The peer that it describes, with these labels besides.
    pub fn decode(&self, additional_labels: &Labels) -> Option<Peer> {
        match self {
            Self::None => None,
            Self::Metadata(text) => {
                let metadata = structure::decode(&base64::decode(text)?)?;
                Some(Peer::from_metadata(&metadata, additional_labels))
            }
            Self::Baggage(text) => baggage::decode(text),
        }
    }

    /// Its bytes. Those of the two forms are never the same, unless they describe nobody: base64 has no dots.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Metadata(bytes) | Self::Baggage(bytes) => bytes,
        }
    }
}

fn first<H: Host>(host: &H, map: Map, name: &str) -> Option<Vec<u8>> {
    let value = host.first_header(map, name).ok().flatten();
    value.filter(|value| (1..=LONGEST).contains(&value.len()))
}

/// Remove both headers.
pub fn strip<H: Host>(host: &H, map: Map) -> Result<(), Status> {
    host.remove_header(map, METADATA)?;
    host.remove_header(map, ID)
}
