//! Decoded metadata by its encoded form, so that a peer's is decoded once and not per request.
//!
//! The key is the content itself, not the id that comes with it: one peer can never be remembered under another's name.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

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
    pub fn get(&mut self, claim: &[u8], decode: impl FnOnce() -> Option<Peer>) -> Option<Rc<Peer>> {
        let found = self.find(claim).ok().and_then(|place| self.entries.get(place));
        if let Some(entry) = found {
            return Some(Rc::clone(&entry.peer));
        }
        let peer = Rc::new(decode()?);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn named(claim: &[u8]) -> Option<Peer> {
        let namespace = String::from_utf8(claim.to_vec()).ok()?;
        Some(Peer::in_namespace(namespace))
    }

    fn known(cache: &Cache, claim: &str) -> bool {
        cache.find(claim.as_bytes()).is_ok()
    }

    #[test]
    fn a_claim_is_decoded_once() {
        let mut cache = Cache::default();
        let first = cache.get(b"a", || named(b"a")).unwrap();
        let second = cache.get(b"a", || None).unwrap();
        assert_eq!(first, second);
        assert_eq!(second.namespace(), "a");
    }

    #[test]
    fn what_cannot_be_decoded_is_not_remembered() {
        let mut cache = Cache::default();
        assert_eq!(cache.get(b"a", || None), None);
        assert!(cache.get(b"a", || named(b"a")).is_some());
    }

    #[test]
    fn a_full_cache_loses_its_oldest_quarter() {
        let mut cache = Cache::default();
        let claims: Vec<_> = (0..=CAPACITY).map(|n| format!("claim {n}")).collect();
        for claim in &claims {
            cache.get(claim.as_bytes(), || named(claim.as_bytes()));
        }
        assert_eq!(cache.entries.len(), CAPACITY - CAPACITY / 4 + 1);
        assert!(claims[..CAPACITY / 4].iter().all(|claim| !known(&cache, claim)));
        assert!(claims[CAPACITY / 4..].iter().all(|claim| known(&cache, claim)));
    }

    #[test]
    fn the_cache_never_grows_beyond_its_bounds() {
        let mut cache = Cache::default();
        for n in 0..5 * CAPACITY {
            let claim = format!("claim {n}");
            cache.get(claim.as_bytes(), || named(claim.as_bytes()));
            assert!(cache.entries.len() <= CAPACITY);
        }
        let long = "x".repeat(LONGEST_KEY + 1);
        assert!(cache.get(long.as_bytes(), || named(long.as_bytes())).is_some());
        assert!(!known(&cache, &long));
    }
}
