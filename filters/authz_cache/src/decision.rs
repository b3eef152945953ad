//! What an authorizer decided.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// Names and values of headers.
pub type Fields = Vec<(String, Vec<u8>)>;

/// The longest body of a refusal that is handed on. A longer one is left out: half of it would be none.
pub const LONGEST_BODY: usize = 8192;

/// Whether a value can stand in a header: Envoy does not look, and a line break would begin another one.
pub fn fits_header(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n'))
}

/// A decision with all that goes with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Of a refusal.
    pub status: u32,
    /// Of a refusal.
    pub body: Vec<u8>,
    /// Headers that the request gets in place of its own ones of these names.
    pub set: Fields,
    /// Headers that the request gets in addition.
    pub append: Fields,
    /// Headers that the request loses.
    pub remove: Vec<String>,
    /// Headers that the client gets: of a refusal, or in addition to the upstream's.
    pub client: Fields,
}

/// A decision, for how long it holds if the authorizer said so, and whether it may be used later when nobody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub decision: Decision,
    pub lifetime: Option<Duration>,
    pub stale: bool,
}

/// Why there is no decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The authorizer was not reached, did not answer in time, or says that it cannot.
    Unavailable,
    /// Its answer is none.
    Invalid,
}

impl Decision {
    /// A refusal without anything else.
    pub fn refusal(status: u32) -> Self {
        Self { status, ..Self::default() }
    }

    /// What it takes to keep it, in bytes.
    pub fn size(&self) -> usize {
        let fields = [&self.set, &self.append, &self.client].into_iter().flatten();
        let headers: usize = fields.map(|(name, value)| name.len() + value.len()).sum();
        headers + self.body.len() + self.remove.iter().map(String::len).sum::<usize>()
    }

    /// Whether it belongs to one client alone.
    pub fn is_personal(&self) -> bool {
        self.client.iter().any(|(name, _)| name == "set-cookie")
    }
}
