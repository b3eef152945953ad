//! What is allowed, known to all workers.
//!
//! Refusals are not shared: whoever is refused again and again, each time with something new, would push out the others.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use lateen_sdk::wire::{fields, Message, Value};
use lateen_sdk::{Eviction, Host, SharedTable};
use sha2::{Digest, Sha256};

use crate::cache::Term;
use crate::decision::{Decision, Fields};
use crate::inputs::{Inputs, Key};

const WAYS: usize = lateen_sdk::WAYS;

/// The table of a plugin's workers.
pub struct Shared {
    table: SharedTable,
    /// The digest of the configuration, part of each key: the table outlives a change of it, the answers do not.
    configuration: Key,
}

impl Shared {
    /// Room for about `entries` decisions under this configuration.
    pub fn new(entries: usize, configuration: &[u8]) -> Self {
        let slots = u32::try_from(entries / WAYS).unwrap_or(u32::MAX);
        let configuration = Sha256::digest(configuration).into();
        Self { table: SharedTable::new("allowed", 1, slots, Eviction::FirstToExpire), configuration }
    }

    /// The key under which all workers know these inputs.
    pub fn key(&self, inputs: &Inputs<'_>) -> Key {
        inputs.key(&self.configuration)
    }

    /// What another worker was told; nothing if the host does not say.
    pub fn get<H: Host>(&self, host: &H, key: &Key) -> Option<(Rc<Decision>, Term)> {
        let bytes = self.table.get(host, key).ok()??;
        let (decision, term) = decode(&bytes)?;
        Some((Rc::new(decision), term))
    }

    /// Tell the other workers what was decided, or at least that what they knew is over.
    pub fn put<H: Host>(&self, host: &H, key: &Key, decision: &Decision, term: Option<Term>, now: u64) {
        if let Some(term) = term.filter(|_| decision.allowed) {
            let lifetime = core::time::Duration::from_nanos(term.until.saturating_sub(now));
            if self.table.put(host, key, &encode(decision, term), lifetime) == Ok(true) {
                return;
            }
        }
        // Should that fail as well, what they know ends by itself.
        let _ = self.table.remove(host, key);
    }
}

fn encode(decision: &Decision, term: Term) -> Vec<u8> {
    let mut message = Message::default().bytes(1, &term.fresh_until.to_le_bytes()).bytes(2, &term.until.to_le_bytes());
    for (field, headers) in [(3, &decision.set), (4, &decision.append), (5, &decision.client)] {
        for (name, value) in headers {
            message = message.message(field, &Message::default().bytes(1, name.as_bytes()).bytes(2, value));
        }
    }
    for name in &decision.remove {
        message = message.bytes(6, name.as_bytes());
    }
    message.encoded()
}

fn decode(message: &[u8]) -> Option<(Decision, Term)> {
    let mut decision = Decision { allowed: true, ..Decision::default() };
    let mut term = Term { fresh_until: 0, until: 0 };
    for (field, value) in fields(message)? {
        let bytes = value.bytes()?;
        match field {
            1 => term.fresh_until = u64::from_le_bytes(bytes.try_into().ok()?),
            2 => term.until = u64::from_le_bytes(bytes.try_into().ok()?),
            3 => decision.set.extend(header(bytes)?),
            4 => decision.append.extend(header(bytes)?),
            5 => decision.client.extend(header(bytes)?),
            _ => decision.remove.push(String::from_utf8(bytes.to_vec()).ok()?),
        }
    }
    Some((decision, term))
}

fn header(message: &[u8]) -> Option<Fields> {
    match fields(message)?.as_slice() {
        [(1, Value::Bytes(name)), (2, Value::Bytes(value))] => {
            Some(vec![(String::from_utf8(name.to_vec()).ok()?, value.to_vec())])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_what_was_decided() {
        let fields = |name: &str| vec![(name.to_string(), b"\xff1".to_vec()), (name.to_string(), Vec::new())];
        let decision = Decision {
            allowed: true,
            set: fields("a"),
            append: fields("b"),
            client: fields("c"),
            remove: vec!["d".into(), "e".into()],
            ..Decision::default()
        };
        let term = Term { fresh_until: u64::MAX - 1, until: u64::MAX };
        assert_eq!(decode(&encode(&decision, term)), Some((decision, term)));
        assert_eq!(decode(b"\x0a\x01x"), None);
    }
}
