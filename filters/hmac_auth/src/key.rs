//! Keys that may sign, and when.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use lateen_sdk::node::Node;

use crate::encoding::Encoding;
use crate::mac::{Algorithm, Mac};
use crate::reason::Reason;
use crate::time::rfc3339;

/// A shorter secret can be guessed; the longest is Envoy's idea of a reasonable text more than of a key.
const SIZES: core::ops::RangeInclusive<usize> = 16..=1024;

/// How Standard Webhooks marks a secret.
const WEBHOOK_PREFIX: &str = "whsec_";

/// A key, ready to sign with. It has no form that a log could print.
pub struct Key {
    /// What requests, logs and the upstream call it.
    pub id: String,
    /// An HMAC that has seen the secret and nothing else.
    pub mac: Mac,
    not_before: Option<i64>,
    not_after: Option<i64>,
}

impl Key {
    /// The key in `{id, secret: {inline} or {env}, encoding, not_before, not_after}`; nothing if there is a fault.
    pub fn read(node: &Node, algorithm: Algorithm, form: Option<Form>, environment: Environment) -> Option<Self> {
        let form = match (form, node.get("encoding")) {
            (Some(form), _) => {
                node.object(&["id", "secret", "not_before", "not_after"]);
                form
            }
            (None, encoding) => {
                node.object(&["id", "secret", "encoding", "not_before", "not_after"]);
                match encoding.map_or(0, |encoding| encoding.word(&["text", "hex", "base64"])) {
                    0 => Form::Text,
                    1 => Form::Encoded(Encoding::Hex),
                    _ => Form::Encoded(Encoding::Base64),
                }
            }
        };
        let name = node.required("id");
        let id = name.text(64);
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            name.wrong("letters, digits, dots, dashes and underscores are expected");
        }
        let secret = secret(&node.required("secret"), form, environment);
        let (not_before, not_after) = (moment(node, "not_before"), moment(node, "not_after"));
        if not_before.zip(not_after).is_some_and(|(first, last)| first >= last) {
            node.wrong("not_before is not before not_after");
        }
        Some(Self { id, mac: Mac::new(algorithm, &secret)?, not_before, not_after })
    }

    /// Whether the key may sign now: from `not_before` until just before `not_after`.
    pub fn valid(&self, now: i64) -> Result<(), Reason> {
        if self.not_before.is_some_and(|first| now < first) {
            return Err(Reason::KeyNotYetValid);
        }
        if self.not_after.is_some_and(|last| now >= last) {
            return Err(Reason::KeyExpired);
        }
        Ok(())
    }
}

/// Finds variables of the machine's environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How a secret is written.
#[derive(Clone, Copy)]
pub enum Form {
    /// Its bytes are those of the text.
    Text,
    /// Its bytes are encoded.
    Encoded(Encoding),
    /// Base64, perhaps behind `whsec_`.
    Webhook,
}

fn secret(node: &Node, form: Form, environment: Environment) -> Vec<u8> {
    node.object(&["inline", "env"]);
    let (kind, value) = node.one_of(&["inline", "env"]);
    let mut text = value.text(4096);
    if kind == 1 {
        text = environment(&text).unwrap_or_else(|| {
            value.wrong("there is no such variable in the machine's environment");
            String::new()
        });
    }
    let bytes = match form {
        Form::Text => Some(text.into_bytes()),
        Form::Encoded(encoding) => encoding.decode(text.as_bytes()),
        Form::Webhook => Encoding::Base64.decode(text.strip_prefix(WEBHOOK_PREFIX).unwrap_or(&text).as_bytes()),
    };
    let bytes = bytes.unwrap_or_else(|| {
        value.wrong("the secret is not in its encoding");
        Vec::new()
    });
    if !SIZES.contains(&bytes.len()) {
        let [least, most] = [SIZES.start(), SIZES.end()].map(usize::to_string);
        value.wrong(&["a secret of ", &least, " to ", &most, " bytes is expected"].concat());
    }
    bytes
}

fn moment(node: &Node, key: &str) -> Option<i64> {
    let value = node.get(key)?;
    let seconds = rfc3339(value.text(32).as_bytes());
    if seconds.is_none() {
        value.wrong("a time such as 2026-01-31T12:00:00Z is expected");
    }
    seconds
}
