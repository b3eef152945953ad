//! A request under verification: it begins with the headers, sees every byte of the body, and ends with a verdict.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use crate::content_digest::{self, Claims};
use crate::encoding::Encoding;
use crate::key::Key;
use crate::mac::{Algorithm, Code, Hash, Mac};
use crate::reason::{Fault, Reason};
use crate::recipe::{Carried, Part, Recipe};
use crate::request::Request;

/// A way to sign and who may do so.
pub struct Scheme {
    /// The rule that it belongs to.
    pub rule: String,
    pub recipe: Recipe,
    /// At least one. Without a key id in requests each of them is tried.
    pub keys: Vec<Key>,
}

/// A request whose headers are in order and whose signature is not yet compared.
pub struct Verification {
    scheme: Rc<Scheme>,
    candidates: Vec<Candidate>,
    signatures: Vec<Vec<u8>>,
    after: Vec<u8>,
    signed: Option<i64>,
    nonce: Vec<u8>,
    body: Option<Body>,
    claims: Claims,
}

/// A key that could have signed. One that is not valid now only helps to tell replays.
struct Candidate {
    key: usize,
    mac: Mac,
    valid: bool,
}

/// How the body is signed.
enum Body {
    Itself,
    Digest(Box<Hash>, Encoding),
}

/// A signature that holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Verified {
    /// The place of the key that made it.
    pub key: usize,
    /// What must not come a second time, if replays are refused.
    pub once: Option<Once>,
}

/// A mark of a request, and until when (in seconds since 1970) it could be replayed.
#[derive(Debug, PartialEq, Eq)]
pub struct Once {
    pub mark: Vec<u8>,
    pub until: i64,
}

impl Verification {
    /// Check everything that the headers alone tell, at the time `now`.
    pub fn begin(scheme: &Rc<Scheme>, request: &Request, now: i64) -> Result<Self, Reason> {
        let recipe = &scheme.recipe;
        let signatures = recipe.signatures(request)?;
        let mut carried = Carried::default();
        if let Some(source) = &recipe.key_id {
            carried.key_id = source.read(request).map_err(Reason::KeyId)?;
        }
        let mut candidates = scheme.candidates(&carried.key_id, now)?;
        let mut signed = None;
        if let Some(timestamp) = &recipe.timestamp {
            carried.timestamp = timestamp.source.read(request).map_err(Reason::Timestamp)?;
            let malformed = Reason::Timestamp(Fault::Malformed);
            let time = timestamp.format.read(&carried.timestamp).ok_or(malformed)?;
            timestamp.check(time, now)?;
            signed = Some(time);
        }
        if let Some(source) = &recipe.nonce {
            carried.nonce = source.read(request).map_err(Reason::Nonce)?;
        }
        let claims = if recipe.content_digest { content_digest::claims(request)? } else { Claims::new() };
        let content = recipe.content(request, &carried)?;
        for candidate in &mut candidates {
            candidate.mac.update(&content.before);
        }
        let body = recipe.parts.iter().find_map(|part| match part {
            Part::Body => Some(Body::Itself),
            Part::BodyDigest(encoding) => Some(Body::Digest(Box::new(Hash::new(recipe.algorithm)), *encoding)),
            _ => None,
        });
        let (scheme, after, nonce) = (Rc::clone(scheme), content.after, carried.nonce);
        Ok(Self { scheme, candidates, signatures, after, signed, nonce, body, claims })
    }

    /// The next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.body {
            Some(Body::Itself) => self.candidates.iter_mut().for_each(|candidate| candidate.mac.update(bytes)),
            Some(Body::Digest(hash, _)) => hash.update(bytes),
            None => {}
        }
        for (hash, _) in &mut self.claims {
            hash.update(bytes);
        }
    }

    /// The verdict, at the time `now`: a request must also be complete before its time is over, because nobody
    /// remembers it for longer.
    pub fn finish(mut self, now: i64) -> Result<Verified, Reason> {
        if let Some(Body::Digest(hash, encoding)) = self.body {
            let text = encoding.encode(&hash.finish());
            self.candidates.iter_mut().for_each(|candidate| candidate.mac.update(text.as_bytes()));
        }
        let mut signer = None;
        let mut first = None;
        for mut candidate in self.candidates {
            candidate.mac.update(&self.after);
            let code = candidate.mac.finish();
            let matches = self.signatures.iter().fold(false, |found, signature| found | code.is(signature));
            if matches && candidate.valid && signer.is_none() {
                signer = Some(candidate.key);
            }
            first.get_or_insert(code);
        }
        let key = signer.ok_or(Reason::SignatureMismatch)?;
        if !content_digest::hold(self.claims) {
            return Err(Reason::ContentDigestMismatch);
        }
        let mut once = None;
        if let (Some(timestamp), Some(signed)) = (&self.scheme.recipe.timestamp, self.signed) {
            timestamp.check(signed, now)?;
            if self.scheme.recipe.refuse_replays {
                let mark = self.scheme.mark(key, &self.nonce, first);
                once = Some(Once { mark, until: signed.saturating_add(timestamp.past) });
            }
        }
        Ok(Verified { key, once })
    }
}

impl Scheme {
    /// The key with that id, or all keys where requests name none: the first of them also if it is not valid now,
    /// because it is what replays are told by.
    fn candidates(&self, id: &[u8], now: i64) -> Result<Vec<Candidate>, Reason> {
        let candidate =
            |(key, found): (usize, &Key)| Candidate { key, mac: found.mac.clone(), valid: found.valid(now).is_ok() };
        let mut keys = self.keys.iter().enumerate();
        if self.recipe.key_id.is_some() {
            let found = keys.find(|(_, key)| key.id.as_bytes() == id).ok_or(Reason::KeyUnknown)?;
            found.1.valid(now)?;
            return Ok(vec![candidate(found)]);
        }
        let candidates: Vec<_> = keys.map(candidate).filter(|one| one.valid || one.key == 0).collect();
        match candidates.iter().any(|one| one.valid) {
            true => Ok(candidates),
            false => Err(self.keys.iter().find_map(|key| key.valid(now).err()).unwrap_or(Reason::KeyUnknown)),
        }
    }

    /// What is the same in a replay and in nothing else: the nonce of a key, else the signed content, by its code under
    /// the first candidate. A signature that comes with others would be no mark, because a replay could leave it out.
    fn mark(&self, key: usize, nonce: &[u8], first: Option<Code>) -> Vec<u8> {
        let mut hash = Hash::new(Algorithm::Sha256);
        hash.update(self.rule.as_bytes());
        hash.update(&[0]);
        match (&self.recipe.nonce, first) {
            (None, Some(code)) => hash.update(&code.into_bytes()),
            _ => {
                if let (Some(_), Some(key)) = (&self.recipe.key_id, self.keys.get(key)) {
                    hash.update(key.id.as_bytes());
                }
                hash.update(&[0]);
                hash.update(nonce);
            }
        }
        hash.finish()
    }
}
