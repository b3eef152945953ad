//! A table that all workers share, on top of the host's shared data.

use core::time::Duration;

use crate::{Host, Status};

/// A place of the host's shared data. Only tables make them, so that all that is shared has a bound and an end.
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
pub struct SharedTable {
    name: &'static str,
    schema: u8,
    slots: u32,
    eviction: Eviction,
}

impl SharedTable {
    /// A table by its name within the module's machines. `schema` is the version of what is kept: entries of another
    /// one are as good as absent. There are `slots` places in the host's shared data with 8 entries each.
    #[must_use]
    pub const fn new(name: &'static str, schema: u8, slots: u32, eviction: Eviction) -> Self {
        Self { name, schema, slots, eviction }
    }

    /// The value of a key that has not expired.
    pub fn get<H: Host>(&self, host: &H, key: &[u8]) -> Result<Option<Vec<u8>>, Status> {
        let _ = (host, key, self.name, self.schema, self.slots, self.eviction);
        Err(Status::INTERNAL_FAILURE)
    }

    /// Set a key for a while. False if there is no room for it.
    pub fn put<H: Host>(&self, host: &H, key: &[u8], value: &[u8], lifetime: Duration) -> Result<bool, Status> {
        let _ = (host, key, value, lifetime);
        Err(Status::INTERNAL_FAILURE)
    }

    /// Set a key that must not be there: of all workers that try, one gets [`Inserted::New`].
    pub fn insert<H: Host>(&self, host: &H, key: &[u8], value: &[u8], lifetime: Duration) -> Result<Inserted, Status> {
        let _ = (host, key, value, lifetime);
        Err(Status::INTERNAL_FAILURE)
    }

    /// Forget a key.
    pub fn remove<H: Host>(&self, host: &H, key: &[u8]) -> Result<(), Status> {
        let _ = (host, key);
        Err(Status::INTERNAL_FAILURE)
    }
}
