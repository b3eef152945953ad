//! The filter's configuration: what the proxy is, what it says of itself, and what it asks of others.

use alloc::string::String;
use alloc::vec::Vec;

use lateen_sdk::json;
use lateen_sdk::node::{Faults, Node};

/// Each is one more filter state of every request.
const MOST_LABELS: usize = 16;

/// Bytes of a text: no header of Envoy's is longer.
const LONGEST: usize = 60 * 1024;

/// Names, and the label of the peer that is published under each.
pub type Labels = Vec<(String, String)>;

/// Where the proxy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Beside one workload: one of its two sides is the application.
    Sidecar,
    /// At the edge of the mesh or within it: both sides are peers.
    Gateway,
}

/// `{"role": "sidecar", "node_id": "...", "description": "..."}`.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    pub role: Role,
    pub node_id: String,
    /// What the proxy says of itself, encoded as it is sent.
    pub description: String,
    /// Labels of the peer that are published beside the standard attributes, by the name under which they are.
    pub additional_labels: Labels,
    /// Whether clusters that lead out of the mesh take the headers off themselves.
    pub to_all_clusters: bool,
    /// Whether a peer without metadata may describe itself in its `baggage`.
    pub baggage: bool,
}

impl Config {
    /// The configuration in `text`, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let (value, faults) = (json::parse(text)?, Faults::default());
        let root = Node::root(&value, &faults);
        root.object(&["role", "node_id", "description", "additional_labels", "propagation", "discovery"]);
        let text = |key| {
            let node = root.required(key);
            if node.is_empty() {
                String::new()
            } else {
                node.text(LONGEST)
            }
        };
        let second_of = |key, words: [&str; 2]| root.get(key).is_some_and(|node| node.word(&words) == 1);
        let labels = root.get("additional_labels").map(|node| node.entries(MOST_LABELS)).unwrap_or_default();
        let config = Self {
            role: if root.required("role").word(&["sidecar", "gateway"]) == 0 { Role::Sidecar } else { Role::Gateway },
            node_id: text("node_id"),
            description: text("description"),
            additional_labels: labels.into_iter().map(|(name, label)| (name.into(), label.text(LONGEST))).collect(),
            to_all_clusters: second_of("propagation", ["mesh_clusters", "all_clusters"]),
            baggage: second_of("discovery", ["istio_headers", "istio_headers_or_baggage"]),
        };
        faults.or(config)
    }
}
