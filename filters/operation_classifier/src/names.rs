//! Names that clients send, of which a bounded number is ever taken.

use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of a name that is not listed: it becomes the value of a label.
const MAX_NAME: usize = 200;

/// Why a name was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not listed, and only listed ones are taken, or it is too long.
    NotListed,
    /// As many as the limit allows have been taken before.
    Limit,
}

/// Listed names, and up to `limit` others in the order in which this worker meets them.
#[derive(Debug, Default)]
pub struct Names {
    listed: Sorted<()>,
    met: Sorted<()>,
    limit: usize,
}

impl Names {
    /// No other name has been met.
    pub fn new(listed: Sorted<()>, limit: usize) -> Self {
        Self { listed, met: Sorted::default(), limit }
    }

    /// Whether `name` is to be taken; one beyond the listed ones counts from then on.
    pub fn take(&mut self, name: &str) -> Result<(), Refusal> {
        if self.listed.get(name).or(self.met.get(name)).is_some() {
            return Ok(());
        }
        if self.limit == 0 || name.len() > MAX_NAME {
            return Err(Refusal::NotListed);
        }
        if self.met.0.len() >= self.limit {
            return Err(Refusal::Limit);
        }
        self.met.insert(name.into(), ());
        Ok(())
    }
}

/// Values by name: a sorted list, since the map of the standard library would be a tenth of this module.
#[derive(Debug)]
pub struct Sorted<T>(Vec<(String, T)>);

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Sorted<T> {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        let place = self.find(name).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// Set the value of a name that has none; cheap for names that come in their order.
    pub fn insert(&mut self, name: String, value: T) {
        if let Err(place) = self.find(&name) {
            self.0.insert(place, (name, value));
        }
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str) -> Sorted<()> {
        let mut names = Sorted::default();
        names.insert(name.into(), ());
        names
    }

    #[test]
    fn listed_names_are_taken_whatever_else_was_met() {
        let mut names = Names::new(listed("a"), 0);
        assert_eq!(names.take("a"), Ok(()));
        assert_eq!(names.take("b"), Err(Refusal::NotListed));
    }

    #[test]
    fn the_limit_holds_and_those_within_it_stay() {
        let mut names = Names::new(listed("a"), 2);
        let taken: Vec<_> = ["b", "c", "d", "b", "a", "e"].map(|name| names.take(name)).into();
        assert_eq!(taken, [Ok(()), Ok(()), Err(Refusal::Limit), Ok(()), Ok(()), Err(Refusal::Limit)]);
    }

    #[test]
    fn a_long_name_is_taken_only_if_it_is_listed() {
        let long = "x".repeat(201);
        assert_eq!(Names::new(Sorted::default(), 2).take(&long), Err(Refusal::NotListed));
        assert_eq!(Names::new(listed(&long), 2).take(&long), Ok(()));
    }

    #[test]
    fn names_are_found_in_whatever_order_they_came() {
        let mut names = Sorted::default();
        for (place, name) in ["m", "a", "z", "b", "m"].into_iter().enumerate() {
            names.insert(name.into(), place);
        }
        assert_eq!(
            ["a", "b", "m", "z", "c"].map(|name| names.get(name).copied()),
            [Some(1), Some(3), Some(0), Some(2), None]
        );
    }
}
