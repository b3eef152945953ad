//! Properties by type. Names are Envoy's attributes (`xds.cluster_name`, not the older `cluster_name`).
//!
//! A property that is absent and one that cannot be read are the same to a filter: there is no value.

use crate::Host;

/// A text, if it is there, not empty, and UTF-8.
pub fn text<H: Host>(host: &H, path: &[&str]) -> Option<String> {
    let bytes = host.property(path).ok().flatten()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// A boolean: one byte in the ABI.
pub fn boolean<H: Host>(host: &H, path: &[&str]) -> Option<bool> {
    match host.property(path).ok().flatten()?.as_slice() {
        [byte] => Some(*byte != 0),
        _ => None,
    }
}

/// An integer or enumeration: 64 bits, little endian.
pub fn integer<H: Host>(host: &H, path: &[&str]) -> Option<i64> {
    let bytes = host.property(path).ok().flatten()?;
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}
