//! The filter's configuration. Its JSON Schema stands in `filter.yaml`; Envoy does not know that one, so the module
//! checks again.

use serde::Deserialize;

/// `{"header": "x-api-version", "accept": ["2", "3"], "default": "2", "mode": "enforce"}`.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub header: String,
    pub accept: Vec<String>,
    pub default: Option<String>,
    #[serde(default)]
    pub mode: Mode,
}

/// What comes of a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The request is refused.
    #[default]
    Enforce,
    /// The decision is published; the request goes on as it came.
    Shadow,
    /// Nothing is decided.
    Off,
}

impl Config {
    /// The configuration in `text`, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let config: Self = serde_json::from_slice(text).map_err(|error| format!("configuration: {error}"))?;
        if config.header.is_empty() || config.header.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err("configuration: header: a name in lower case is expected".into());
        }
        match &config.default {
            Some(version) if !config.accept.contains(version) => {
                Err(format!("configuration: default: {version} is not in accept"))
            }
            _ if config.accept.is_empty() => Err("configuration: accept: at least one version is expected".into()),
            _ => Ok(config),
        }
    }
}
