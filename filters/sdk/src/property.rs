//! Properties by type. Names are Envoy's attributes (`xds.cluster_name`, not the older `cluster_name`).
//!
//! A property that is absent and one that cannot be read are the same to a filter: there is no value.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::{pairs, Headers, Host};

/// A text, if it is there, not empty, and UTF-8.
pub fn text<H: Host>(host: &H, path: &[&str]) -> Option<String> {
    String::from_utf8(bytes(host, path)?).ok().filter(|text| !text.is_empty())
}

/// Bytes; those of an encoded message, if the property is one.
pub fn bytes<H: Host>(host: &H, path: &[&str]) -> Option<Vec<u8>> {
    host.property(path).ok().flatten()
}

/// A boolean: one byte in the ABI.
pub fn boolean<H: Host>(host: &H, path: &[&str]) -> Option<bool> {
    match bytes(host, path)?.as_slice() {
        [byte] => Some(*byte != 0),
        _ => None,
    }
}

/// An integer or enumeration: 64 bits, little endian.
pub fn integer<H: Host>(host: &H, path: &[&str]) -> Option<i64> {
    Some(i64::from_le_bytes(bytes(host, path)?.try_into().ok()?))
}

/// A number with a fraction.
pub fn double<H: Host>(host: &H, path: &[&str]) -> Option<f64> {
    Some(f64::from_le_bytes(bytes(host, path)?.try_into().ok()?))
}

/// A duration, or a time since 1970: nanoseconds in the ABI. One that is negative has no value.
pub fn duration<H: Host>(host: &H, path: &[&str]) -> Option<Duration> {
    let nanoseconds = integer(host, path)?;
    Some(Duration::from_nanos(nanoseconds.try_into().ok()?))
}

/// A map, such as the metadata of a namespace: each value in the encoding of its own type.
pub fn map<H: Host>(host: &H, path: &[&str]) -> Option<Headers> {
    pairs::decode(&bytes(host, path)?)
}
