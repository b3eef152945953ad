//! Names that clients send, of which a bounded number is ever taken.

use std::collections::BTreeSet;

/// Why a name was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not listed, and only listed ones are taken.
    NotListed,
    /// As many as the limit allows have been taken before.
    Limit,
}

/// Listed names, and up to `limit` others in the order in which this worker meets them.
#[derive(Debug, Default)]
pub struct Names {
    listed: BTreeSet<String>,
    met: BTreeSet<String>,
    limit: usize,
}

impl Names {
    /// No other name has been met.
    pub fn new(listed: impl IntoIterator<Item = String>, limit: usize) -> Self {
        Self { listed: listed.into_iter().collect(), met: BTreeSet::new(), limit }
    }

    /// Whether `name` is to be taken; one beyond the listed ones counts from then on.
    pub fn take(&mut self, name: &str) -> Result<(), Refusal> {
        if self.listed.contains(name) || self.met.contains(name) {
            return Ok(());
        }
        if self.limit == 0 {
            return Err(Refusal::NotListed);
        }
        if self.met.len() >= self.limit {
            return Err(Refusal::Limit);
        }
        self.met.insert(name.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_names_are_taken_whatever_else_was_met() {
        let mut names = Names::new(["a".to_owned()], 0);
        assert_eq!(names.take("a"), Ok(()));
        assert_eq!(names.take("b"), Err(Refusal::NotListed));
    }

    #[test]
    fn the_limit_holds_and_those_within_it_stay() {
        let mut names = Names::new(["a".to_owned()], 2);
        let taken: Vec<_> = ["b", "c", "d", "b", "a", "e"].map(|name| names.take(name)).into();
        assert_eq!(taken, [Ok(()), Ok(()), Err(Refusal::Limit), Ok(()), Ok(()), Err(Refusal::Limit)]);
    }
}
