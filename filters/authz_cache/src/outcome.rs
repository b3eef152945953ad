//! What became of a request, and where that is told.

use alloc::string::String;

use lateen_sdk::{declare, Counter, Host, Level, Map, Pairs, Status};

use crate::config::{Logged, Mode};
use crate::inputs::{first, without_query};

/// Longer hosts and paths are cut in the log.
const LONGEST_TOLD: usize = 256;

const PREFIX: &str = "lateen_authz_cache_";
const DECISION: &str = "authz_cache.decision";
const REASON: &str = "authz_cache.reason";

/// Why a request passes or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The authorizer says so.
    Allowed,
    /// It said so, and that still holds.
    AllowedCached,
    /// It said so, that held until lately, and now it cannot be asked.
    AllowedStale,
    /// The authorizer refuses.
    Denied,
    /// It refused, and that still holds.
    DeniedCached,
    /// It cannot be asked.
    Unavailable,
    /// It answers with something that is no decision.
    InvalidAnswer,
    /// The host does not hand over what it would be asked about, or does not take what it answered.
    Unreadable,
}

impl Reason {
    const ALL: [Self; 8] = [
        Self::Allowed,
        Self::AllowedCached,
        Self::AllowedStale,
        Self::Denied,
        Self::DeniedCached,
        Self::Unavailable,
        Self::InvalidAnswer,
        Self::Unreadable,
    ];

    /// The response code details; behind their prefix stands the reason's own name, also the name of its counter.
    pub const fn details(self) -> &'static str {
        match self {
            Self::Allowed => "lateen_authz_cache_allowed",
            Self::AllowedCached => "lateen_authz_cache_allowed_cached",
            Self::AllowedStale => "lateen_authz_cache_allowed_stale",
            Self::Denied => "lateen_authz_cache_denied",
            Self::DeniedCached => "lateen_authz_cache_denied_cached",
            Self::Unavailable => "lateen_authz_cache_unavailable",
            Self::InvalidAnswer => "lateen_authz_cache_invalid_answer",
            Self::Unreadable => "lateen_authz_cache_unreadable",
        }
    }

    fn name(self) -> &'static str {
        self.details().get(PREFIX.len()..).unwrap_or_default()
    }

    fn allows(self) -> bool {
        matches!(self, Self::Allowed | Self::AllowedCached | Self::AllowedStale)
    }
}

/// Where outcomes are counted and told.
pub struct Record {
    mode: Mode,
    logged: Logged,
    reasons: [Counter; 8],
    calls: Counter,
    joined: Counter,
}

impl Record {
    /// Define the counters and declare the attributes.
    pub fn new<H: Host>(host: &H, mode: Mode, logged: Logged) -> Result<Self, String> {
        let define = |name| host.define_counter(name).map_err(|status| status.line(&["counter ", name].concat()));
        for attribute in [DECISION, REASON] {
            declare(host, attribute).map_err(|status| status.line(&["attribute ", attribute].concat()))?;
        }
        let calls = define("lateen_authz_cache_calls")?;
        let mut reasons = [calls; 8];
        for (counter, reason) in reasons.iter_mut().zip(Reason::ALL) {
            *counter = define(reason.details())?;
        }
        Ok(Self { mode, logged, reasons, calls, joined: define("lateen_authz_cache_joined")? })
    }

    /// The authorizer is asked.
    pub fn asked<H: Host>(&self, host: &H) {
        count(host, self.calls);
    }

    /// A request waits for an answer that another has asked for.
    pub fn joined<H: Host>(&self, host: &H) {
        count(host, self.joined);
    }

    /// The outcome of the request of the stream.
    pub fn outcome<H: Host>(&self, host: &H, reason: Reason) {
        if let Some(counter) = self.reasons.get(reason as usize) {
            count(host, *counter);
        }
        let decision = if reason.allows() { "allow" } else { "deny" };
        for (key, value) in [(DECISION, decision), (REASON, reason.name())] {
            if let Err(status) = host.set_filter_state(key, value.as_bytes()) {
                host.log(Level::Error, &status.line(&["filter state ", key, " cannot be set"].concat()));
            }
        }
        if self.logged == Logged::All || (self.logged == Logged::Denied && !reason.allows()) {
            // Without its request a refusal is told all the same.
            let request = host.pairs(Map::RequestHeaders).unwrap_or_default();
            host.log(Level::Info, &self.line(decision, reason, &request));
        }
    }

    /// The path is told without its query, in which secrets may stand.
    fn line(&self, decision: &str, reason: Reason, request: &Pairs) -> String {
        let mode = if self.mode == Mode::Enforce { "enforce" } else { "shadow" };
        let mut line = String::from("authz_cache {");
        let members = [
            ("decision", decision.as_bytes()),
            ("reason", reason.name().as_bytes()),
            ("mode", mode.as_bytes()),
            ("method", first(request, ":method")),
            ("host", first(request, ":authority")),
            ("path", without_query(first(request, ":path"))),
        ];
        for (place, (name, value)) in members.into_iter().enumerate() {
            line.push_str(if place == 0 { "\"" } else { ",\"" });
            line.push_str(name);
            line.push_str("\":\"");
            escape(value.get(..LONGEST_TOLD).unwrap_or(value), &mut line);
            line.push('"');
        }
        line.push('}');
        line
    }
}

/// A count that the host does not take is no reason to decide otherwise.
fn count<H: Host>(host: &H, counter: Counter) {
    let _: Result<(), Status> = host.increment(counter, 1);
}

/// The text within a string of JSON.
fn escape(text: &[u8], line: &mut String) {
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '"' | '\\' => line.extend(['\\', character]),
            control if control.is_control() => {
                // There are none beyond U+009F.
                line.push_str("\\u00");
                line.extend([4, 0].iter().filter_map(|shift| char::from_digit(u32::from(control) >> shift & 15, 16)));
            }
            plain => line.push(plain),
        }
    }
}
