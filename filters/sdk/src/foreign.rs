//! Functions of Envoy that the ABI does not name.

use alloc::string::String;
use alloc::vec::Vec;

use crate::wire::{fields, Message, Value};
use crate::{Host, Status};

const STRING: u32 = 1;
const DOWNSTREAM_REQUEST: u32 = 1;

/// How long filter state lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Span {
    /// As long as the filter chain of the request.
    FilterChain = 0,
    /// As long as the request, internal redirects included.
    Request = 1,
    /// As long as the client's connection.
    Connection = 2,
}

/// Declare filter state `key` to be a string of the request; once per plugin, before it is set.
///
/// Undeclared state is bytes: access logs print it, but string matchers (RBAC) do not see it. Envoy answers
/// BAD_ARGUMENT for a key that is declared already, which is no fault.
pub fn declare<H: Host>(host: &H, key: &str) -> Result<(), Status> {
    let arguments = Message::default().bytes(1, key.as_bytes()).number(3, STRING).number(5, DOWNSTREAM_REQUEST);
    match host.call_foreign("declare_property", &arguments.encoded()) {
        Ok(_) | Err(Status::BAD_ARGUMENT) => Ok(()),
        Err(status) => Err(status),
    }
}

/// Set filter state of Envoy's own, under a key for which it has a factory (`envoy.tcp_proxy.cluster`,
/// `envoy.ratelimit.hits_addend` ...); [`Status::NOT_FOUND`] if it has none.
pub fn set_envoy_filter_state<H: Host>(host: &H, key: &str, value: &str, span: Span) -> Result<(), Status> {
    let arguments = Message::default().bytes(1, key.as_bytes()).bytes(2, value.as_bytes()).number(3, span as u32);
    host.call_foreign("set_envoy_filter_state", &arguments.encoded()).map(|_| ())
}

/// Have the route chosen anew, after a header changed that routes look at.
pub fn clear_route_cache<H: Host>(host: &H) -> Result<(), Status> {
    host.call_foreign("clear_route_cache", &[]).map(|_| ())
}

/// What Envoy makes of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is that of the text by the key.
    Valid,
    /// It is not, or the key cannot be used; Envoy's reason.
    Invalid(String),
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// `SubjectPublicKeyInfo` in DER.
    Der(&'a [u8]),
    /// The same in PEM.
    Pem(&'a str),
}

/// Whether `signature` is that of `text` by a key (RSA PKCS #1 or ECDSA); `hash` is `sha1`, `sha224`, `sha256`,
/// `sha384` or `sha512`. [`Status::BAD_ARGUMENT`] if the key is empty.
pub fn verify_signature<H: Host>(
    host: &H,
    hash: &str,
    key: PublicKey<'_>,
    signature: &[u8],
    text: &[u8],
) -> Result<Verdict, Status> {
    let (field, key) = match key {
        PublicKey::Der(key) => (2, key),
        PublicKey::Pem(key) => (5, key.as_bytes()),
    };
    let arguments = Message::default().bytes(1, hash.as_bytes()).bytes(field, key).bytes(3, signature).bytes(4, text);
    let result = host.call_foreign("verify_signature", &arguments.encoded())?;
    let fields = fields(&result).ok_or(Status::PARSE_FAILURE)?;
    if fields.contains(&(1, Value::Number(1))) {
        return Ok(Verdict::Valid);
    }
    let reason = fields.iter().find(|(field, _)| *field == 2).and_then(|(_, value)| value.bytes());
    Ok(Verdict::Invalid(String::from_utf8_lossy(reason.unwrap_or_default()).into_owned()))
}

/// A CEL expression that Envoy has compiled for this plugin.
#[derive(Debug, PartialEq, Eq)]
pub struct Expression(u32);

impl Expression {
    /// Compile an expression; once per plugin, while it is configured. [`Status::BAD_ARGUMENT`] if it does not parse.
    pub fn create<H: Host>(host: &H, source: &str) -> Result<Self, Status> {
        let token = host.call_foreign("expr_create", source.as_bytes())?;
        let bytes = token.try_into().map_err(|_| Status::PARSE_FAILURE)?;
        Ok(Self(u32::from_le_bytes(bytes)))
    }

    /// Its value for the stream, in the encoding of properties ([`crate::property`]). What it names must be there:
    /// Envoy answers [`Status::INTERNAL_FAILURE`] else.
    pub fn evaluate<H: Host>(&self, host: &H) -> Result<Vec<u8>, Status> {
        host.call_foreign("expr_evaluate", &self.0.to_le_bytes())
    }

    /// Give it back to Envoy.
    pub fn delete<H: Host>(self, host: &H) -> Result<(), Status> {
        host.call_foreign("expr_delete", &self.0.to_le_bytes()).map(|_| ())
    }
}
