//! Decoded metadata by its encoded form, so that a peer's is decoded once and not per request.
//!
//! The key is the content itself, not the id that comes with it: one peer can never be remembered under another's name.

use std::rc::Rc;

use crate::peer::Peer;

/// As many as Istio keeps; a full cache loses its oldest quarter.
pub const CAPACITY: usize = 500;

/// Longer metadata is decoded each time, so that the cache stays below two megabytes.
pub const LONGEST_KEY: usize = 2048;

/// Peers by the header that described them.
#[derive(Default)]
pub struct Cache {
    entries: Vec<Entry>,
    newest: u64,
}

struct Entry {
    claim: Box<[u8]>,
    peer: Rc<Peer>,
    number: u64,
}

impl Cache {
    /// The peer of `claim`, made by `decode` unless it is known already.
    pub fn get(&mut self, claim: &[u8], decode: impl FnOnce(&[u8]) -> Option<Peer>) -> Option<Rc<Peer>> {
        let found = self.find(claim).ok().and_then(|place| self.entries.get(place));
        if let Some(entry) = found {
            return Some(Rc::clone(&entry.peer));
        }
        let peer = Rc::new(decode(claim)?);
        if claim.len() <= LONGEST_KEY {
            self.insert(claim, Rc::clone(&peer));
        }
        Some(peer)
    }

    fn insert(&mut self, claim: &[u8], peer: Rc<Peer>) {
        if self.entries.len() >= CAPACITY {
            let oldest_kept = self.newest - (CAPACITY - CAPACITY / 4) as u64;
            self.entries.retain(|entry| entry.number > oldest_kept);
        }
        if let Err(place) = self.find(claim) {
            self.newest += 1;
            let entry = Entry { claim: claim.into(), peer, number: self.newest };
            self.entries.insert(place, entry);
        }
    }

    /// Entries are in order of their claims.
    fn find(&self, claim: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| (*entry.claim).cmp(claim))
    }
}
