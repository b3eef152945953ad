//! A table that all workers share, on top of the host's shared data.
//!
//! Shared data has neither a bound nor an end: keys are never removed. A table uses a fixed number of them, its slots;
//! a key belongs to one slot, which holds up to [`WAYS`] entries with their expiry.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;
use core::hash::Hasher;
use core::time::Duration;

use siphasher::sip::SipHasher13;

use crate::{Host, Status};

/// How many entries a slot holds.
pub const WAYS: usize = 8;

/// The longest key and value together, in bytes. With the number of slots it bounds the memory of a table.
pub const LONGEST_ENTRY: usize = 4096;

/// As often is a change tried again that another worker's came before.
const ATTEMPTS: usize = 32;

/// With a version that a slot cannot have, the host takes a value only for a slot that was never set.
const NEVER_SET: u32 = u32::MAX;

/// A place of the host's shared data. Only tables make them, so that all that is shared has a bound and an end.
#[derive(Debug)]
pub struct Slot(String);

impl Slot {
    /// The key of the host's shared data.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0
    }
}

/// What happens to a new entry where there is no room among those that have not expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// It takes the place of the one that expires first: for caches.
    FirstToExpire,
    /// It is not taken in: for what must not be forgotten, such as nonces that were used.
    Never,
}

/// What became of an entry that must be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It was new, and is in the table.
    New,
    /// There is one with this key that has not expired.
    Present,
    /// There is no room for it.
    Full,
}

/// A table of bounded size.
///
/// What a client chooses cannot be aimed at one slot: slots are chosen by a keyed hash whose key the first worker makes
/// of the time.
#[derive(Debug)]
pub struct SharedTable {
    name: &'static str,
    schema: u8,
    slots: u32,
    eviction: Eviction,
    seed: Cell<Option<u64>>,
}

impl SharedTable {
    /// A table by its name among those of the filter. `schema` is the version of what is kept: slots of another one
    /// are empty. There are `slots` of them, at least one.
    #[must_use]
    pub const fn new(name: &'static str, schema: u8, slots: u32, eviction: Eviction) -> Self {
        Self { name, schema, slots, eviction, seed: Cell::new(None) }
    }

