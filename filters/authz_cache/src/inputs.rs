//! What of a request the authorizer is asked about, and the key under which the answer is kept.

use alloc::string::String;
use alloc::vec::Vec;

use lateen_sdk::{Host, Pairs, Status};
use sha2::{Digest, Sha256};

use crate::config;

/// The digest of all inputs.
pub type Key = [u8; 32];

/// The declared inputs of one request, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs<'a> {
    pub method: Option<&'a [u8]>,
    pub host: Option<&'a [u8]>,
    pub path: Option<&'a [u8]>,
    /// Every value of each declared header.
    pub headers: Vec<(&'a str, Vec<&'a [u8]>)>,
    /// The properties that the request has.
    pub attributes: Vec<(&'a str, Option<Vec<u8>>)>,
}

impl<'a> Inputs<'a> {
    /// The inputs of the request of the stream.
    pub fn read<H: Host>(host: &H, declared: &'a config::Inputs, request: &'a Pairs) -> Result<Self, Status> {
        let attributes = declared.attributes.iter().map(|(name, path)| {
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            Ok((name.as_str(), host.property(&path)?))
        });
        Ok(Self {
            method: declared.method.then(|| first(request, ":method")),
            host: declared.host.then(|| first(request, ":authority")),
            path: match declared.path {
                config::Path::Full => Some(first(request, ":path")),
                config::Path::WithoutQuery => Some(without_query(first(request, ":path"))),
                config::Path::None => None,
            },
            headers: declared.headers.iter().map(|name| (name.as_str(), request.values(name).collect())).collect(),
            attributes: attributes.collect::<Result<_, Status>>()?,
        })
    }

    /// The key of these inputs, of `prefix` and nothing else. Every part is preceded by its length and every list by its count, so that no two
    /// requests that differ in an input have the same bytes to digest.
    pub fn key(&self, prefix: &[u8]) -> Key {
        let mut digest = Sha256::new();
        add(&mut digest, &[prefix]);
        for part in [self.method, self.host, self.path] {
            add(&mut digest, part.as_slice());
        }
        for (_, values) in &self.headers {
            add(&mut digest, values);
        }
        for (_, value) in &self.attributes {
            add(&mut digest, value.as_deref().as_slice());
        }
        digest.finalize().into()
    }
}

/// Sizes are those of a 32 bit machine, so nothing is cut off.
fn add(digest: &mut Sha256, parts: &[&[u8]]) {
    digest.update((parts.len() as u32).to_le_bytes());
    for part in parts {
        digest.update((part.len() as u32).to_le_bytes());
        digest.update(part);
    }
}

/// The value of a pseudo-header, of which Envoy lets only one pass.
pub fn first<'a>(headers: &'a Pairs, name: &'a str) -> &'a [u8] {
    headers.values(name).next().unwrap_or_default()
}

/// The path alone.
pub fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}
