//! The two headers in which metadata travels: Istio's names and form.

use lateen_sdk::{Host, Map, Status};

use crate::base64;
use crate::structure::{self, Structure};

const METADATA: &str = "x-envoy-peer-metadata";
const ID: &str = "x-envoy-peer-metadata-id";

/// A longer header is ignored. Istio's are a few hundred bytes; Envoy lets 60 KiB of headers pass.
pub const LONGEST: usize = 16 * 1024;

/// What this proxy says of itself, encoded once.
pub struct Own {
    id: String,
    metadata: String,
}

impl Own {
    /// The headers' values for a proxy.
    pub fn new(node_id: &str, metadata: &Structure) -> Self {
        Self { id: node_id.into(), metadata: base64::encode(&structure::encode(metadata)) }
    }

    /// Put them in place of whatever the message has.
    pub fn write<H: Host>(&self, host: &H, map: Map) -> Result<(), Status> {
        host.replace_header(map, METADATA, self.metadata.as_bytes())?;
        host.replace_header(map, ID, self.id.as_bytes())
    }
}

/// What the other end says of itself, still encoded; empty if it says nothing or too much.
///
/// The first of several values is taken, as Istio does; which one it is decides nothing that the sender could not say
/// in one.
pub fn claim<H: Host>(host: &H, map: Map) -> Vec<u8> {
    let claim = host.first_header(map, METADATA).ok().flatten();
    claim.filter(|value| value.len() <= LONGEST).unwrap_or_default()
}

/// The structure in a claim.
pub fn decode(claim: &[u8]) -> Option<Structure> {
    structure::decode(&base64::decode(claim)?)
}

/// Remove both headers.
pub fn strip<H: Host>(host: &H, map: Map) -> Result<(), Status> {
    host.remove_header(map, METADATA)?;
    host.remove_header(map, ID)
}