    /// The value of a key that has not expired.
    pub fn get<H: Host>(&self, host: &H, key: &[u8]) -> Result<Option<Vec<u8>>, Status> {
        let Some((bytes, _)) = host.shared_data(&self.slot(host, key)?)? else {
            return Ok(None);
        };
        let entries = self.entries(&bytes, host.now()?);
        Ok(entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.to_vec()))
    }

    /// Set a key for a while. False if there is no room for it.
    pub fn put<H: Host>(&self, host: &H, key: &[u8], value: &[u8], lifetime: Duration) -> Result<bool, Status> {
        self.update(host, key, lifetime, |_| Some(value.to_vec()))
    }

    /// Set a key that must not be there: of all workers that try, one gets [`Inserted::New`].
    pub fn insert<H: Host>(&self, host: &H, key: &[u8], value: &[u8], lifetime: Duration) -> Result<Inserted, Status> {
        let mut present = false;
        let inserted = self.update(host, key, lifetime, |current| {
            present = current.is_some();
            (!present).then(|| value.to_vec())
        })?;
        Ok(match (inserted, present) {
            (_, true) => Inserted::Present,
            (true, false) => Inserted::New,
            (false, false) => Inserted::Full,
        })
    }

    /// Set a key to what `change` makes of its value, or leave it if that is nothing. True if it was set.
    ///
    /// No other worker's change comes between; so that it cannot, `change` may run several times.
    /// [`Status::CAS_MISMATCH`] if others came before each time.
    pub fn update<H: Host>(
        &self,
        host: &H,
        key: &[u8],
        lifetime: Duration,
        mut change: impl FnMut(Option<&[u8]>) -> Option<Vec<u8>>,
    ) -> Result<bool, Status> {
        let lifetime = u64::try_from(lifetime.as_nanos()).unwrap_or(u64::MAX);
        self.swap(host, key, &mut |entries, now| {
            let place = entries.iter().position(|entry| entry.key == key);
            let current = place.and_then(|place| entries.get(place)).map(|entry| entry.value);
            let value = change(current)?;
            if key.len() + value.len() > LONGEST_ENTRY {
                return None;
            }
            if let Some(place) = place {
                entries.remove(place);
            }
            self.make_room(entries).then(|| (value, now.saturating_add(lifetime)))
        })
    }

    /// Forget a key.
    pub fn remove<H: Host>(&self, host: &H, key: &[u8]) -> Result<(), Status> {
        // An entry that has expired at once is one that is gone.
        self.update(host, key, Duration::ZERO, |current| current.map(|_| Vec::new())).map(|_| ())
    }

    /// Whether there is a place among the entries, after one has made way for it if it may.
    fn make_room(&self, entries: &mut Vec<Entry<'_>>) -> bool {
        if entries.len() < WAYS {
            return true;
        }
        if self.eviction == Eviction::Never {
            return false;
        }
        let first = entries.iter().enumerate().min_by_key(|(_, entry)| entry.expiry);
        if let Some((place, _)) = first {
            entries.swap_remove(place);
        }
        true
    }

    /// One function for all changes, which are rare and go to the host twice each.
    fn swap<H: Host>(&self, host: &H, key: &[u8], change: &mut Change<'_>) -> Result<bool, Status> {
        let slot = self.slot(host, key)?;
        for _ in 0..ATTEMPTS {
            let now = host.now()?;
            let (bytes, version) = host.shared_data(&slot)?.unwrap_or((Vec::new(), NEVER_SET));
            let mut entries = self.entries(&bytes, now);
            let Some((value, expiry)) = change(&mut entries, now) else {
                return Ok(false);
            };
            entries.push(Entry { expiry, key, value: &value });
            match host.set_shared_data(&slot, &self.encode(&entries), version) {
                Err(Status::CAS_MISMATCH) => {}
                result => return result.map(|()| true),
            }
        }
        Err(Status::CAS_MISMATCH)
    }

    fn slot<H: Host>(&self, host: &H, key: &[u8]) -> Result<Slot, Status> {
        let mut hasher = SipHasher13::new();
        hasher.write(&self.seed(host)?.to_le_bytes());
        hasher.write(key);
        let slot = hasher.finish() % u64::from(self.slots.max(1));
        Ok(Slot([self.name, "/", &slot.to_string()].concat()))
    }

    /// All workers have the seed of the one that came first.
    fn seed<H: Host>(&self, host: &H) -> Result<u64, Status> {
        if let Some(seed) = self.seed.get() {
            return Ok(seed);
        }
        let slot = Slot([self.name, "/seed"].concat());
        for _ in 0..ATTEMPTS {
            let seed = match host.shared_data(&slot)? {
                Some((bytes, _)) => u64::from_le_bytes(bytes.try_into().map_err(|_| Status::PARSE_FAILURE)?),
                None => {
                    let seed = host.now()?;
                    match host.set_shared_data(&slot, &seed.to_le_bytes(), NEVER_SET) {
                        Ok(()) => seed,
                        Err(Status::CAS_MISMATCH) => continue,
                        Err(status) => return Err(status),
                    }
                }
            };
            self.seed.set(Some(seed));
            return Ok(seed);
        }
        Err(Status::CAS_MISMATCH)
    }

    /// The entries of a slot that have not expired: none if it has another schema or another form.
    fn entries<'a>(&self, bytes: &'a [u8], now: u64) -> Vec<Entry<'a>> {
        let entries = match bytes.split_first() {
            Some((schema, entries)) if *schema == self.schema => decode(entries),
            _ => None,
        };
        let mut entries = entries.unwrap_or_default();
        entries.retain(|entry| entry.expiry > now);
        entries
    }

    fn encode(&self, entries: &[Entry<'_>]) -> Vec<u8> {
        let mut bytes = vec![self.schema];
        for entry in entries {
            bytes.extend(entry.expiry.to_le_bytes());
            for part in [entry.key, entry.value] {
                // No part is longer than LONGEST_ENTRY.
                bytes.extend((part.len() as u16).to_le_bytes());
                bytes.extend(part);
            }
        }
        bytes
    }
}

/// Makes of the entries of a slot, at a time, the value and the expiry of the one that is set; nothing if none is.
type Change<'a> = dyn FnMut(&mut Vec<Entry<'_>>, u64) -> Option<(Vec<u8>, u64)> + 'a;

struct Entry<'a> {
    expiry: u64,
    key: &'a [u8],
    value: &'a [u8],
}

fn decode(mut bytes: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut entries = Vec::with_capacity(WAYS);
    while !bytes.is_empty() {
        let (expiry, key, value);
        (expiry, bytes) = bytes.split_first_chunk()?;
        (key, bytes) = part(bytes)?;
        (value, bytes) = part(bytes)?;
        entries.push(Entry { expiry: u64::from_le_bytes(*expiry), key, value });
    }
    Some(entries)
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_le_bytes(*size).into())
}
