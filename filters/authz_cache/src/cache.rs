//! Decisions that still hold. Each worker has its own.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::decision::Decision;
use crate::inputs::Key;

/// A decision with more to it than this, in bytes, is not kept. It bounds the memory of a worker.
pub const LARGEST: usize = 16_384;

/// How many decisions share a bucket.
const WAYS: usize = 8;

/// Decisions by their key. A quarter of the room is for refusals, so that somebody who is refused again and again, each
/// time with something new, does not push out those who are not.
pub struct Cache {
    allowed: Room,
    denied: Room,
}

/// Entries in buckets of [`WAYS`]: whatever comes, none is looked for in more than one of them. A key is a digest, so
/// it also says in which.
struct Room {
    buckets: Vec<Vec<Entry>>,
}

struct Entry {
    key: Key,
    decision: Rc<Decision>,
    term: Term,
}

/// When a decision ends, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Until then it holds.
    pub fresh_until: u64,
    /// Until then it may be used if no other can be had.
    pub until: u64,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A decision that holds.
    Fresh(Rc<Decision>),
    /// One that holds only if no other can be had.
    Stale(Rc<Decision>),
    Nothing,
}

impl Cache {
    /// Room for `entries` decisions.
    pub fn new(entries: usize) -> Self {
        let denied = (entries / 4).max(1);
        Self { allowed: Room::new(entries.saturating_sub(denied).max(1)), denied: Room::new(denied) }
    }

    /// What is known of a key at a time in nanoseconds.
    pub fn get(&self, key: &Key, now: u64) -> Found {
        let Some(entry) = self.allowed.get(key).or_else(|| self.denied.get(key)) else {
            return Found::Nothing;
        };
        let decision = Rc::clone(&entry.decision);
        if now < entry.term.fresh_until {
            Found::Fresh(decision)
        } else if now < entry.term.until {
            Found::Stale(decision)
        } else {
            Found::Nothing
        }
    }

    /// Forget a key.
    pub fn forget(&mut self, key: &Key) {
        self.allowed.remove(key);
        self.denied.remove(key);
    }

    /// Keep a decision in place of what was known.
    pub fn put(&mut self, key: Key, decision: &Rc<Decision>, term: Term) {
        self.forget(&key);
        if decision.size() <= LARGEST {
            let room = if decision.allowed { &mut self.allowed } else { &mut self.denied };
            room.insert(Entry { key, decision: Rc::clone(decision), term });
        }
    }
}

