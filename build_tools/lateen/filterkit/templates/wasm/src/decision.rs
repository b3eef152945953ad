//! The decision: from the values of one header to a version or a refusal.

use crate::config::Config;

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// It goes on, with this version.
    Accept(&'a str),
    /// It is refused for this reason.
    Refuse(&'static str),
}

/// Decide by all values of the header: with two of them a client could show one to this filter and the other to the
/// service.
pub fn decide<'a>(config: &'a Config, values: &[&[u8]]) -> Decision<'a> {
    match values {
        [] => config.default.as_deref().map_or(Decision::Refuse("missing"), Decision::Accept),
        [value] => config
            .accept
            .iter()
            .find(|version| version.as_bytes() == *value)
            .map_or(Decision::Refuse("not_accepted"), |version| Decision::Accept(version)),
        _ => Decision::Refuse("repeated"),
    }
}
