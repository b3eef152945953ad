//! How a signature is made: what is signed, and where a request carries what is needed to check it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::content_digest;
use crate::encoding::Encoding;
use crate::mac::Algorithm;
use crate::reason::{Fault, Reason};
use crate::request::{Request, Source};
use crate::time::Format;

/// More signatures in one request are not looked at: a client decides how many there are.
const MOST_SIGNATURES: usize = 8;

/// Everything that defines a way to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    pub algorithm: Algorithm,
    pub signature: Signature,
    pub key_id: Option<Source>,
    pub timestamp: Option<Timestamp>,
    pub nonce: Option<Source>,
    pub refuse_replays: bool,
    pub content_digest: bool,
    pub join: String,
    pub parts: Vec<Part>,
}

/// Where signatures are and how they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub source: Source,
    pub separator: Option<u8>,
    pub prefix: String,
    pub encoding: Encoding,
}

/// Where the time of signing is, how it is written, and by how many seconds it may be off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    pub source: Source,
    pub format: Format,
    pub past: i64,
    pub future: i64,
}

impl Timestamp {
    /// Whether a time of signing is recent.
    pub fn check(&self, signed: i64, now: i64) -> Result<(), Reason> {
        if now - signed > self.past {
            return Err(Reason::TimestampTooOld);
        }
        if signed - now > self.future {
            return Err(Reason::TimestampInFuture);
        }
        Ok(())
    }
}

/// A piece of what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// This text.
    Literal(String),
    Method,
    Authority,
    Path,
    /// Without the parameter that carries the signature.
    Query,
    /// Path and query as they are.
    Target,
    /// All values of a header, joined by commas. A request without it is refused, unless it is optional (then empty).
    Header {
        name: String,
        optional: bool,
    },
    KeyId,
    Timestamp,
    Nonce,
    /// The body as sent.
    Body,
    /// The body's hash by the recipe's algorithm.
    BodyDigest(Encoding),
}

/// What is signed, around the body if that is a part of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub before: Vec<u8>,
    pub after: Vec<u8>,
}

/// What a request carries for its own check.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Carried {
    pub key_id: Vec<u8>,
    pub timestamp: Vec<u8>,
    pub nonce: Vec<u8>,
}

impl Recipe {
    /// Standard Webhooks, symmetric signatures (`v1`). An attempt to deliver is told from another of the same message
    /// by its time, so what must not come twice is the signed content and not the message's id.
    pub fn standard_webhooks(past: i64, future: i64, refuse_replays: bool) -> Self {
        let header = |name: &str| Source::Header(name.into());
        Self {
            algorithm: Algorithm::Sha256,
            signature: Signature {
                source: header("webhook-signature"),
                separator: Some(b' '),
                prefix: "v1,".into(),
                encoding: Encoding::Base64,
            },
            key_id: None,
            timestamp: Some(Timestamp { source: header("webhook-timestamp"), format: Format::Seconds, past, future }),
            nonce: None,
            refuse_replays,
            content_digest: false,
            join: ".".into(),
            parts: vec![Part::Header { name: "webhook-id".into(), optional: false }, Part::Timestamp, Part::Body],
        }
    }

