//! The filter's configuration: what the proxy is and what it says of itself.

use crate::json;
use crate::structure::{Structure, Value};

/// Where the proxy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Beside one workload: one of its two sides is the application.
    Sidecar,
    /// At the edge of the mesh or within it: both sides are peers.
    Gateway,
}

/// `{"role": "sidecar", "node_id": "...", "metadata": {"NAME": "...", "LABELS": {"app": "..."}}}`.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    pub role: Role,
    pub node_id: String,
    pub metadata: Structure,
}

impl Config {
    /// The configuration in `text`, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let config = json::parse(text)?;
        let role = match config.get("role") {
            Some(Value::Text(role)) if role == "sidecar" => Role::Sidecar,
            Some(Value::Text(role)) if role == "gateway" => Role::Gateway,
            _ => return Err("configuration: role is one of sidecar, gateway".into()),
        };
        match (config.get("node_id"), config.get("metadata")) {
            (Some(Value::Text(node_id)), Some(Value::Structure(metadata))) => {
                Ok(Self { role, node_id: node_id.clone(), metadata: metadata.clone() })
            }
            _ => Err("configuration: node_id is a text and metadata an object".into()),
        }
    }
}
