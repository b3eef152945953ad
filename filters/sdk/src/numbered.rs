//! Values by a number that the host gave.

use alloc::vec::Vec;

/// A sorted list. Numbers mostly grow, so a new one goes to the end, and a hash table would be most of a small module.
pub struct Numbered<T>(Vec<(u32, T)>);

impl<T> Numbered<T> {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        let place = self.find(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    pub fn insert(&mut self, key: u32, value: T) {
        self.remove(key);
        if let Err(place) = self.find(key) {
            self.0.insert(place, (key, value));
        }
    }

    pub fn remove(&mut self, key: u32) -> Option<T> {
        let place = self.find(key).ok()?;
        Some(self.0.remove(place).1)
    }

    fn find(&self, key: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&key, |(key, _)| *key)
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self::new()
    }
}