impl Term {
    /// From `now` on: fresh for `lifetime`, and if it allows stale for `stale` more. Nothing if there is no time.
    pub fn new(decision: &Decision, now: u64, lifetime: Duration, stale: Duration) -> Option<Self> {
        if lifetime.is_zero() {
            return None;
        }
        let fresh_until = now.saturating_add(nanoseconds(lifetime));
        let until = if decision.allowed { fresh_until.saturating_add(nanoseconds(stale)) } else { fresh_until };
        Some(Self { fresh_until, until })
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Room {
    fn new(capacity: usize) -> Self {
        Self { buckets: (0..capacity.div_ceil(WAYS).max(1)).map(|_| Vec::new()).collect() }
    }

    fn get(&self, key: &Key) -> Option<&Entry> {
        self.buckets.get(self.place(key))?.iter().find(|entry| entry.key == *key)
    }

    fn remove(&mut self, key: &Key) {
        let place = self.place(key);
        if let Some(bucket) = self.buckets.get_mut(place) {
            bucket.retain(|entry| entry.key != *key);
        }
    }

    /// Where there is no room, the decision goes that ends first.
    fn insert(&mut self, entry: Entry) {
        let place = self.place(&entry.key);
        if let Some(bucket) = self.buckets.get_mut(place) {
            if bucket.len() >= WAYS {
                let first =
                    bucket.iter().enumerate().min_by_key(|(_, entry)| entry.term.until).map_or(0, |(place, _)| place);
                bucket.swap_remove(first);
            }
            bucket.push(entry);
        }
    }

    fn place(&self, key: &Key) -> usize {
        let digits = key.first_chunk().map_or(0, |digits| u32::from_le_bytes(*digits));
        digits as usize % self.buckets.len().max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [1; 32];

    fn decision(allowed: bool) -> Rc<Decision> {
        Rc::new(Decision { allowed, ..Decision::default() })
    }

    fn put(cache: &mut Cache, key: Key, decision: &Rc<Decision>, now: u64, lifetime: u64, stale: u64) {
        let (lifetime, stale) = (Duration::from_nanos(lifetime), Duration::from_nanos(stale));
        match Term::new(decision, now, lifetime, stale) {
            Some(term) => cache.put(key, decision, term),
            None => cache.forget(&key),
        }
    }

    fn key(number: usize) -> Key {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(number as u64).to_le_bytes());
        key
    }

    #[test]
    fn a_decision_holds_then_is_stale_then_is_gone() {
        let mut cache = Cache::new(8);
        let allowed = decision(true);
        put(&mut cache, KEY, &allowed, 100, 10, 5);
        assert_eq!(cache.get(&KEY, 109), Found::Fresh(Rc::clone(&allowed)));
        assert_eq!(cache.get(&KEY, 110), Found::Stale(Rc::clone(&allowed)));
        assert_eq!(cache.get(&KEY, 114), Found::Stale(allowed));
        assert_eq!(cache.get(&KEY, 115), Found::Nothing);
    }

    #[test]
    fn a_refusal_is_never_stale() {
        let mut cache = Cache::new(8);
        put(&mut cache, KEY, &decision(false), 100, 10, 5);
        assert_eq!(cache.get(&KEY, 109), Found::Fresh(decision(false)));
        assert_eq!(cache.get(&KEY, 110), Found::Nothing);
    }

    #[test]
    fn a_new_decision_takes_the_place_of_the_other_kind_even_if_it_is_not_kept() {
        let mut cache = Cache::new(8);
        put(&mut cache, KEY, &decision(true), 100, 10, 50);
        put(&mut cache, KEY, &decision(false), 110, 0, 50);
        assert_eq!(cache.get(&KEY, 111), Found::Nothing);
        put(&mut cache, KEY, &decision(true), 100, 10, 50);
        put(&mut cache, KEY, &decision(false), 105, 10, 50);
        assert_eq!(cache.get(&KEY, 106), Found::Fresh(decision(false)));
    }

    #[test]
    fn refusals_do_not_push_out_those_who_are_allowed() {
        let mut cache = Cache::new(32);
        (0..WAYS).for_each(|n| put(&mut cache, key(n), &decision(true), 100, 10, 0));
        (WAYS..1000).for_each(|n| put(&mut cache, key(n), &decision(false), 100, 1000, 0));
        assert!((0..WAYS).all(|n| cache.get(&key(n), 101) != Found::Nothing));
    }

    #[test]
    fn where_there_is_no_room_the_decision_goes_that_ends_first() {
        let mut cache = Cache::new(4);
        for n in 0..=WAYS {
            // The second to come is the first to go.
            put(&mut cache, key(n), &decision(true), 100, if n == 1 { 5 } else { 10 }, 0);
        }
        let unknown: Vec<_> = (0..=WAYS).filter(|n| cache.get(&key(*n), 101) == Found::Nothing).collect();
        assert_eq!(unknown, [1]);
    }

    #[test]
    fn however_many_come_no_more_are_kept_than_there_is_room_for() {
        let mut cache = Cache::new(64);
        (0..10_000).for_each(|n| put(&mut cache, key(n * 7919), &decision(n / 8 % 2 == 0), 100, 10, 0));
        let kept: usize = [&cache.allowed, &cache.denied].iter().flat_map(|room| &room.buckets).map(Vec::len).sum();
        assert_eq!(kept, 64);
    }

    #[test]
    fn a_decision_that_is_too_large_is_not_kept() {
        let mut cache = Cache::new(4);
        let large = Decision { allowed: true, set: vec![("x".into(), vec![0; LARGEST])], ..Decision::default() };
        put(&mut cache, KEY, &Rc::new(large), 100, 10, 0);
        assert_eq!(cache.get(&KEY, 101), Found::Nothing);
    }
}
