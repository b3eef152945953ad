//! What is known of a peer, and the attributes under which it is published.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::iter::repeat;

use lateen_sdk::{Host, Level};

use crate::config::Labels;
use crate::structure::{Structure, Value};

/// Kubernetes' longest name. Longer values, and those with control characters, are as good as absent: they would end up
/// in metric labels.
const LONGEST: usize = 253;

/// The standard attributes, by their place in [`Peer::values`].
pub const WORKLOAD: usize = 0;
pub const NAMESPACE: usize = 1;
pub const APP: usize = 2;
pub const VERSION: usize = 3;
pub const CANONICAL_SERVICE: usize = 4;
pub const CANONICAL_REVISION: usize = 5;
pub const CLUSTER: usize = 6;
const COUNT: usize = 7;

/// Where metadata has each standard attribute: under these keys, the first that is there.
static KEYS: [&[&str]; COUNT] = [
    &["WORKLOAD_NAME"],
    &["NAMESPACE"],
    &["app.kubernetes.io/name", "app"],
    &["app.kubernetes.io/version", "version"],
    &["service.istio.io/canonical-name"],
    &["service.istio.io/canonical-revision"],
    &["CLUSTER_ID"],
];

static NAMES: [&str; COUNT] =
    ["workload", "namespace", "app", "version", "canonical_service", "canonical_revision", "cluster"];

static EMPTY: String = String::new();

/// What is known of a peer; an empty text is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The standard attributes.
    pub values: [String; COUNT],
    /// The additional labels, in the order of the configuration; those at the end may be left out.
    pub labels: Vec<String>,
}

impl Peer {
    /// A peer of which only the namespace is known.
    pub fn in_namespace(namespace: String) -> Self {
        let mut peer = Self::default();
        peer.values[NAMESPACE] = namespace;
        peer
    }

    /// The peer that exchanged metadata describes, with these labels of it besides.
    pub fn from_metadata(metadata: &Structure, additional: &Labels) -> Self {
        let none = Structure::default();
        let labels = match metadata.get("LABELS") {
            Some(Value::Structure(labels)) => labels,
            _ => &none,
        };
        let mut peer = Self::default();
        for (place, (value, keys)) in peer.values.iter_mut().zip(KEYS).enumerate() {
            let structure = if (APP..CLUSTER).contains(&place) { labels } else { metadata };
            for key in keys.iter().rev() {
                set(value, structure.get(key));
            }
        }
        for (_, label) in additional {
            let mut value = String::new();
            set(&mut value, labels.get(label));
            peer.labels.push(value);
        }
        peer
    }

    /// The peer that an endpoint's metadata `istio.workload` describes:
    /// `workload;namespace;canonical name;canonical revision;cluster`.
    pub fn from_endpoint(description: &str) -> Option<Self> {
        let mut peer = Self::default();
        let mut parts = description.split(';');
        for place in [WORKLOAD, NAMESPACE, CANONICAL_SERVICE, CANONICAL_REVISION, CLUSTER] {
            let part = parts.next()?;
            if let Some(value) = peer.values.get_mut(place).filter(|_| usable(part)) {
                value.push_str(part);
            }
        }
        Some(peer)
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.values[NAMESPACE]
    }

    /// Set one filter state per attribute, with Istio's fallback for what is unknown.
    pub fn publish<H: Host>(&self, host: &H, attributes: &Attributes) {
        let values = self.values.iter().chain(self.labels.iter().chain(repeat(&EMPTY)));
        for (place, (key, value)) in attributes.0.iter().zip(values).enumerate() {
            let fallback = if place == CANONICAL_REVISION { "latest" } else { "unknown" };
            let value = if value.is_empty() { fallback } else { value };
            if let Err(status) = host.set_filter_state(key, value.as_bytes()) {
                host.log(Level::Error, &status.line(key));
            }
        }
    }
}

/// The keys of a party's attributes, without Envoy's `wasm.`: the standard ones, then the additional labels.
pub struct Attributes(Vec<String>);

impl Attributes {
    /// Those of `party` (`downstream` is the caller, `upstream` the called workload), declared to be text, so that
    /// native filters can match them.
    pub fn declare<H: Host>(host: &H, party: &str, additional: &Labels) -> Result<Self, String> {
        let standard = NAMES.iter().map(|name| ["peer_metadata.", party, "_", name].concat());
        let labels = additional.iter().map(|(name, _)| ["peer_metadata.", party, "_labels.", name].concat());
        let keys: Vec<_> = standard.chain(labels).collect();
        for key in &keys {
            lateen_sdk::declare(host, key).map_err(|status| status.line(key))?;
        }
        Ok(Self(keys))
    }
}

/// A text that can be a label's value; what cannot leaves the value as it is.
fn set(value: &mut String, found: Option<&Value>) {
    if let Some(Value::Text(text)) = found {
        if usable(text) {
            text.clone_into(value);
        }
    }
}

/// Whether a text says something and could be a label's value.
pub fn usable(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && !text.contains(char::is_control)
}
