//! Keys that may sign, and when.

use crate::encoding::Encoding;
use crate::mac::{Algorithm, Mac};
use crate::node::Node;
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
    /// The key in `{id, secret: {inline} or {env}, encoding, not_before, not_after}`. `environment` finds variables.
    pub fn read(
        node: &Node,
        algorithm: Algorithm,
        standard: Option<Secret>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut known = vec!["id", "secret", "not_before", "not_after"];
        if standard.is_none() {
            known.push("encoding");
        }
        node.object(&known)?;
        let form = match (standard, node.get("encoding")) {
            (Some(form), _) => form,
            (None, Some(encoding)) => encoding.word(&[
                ("text", Secret::Text),
                ("hex", Secret::Encoded(Encoding::Hex)),
                ("base64", Secret::Encoded(Encoding::Base64)),
            ])?,
            (None, None) => Secret::Text,
        };
        let id = node.required("id")?;
        if !id.text(64)?.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            return id.wrong("letters, digits, dots, dashes and underscores are expected");
        }
        let secret = node.required("secret")?;
        let bytes = secret_bytes(&secret, form, environment)?;
        let Some(mac) = Mac::new(algorithm, &bytes) else {
            return secret.wrong("this is no key");
        };
        let key = Self {
            id: id.text(64)?.into(),
            mac,
            not_before: moment(node, "not_before")?,
            not_after: moment(node, "not_after")?,
        };
        match (key.not_before, key.not_after) {
            (Some(first), Some(last)) if first >= last => node.wrong("not_before is not before not_after"),
            _ => Ok(key),
        }
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

/// How a secret is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// Its bytes are those of the text.
    Text,
    /// Its bytes are encoded.
    Encoded(Encoding),
    /// Base64, perhaps behind `whsec_`.
    Webhook,
}

fn secret_bytes(node: &Node, form: Secret, environment: &dyn Fn(&str) -> Option<String>) -> Result<Vec<u8>, String> {
    let (kind, value) = node.one_of(&["inline", "env"])?;
    let text = match kind {
        "env" => match environment(value.text(256)?) {
            Some(text) => text,
            None => return value.wrong("there is no such variable in the machine's environment"),
        },
        _ => value.text(4096)?.into(),
    };
    let bytes = match form {
        Secret::Text => Some(text.into_bytes()),
        Secret::Encoded(encoding) => encoding.decode(text.as_bytes()),
        Secret::Webhook => Encoding::Base64.decode(text.strip_prefix(WEBHOOK_PREFIX).unwrap_or(&text).as_bytes()),
    };
    match bytes {
        Some(bytes) if SIZES.contains(&bytes.len()) => Ok(bytes),
        Some(_) => value.wrong(&format!("a secret of {} to {} bytes is expected", SIZES.start(), SIZES.end())),
        None => value.wrong("the secret is not in its encoding"),
    }
}

fn moment(node: &Node, key: &str) -> Result<Option<i64>, String> {
    let Some(value) = node.get(key) else {
        return Ok(None);
    };
    match rfc3339(value.text(32)?.as_bytes()) {
        Some(seconds) => Ok(Some(seconds)),
        None => value.wrong("a time such as 2026-01-31T12:00:00Z is expected"),
    }
}