    /// GitHub's webhooks. Nothing in them is signed but the body, so that replays cannot be told.
    pub fn github() -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            signature: Signature {
                source: Source::Header("x-hub-signature-256".into()),
                separator: None,
                prefix: "sha256=".into(),
                encoding: Encoding::Hex,
            },
            key_id: None,
            timestamp: None,
            nonce: None,
            refuse_replays: false,
            content_digest: false,
            join: String::new(),
            parts: vec![Part::Body],
        }
    }

    /// Whether any part covers the body.
    pub fn reads_body(&self) -> bool {
        self.content_digest || self.parts.iter().any(|part| matches!(part, Part::Body | Part::BodyDigest(_)))
    }

    /// What is wrong with a recipe that trusts what it does not sign, or that cannot be carried out.
    pub fn problem(&self) -> Option<&'static str> {
        let count = |wanted: fn(&Part) -> bool| self.parts.iter().filter(|part| wanted(part)).count();
        let signed_digest = Part::Header { name: content_digest::HEADER.into(), optional: false };
        if count(|part| matches!(part, Part::Body | Part::BodyDigest(_))) > 1 {
            return Some("parts: the body is there twice");
        }
        if self.timestamp.is_some() != (count(|part| *part == Part::Timestamp) > 0) {
            return Some("parts: the timestamp must be signed, and what is signed must be given as timestamp");
        }
        if self.nonce.is_some() != (count(|part| *part == Part::Nonce) > 0) {
            return Some("parts: the nonce must be signed, and what is signed must be given as nonce");
        }
        if self.key_id.is_none() && count(|part| *part == Part::KeyId) > 0 {
            return Some("parts: there is no key_id");
        }
        let hashed = |part: &Part| matches!(part, Part::Body | Part::BodyDigest(_)) || *part == signed_digest;
        if self.content_digest && !self.parts.iter().any(hashed) {
            return Some("parts: the header content-digest must be signed");
        }
        if self.refuse_replays && self.timestamp.is_none() {
            return Some("replay: without a timestamp a request would have to be remembered for ever");
        }
        if matches!(self.signature.source, Source::Query(_)) && count(|part| *part == Part::Target) > 0 {
            return Some("parts: target contains the signature; path and query do not");
        }
        None
    }

    /// The signatures of a request: at least one. Those of another version or form are passed over.
    pub fn signatures(&self, request: &Request) -> Result<Vec<Vec<u8>>, Reason> {
        let values = self.signature.source.read_all(request).map_err(Reason::Signature)?;
        let (prefix, mut found, mut seen) = (self.signature.prefix.as_bytes(), Vec::new(), 0);
        for value in &values {
            // Without a separator no byte is one.
            for text in value.split(|byte| Some(*byte) == self.signature.separator) {
                if let (Some(text), true) = (text.strip_prefix(prefix), seen < MOST_SIGNATURES) {
                    seen += 1;
                    found.extend(self.signature.encoding.decode(text));
                }
            }
        }
        match found.is_empty() {
            true => Err(Reason::Signature(Fault::Malformed)),
            false => Ok(found),
        }
    }

    /// What is signed. A part that contains the delimiter is refused unless it is the body, or the last part where no
    /// body is signed: the same text could otherwise be made of other parts.
    pub fn content(&self, request: &Request, carried: &Carried) -> Result<Content, Reason> {
        let mut content = Content::default();
        let body = self.parts.iter().position(|part| matches!(part, Part::Body | Part::BodyDigest(_)));
        let free = body.unwrap_or(self.parts.len().saturating_sub(1));
        for (place, part) in self.parts.iter().enumerate() {
            let text = self.text(part, request, carried)?;
            if place != free && !matches!(part, Part::Literal(_)) && contains(&text, self.join.as_bytes()) {
                return Err(Reason::PartAmbiguous);
            }
            let side = if body.is_some_and(|body| place > body) { &mut content.after } else { &mut content.before };
            if place > 0 {
                side.extend(self.join.as_bytes());
            }
            side.extend_from_slice(&text);
        }
        Ok(content)
    }

    fn text<'a>(
        &'a self,
        part: &'a Part,
        request: &Request<'a>,
        carried: &'a Carried,
    ) -> Result<Cow<'a, [u8]>, Reason> {
        Ok(Cow::Borrowed(match part {
            Part::Literal(text) => text.as_bytes(),
            Part::Method => request.method(),
            Part::Authority => request.single(":authority").unwrap_or_default(),
            Part::Path => request.path(),
            Part::Query => match &self.signature.source {
                Source::Query(name) => return Ok(request.query_without(name).into()),
                _ => request.query(),
            },
            Part::Target => request.target,
            Part::Header { name, optional } => match request.values(name) {
                values if values.is_empty() && !optional => return Err(Reason::SignedHeaderMissing),
                values => return Ok(values.join(&b',').into()),
            },
            Part::KeyId => &carried.key_id,
            Part::Timestamp => &carried.timestamp,
            Part::Nonce => &carried.nonce,
            Part::Body | Part::BodyDigest(_) => &[],
        }))
    }
}

fn contains(text: &[u8], delimiter: &[u8]) -> bool {
    !delimiter.is_empty() && text.windows(delimiter.len()).any(|part| part == delimiter)
}
