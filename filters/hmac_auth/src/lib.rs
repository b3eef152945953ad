//! Requests are signed by somebody who holds a key.
//!
//! Nothing of a request reaches the next filter before its signature holds: headers wait, and the body with them, while
//! it is hashed as it arrives. What is signed, and what else must hold, is written in this folder's README.

#![cfg_attr(target_arch = "wasm32", no_std)]

#[macro_use]
extern crate alloc;

mod config;
mod content_digest;
mod decision;
mod encoding;
mod key;
mod mac;
mod reason;
mod recipe;
mod request;
mod scope;
#[cfg(test)]
mod tests;
mod time;
mod verification;

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use lateen_sdk::{export, Action, Body, Eviction, Filter, Host, Inserted, Map, SharedTable, Status};

use crate::config::{Config, Mode, Rule};
use crate::decision::Decision;
use crate::reason::Reason;
use crate::request::Request;
use crate::verification::{Once, Verification, Verified};

lateen_sdk::without_std!();
export!(HmacAuth: on_request_headers, on_request_body, on_request_trailers);

/// How much of a body is copied into the module at a time.
const PIECE: usize = 64 * 1024;

/// The filter, configured.
pub struct HmacAuth {
    config: Config,
    replays: SharedTable,
}

/// Where a request stands.
#[derive(Default)]
pub enum Stream {
    /// Nothing is left to be decided.
    #[default]
    Passed,
    /// Its body is still to come, or some of it.
    Waiting(Box<Waiting>),
    /// It was answered here.
    Refused,
}

/// A request that is not decided yet.
pub struct Waiting {
    rule: usize,
    verification: Verification,
    /// Bytes of the body that were hashed.
    hashed: usize,
}

impl Filter for HmacAuth {
    type Stream = Stream;

    fn configure<H: Host>(host: &H, configuration: &[u8]) -> Result<Self, String> {
        let config = Config::parse(configuration, &|name| host.variable(name).ok().flatten())?;
        let slots = u32::try_from(config.replay_capacity).unwrap_or(u32::MAX);
        decision::declare(host)?;
        // With as many places as requests, each with room for several, one in 100,000 finds its place full.
        Ok(Self { config, replays: SharedTable::new("replays", 1, slots, Eviction::Never) })
    }

    fn on_request_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        // Read before a client's own copy is removed: requests may name their key in the same header.
        let headers = host.pairs(Map::RequestHeaders);
        let removed = host.remove_header(Map::RequestHeaders, &self.config.key_id_header);
        if self.config.mode == Mode::Off {
            return Action::Continue;
        }
        let readable = removed.and(headers).map_err(|_| Reason::HostFailure);
        let (next, action) = match readable.and_then(|headers| self.begin(host, &Request::new(&headers))) {
            Ok(Begun::Decided(decision)) => (Stream::Passed, self.pass(host, &decision)),
            Ok(Begun::Waiting(waiting)) => (Stream::Waiting(waiting), self.hold()),
            Err(reason) => self.refuse(host, reason),
        };
        *stream = next;
        action
    }

    fn on_request_body<H: Host>(&mut self, stream: &mut Stream, host: &H, size: usize) -> Action {
        self.advance(stream, host, |filter, waiting| {
            filter.read(waiting, host, size)?;
            Ok(host.end_of_stream())
        })
    }

    fn on_request_trailers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        self.advance(stream, host, |_, _| Ok(true))
    }

    fn without_room<H: Host>(&self, host: &H) -> Action {
        // As above: whatever the mode, nobody is to take a client's own copy for what was verified.
        let _ = host.remove_header(Map::RequestHeaders, &self.config.key_id_header);
        self.hold()
    }
}

/// What the headers of a request have led to.
enum Begun<'a> {
    Decided(Decision<'a>),
    Waiting(Box<Waiting>),
}

