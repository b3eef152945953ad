//! The filter's configuration: what the proxy is, what it says of itself, and what it asks of others.

use alloc::string::String;

use crate::json;
use crate::structure::{Structure, Value};

/// Each is one more filter state of every request.
const MOST_LABELS: usize = 16;

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
    pub additional_labels: Structure,
    /// Whether clusters that lead out of the mesh take the headers off themselves.
    pub to_all_clusters: bool,
    /// Whether a peer without metadata may describe itself in its `baggage`.
    pub baggage: bool,
}

impl Config {
    /// The configuration in `text`, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut config = Self {
            role: Role::Sidecar,
            node_id: String::new(),
            description: String::new(),
            additional_labels: Structure::default(),
            to_all_clusters: false,
            baggage: false,
        };
        let mut wanted = vec!["role", "node_id", "description"];
        for (key, value) in json::parse(text)?.into_iter() {
            match (key.as_str(), value) {
                ("role", Value::Text(role)) if role == "sidecar" => {}
                ("role", Value::Text(role)) if role == "gateway" => config.role = Role::Gateway,
                ("node_id", Value::Text(node_id)) => config.node_id = node_id,
                ("description", Value::Text(description)) => config.description = description,
                ("additional_labels", Value::Structure(labels)) if labels.len() <= MOST_LABELS => {
                    config.additional_labels = labels;
                }
                ("propagation", Value::Text(propagation)) if propagation == "mesh_clusters" => {}
                ("propagation", Value::Text(propagation)) if propagation == "all_clusters" => {
                    config.to_all_clusters = true;
                }
                ("discovery", Value::Text(discovery)) if discovery == "istio_headers" => {}
                ("discovery", Value::Text(discovery)) if discovery == "istio_headers_or_baggage" => {
                    config.baggage = true;
                }
                _ => return Err(["configuration: ", &key, ": there is no such key, or not with this value"].concat()),
            }
            wanted.retain(|name| *name != key);
        }
        match wanted.first() {
            None => Ok(config),
            Some(name) => Err(["configuration: ", name, ": is missing"].concat()),
        }
    }
}
