//! What is known of a peer, and the attributes under which it is published.

use lateen_sdk::{Host, Level};

use crate::structure::{Structure, Value};

/// Kubernetes' longest name. Longer values, and those with control characters, are as good as absent: they would end up
/// in metric labels.
const LONGEST: usize = 253;

/// Whose attributes are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The caller.
    Downstream,
    /// The called workload.
    Upstream,
}

/// What is known of a peer; an empty text is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    pub workload: String,
    pub namespace: String,
    pub app: String,
    pub version: String,
    pub canonical_service: String,
    pub canonical_revision: String,
    pub cluster: String,
}

impl Peer {
    /// A peer of which only the namespace is known.
    pub fn in_namespace(namespace: String) -> Self {
        Self { namespace, ..Self::default() }
    }

    /// The peer that exchanged metadata describes.
    pub fn from_metadata(metadata: &Structure) -> Self {
        let none = Structure::default();
        let labels = match metadata.get("LABELS") {
            Some(Value::Structure(labels)) => labels,
            _ => &none,
        };
        Self {
            workload: text(metadata, &["WORKLOAD_NAME"]),
            namespace: text(metadata, &["NAMESPACE"]),
            app: text(labels, &["app.kubernetes.io/name", "app"]),
            version: text(labels, &["app.kubernetes.io/version", "version"]),
            canonical_service: text(labels, &["service.istio.io/canonical-name"]),
            canonical_revision: text(labels, &["service.istio.io/canonical-revision"]),
            cluster: text(metadata, &["CLUSTER_ID"]),
        }
    }

    /// The peer that an endpoint's metadata `istio.workload` describes:
    /// `workload;namespace;canonical name;canonical revision;cluster`.
    pub fn from_endpoint(description: &str) -> Option<Self> {
        let mut parts = description.split(';').map(usable);
        Some(Self {
            workload: parts.next()?,
            namespace: parts.next()?,
            canonical_service: parts.next()?,
            canonical_revision: parts.next()?,
            cluster: parts.next()?,
            ..Self::default()
        })
    }

    /// Set one filter state per attribute, with Istio's fallback for what is unknown.
    pub fn publish<H: Host>(&self, host: &H, party: Party) {
        for ((key, fallback), value) in attributes(party).iter().zip(self.values()) {
            let value = if value.is_empty() { fallback } else { value };
            if let Err(status) = host.set_filter_state(key, value.as_bytes()) {
                host.log(Level::Error, &format!("{key} cannot be published: {status:?}"));
            }
        }
    }

    fn values(&self) -> [&str; 7] {
        [
            &self.workload,
            &self.namespace,
            &self.app,
            &self.version,
            &self.canonical_service,
            &self.canonical_revision,
            &self.cluster,
        ]
    }
}

/// Declare every attribute to be text, so that native filters can match it.
pub fn declare<H: Host>(host: &H) -> Result<(), String> {
    for (key, _) in [Party::Downstream, Party::Upstream].into_iter().flat_map(attributes) {
        lateen_sdk::declare(host, key).map_err(|status| format!("{key} cannot be declared: {status:?}"))?;
    }
    Ok(())
}

type Attribute = (&'static str, &'static str);

/// Keys and fallbacks, in the order of `Peer::values`.
fn attributes(party: Party) -> &'static [Attribute; 7] {
    match party {
        Party::Downstream => &DOWNSTREAM,
        Party::Upstream => &UPSTREAM,
    }
}

const UNKNOWN: &str = "unknown";
const LATEST: &str = "latest";

macro_rules! attributes_of {
    ($party:literal) => {
        [
            (concat!("peer_metadata.", $party, "_workload"), UNKNOWN),
            (concat!("peer_metadata.", $party, "_namespace"), UNKNOWN),
            (concat!("peer_metadata.", $party, "_app"), UNKNOWN),
            (concat!("peer_metadata.", $party, "_version"), UNKNOWN),
            (concat!("peer_metadata.", $party, "_canonical_service"), UNKNOWN),
            (concat!("peer_metadata.", $party, "_canonical_revision"), LATEST),
            (concat!("peer_metadata.", $party, "_cluster"), UNKNOWN),
        ]
    };
}

static DOWNSTREAM: [Attribute; 7] = attributes_of!("downstream");
static UPSTREAM: [Attribute; 7] = attributes_of!("upstream");

/// The first of `keys` that has a usable text.
fn text(structure: &Structure, keys: &[&str]) -> String {
    let texts = keys.iter().filter_map(|key| match structure.get(key) {
        Some(Value::Text(text)) => Some(usable(text)),
        _ => None,
    });
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

fn usable(text: &str) -> String {
    let usable = text.len() <= LONGEST && !text.contains(char::is_control);
    if usable {
        text.into()
    } else {
        String::new()
    }
}