impl HmacAuth {
    fn begin<H: Host>(&self, host: &H, request: &Request<'_>) -> Result<Begun<'_>, Reason> {
        let (place, rule) = self.rule(request)?;
        let Some(scheme) = &rule.scheme else {
            return Ok(Begun::Decided(Decision::exempt(&rule.name)));
        };
        let now = now(host)?;
        let verification = Verification::begin(scheme, request, now)?;
        let waiting = Waiting { rule: place, verification, hashed: 0 };
        if host.end_of_stream() || !scheme.recipe.reads_body() {
            return self.finish(host, waiting, now).map(Begun::Decided);
        }
        let length =
            request.single("content-length").ok().and_then(|text| core::str::from_utf8(text).ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > self.config.max_body_bytes) {
            return Err(Reason::BodyTooLarge);
        }
        Ok(Begun::Waiting(Box::new(waiting)))
    }

    /// The first rule that covers a request. Where paths choose the rule, a path that could be read in two ways must
    /// not.
    fn rule(&self, request: &Request<'_>) -> Result<(usize, &Rule), Reason> {
        if self.config.rules.iter().any(|rule| rule.scope.path.is_some()) && !scope::is_normal(request.path()) {
            return Err(Reason::PathNotNormal);
        }
        let mut rules = self.config.rules.iter().enumerate();
        rules.find(|(_, rule)| rule.scope.covers(request)).ok_or(Reason::NoRule)
    }

    /// Go on with a request that waits; `step` tells whether that was its end.
    fn advance<H: Host>(
        &self,
        stream: &mut Stream,
        host: &H,
        step: impl FnOnce(&Self, &mut Waiting) -> Result<bool, Reason>,
    ) -> Action {
        let mut waiting = match core::mem::take(stream) {
            Stream::Passed => return Action::Continue,
            Stream::Refused => {
                *stream = Stream::Refused;
                return Action::Pause;
            }
            Stream::Waiting(waiting) => waiting,
        };
        let (next, action) = match step(self, &mut waiting) {
            Ok(false) => (Stream::Waiting(waiting), self.hold()),
            Ok(true) => match now(host).and_then(|now| self.finish(host, *waiting, now)) {
                Ok(decision) => (Stream::Passed, self.pass(host, &decision)),
                Err(reason) => self.refuse(host, reason),
            },
            Err(reason) => self.refuse(host, reason),
        };
        *stream = next;
        action
    }

    /// Hash what has arrived of a body. The host holds all of it where requests wait, else what is new.
    fn read<H: Host>(&self, waiting: &mut Waiting, host: &H, size: usize) -> Result<(), Reason> {
        let mut at = if self.config.mode == Mode::Enforce { waiting.hashed } else { 0 };
        let total = waiting.hashed.saturating_add(size.saturating_sub(at));
        if total > self.config.max_body_bytes {
            return Err(Reason::BodyTooLarge);
        }
        while at < size {
            let piece = host.body(Body::Request, at, PIECE.min(size - at)).map_err(|_| Reason::HostFailure)?;
            if piece.is_empty() {
                return Err(Reason::HostFailure);
            }
            waiting.verification.update(&piece);
            at += piece.len();
        }
        waiting.hashed = total;
        Ok(())
    }

    fn finish<H: Host>(&self, host: &H, waiting: Waiting, now: i64) -> Result<Decision<'_>, Reason> {
        let Verified { key, once } = waiting.verification.finish(now)?;
        let rule = self.config.rules.get(waiting.rule).ok_or(Reason::HostFailure)?;
        let scheme = rule.scheme.as_ref().ok_or(Reason::HostFailure)?;
        let key = scheme.keys.get(key).ok_or(Reason::HostFailure)?;
        if let Some(once) = once {
            self.remember(host, &once, now)?;
        }
        if self.config.mode == Mode::Enforce {
            let told = host.replace_header(Map::RequestHeaders, &self.config.key_id_header, key.id.as_bytes());
            told.map_err(|_| Reason::HostFailure)?;
        }
        Ok(Decision::verified(&rule.name, &key.id))
    }

    /// Only signed requests get here, so nobody without a key can fill the table.
    fn remember<H: Host>(&self, host: &H, once: &Once, now: i64) -> Result<(), Reason> {
        let seconds = u64::try_from(once.until.saturating_sub(now).saturating_add(1)).unwrap_or(1);
        match self.replays.insert(host, &once.mark, &[], Duration::from_secs(seconds)) {
            Ok(Inserted::New) => Ok(()),
            Ok(Inserted::Present) => Err(Reason::Replayed),
            Ok(Inserted::Full) => Err(Reason::ReplayStoreFull),
            Err(_) => Err(Reason::HostFailure),
        }
    }

    /// In shadow mode nothing waits: what is found out only changes attributes.
    fn hold(&self) -> Action {
        match self.config.mode {
            Mode::Enforce => Action::Pause,
            Mode::Shadow | Mode::Off => Action::Continue,
        }
    }

    fn pass<H: Host>(&self, host: &H, decision: &Decision) -> Action {
        decision.publish(host);
        Action::Continue
    }

    fn refuse<H: Host>(&self, host: &H, reason: Reason) -> (Stream, Action) {
        Decision::refused(reason).publish(host);
        if self.config.mode != Mode::Enforce {
            return (Stream::Passed, Action::Continue);
        }
        decision::answer(host, reason);
        (Stream::Refused, Action::Pause)
    }
}

/// Seconds since 1970.
fn now<H: Host>(host: &H) -> Result<i64, Reason> {
    let nanoseconds = host.now().map_err(|_: Status| Reason::HostFailure)?;
    i64::try_from(nanoseconds / 1_000_000_000).map_err(|_| Reason::HostFailure)
}
