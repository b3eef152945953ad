//! An external authorizer is asked once, and its answer kept for as long as it says.
//!
//! What it decides, when it is asked, and what happens if it does not answer is written in this folder's README.

#![cfg_attr(target_arch = "wasm32", no_std)]

#[macro_use]
extern crate alloc;

mod cache;
mod config;
mod decision;
mod grpc;
mod http;
mod inputs;
mod outcome;
mod shared;
#[cfg(test)]
mod tests;

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use lateen_sdk::{
    export, Action, Answer, Body, Call, Calls, Filter, GrpcAnswer, Host, LocalResponse, Map, Pairs, Status, StreamId,
    Streams,
};

use crate::cache::{Cache, Found, Term};
use crate::config::{Config, Mode, Protocol};
use crate::decision::{Decision, Failure, Judged, LONGEST_BODY};
use crate::inputs::{Inputs, Key};
use crate::outcome::{Reason, Record};
use crate::shared::Shared;

lateen_sdk::without_std!();
export!(AuthzCache: on_request_headers, on_response_headers, on_callout, on_grpc);

/// The filter, configured.
pub struct AuthzCache {
    config: Rc<Config>,
    cache: Cache,
    shared: Option<Shared>,
    flights: Calls<Flight>,
    /// Which call is about a key, in order of the keys.
    asked: Vec<(Key, Call)>,
    /// Part of each key, so that nobody knows beforehand which requests share a bucket of the cache.
    seed: [u8; 8],
    record: Record,
}

/// A call that is not answered yet, and the requests that wait for it.
struct Flight {
    key: Key,
    /// Under which other workers know it.
    shared: Option<Key>,
    waiting: Vec<StreamId>,
}

/// What is kept of a request.
#[derive(Default)]
pub struct Stream {
    id: StreamId,
    allowed: Option<Rc<Decision>>,
}

impl Filter for AuthzCache {
    type Stream = Stream;

    fn configure<H: Host>(host: &H, configuration: &[u8]) -> Result<Self, String> {
        let config = Config::parse(configuration)?;
        Ok(Self {
            cache: Cache::new(config.keeping.entries),
            flights: Calls::new(),
            asked: Vec::new(),
            seed: host.now().map_err(|status| status.line("there is no time"))?.to_le_bytes(),
            shared: config.keeping.shared.then(|| Shared::new(config.keeping.entries, configuration)),
            record: Record::new(host, config.mode, config.logged)?,
            config: Rc::new(config),
        })
    }

    fn begin(id: StreamId) -> Stream {
        Stream { id, ..Stream::default() }
    }

    fn on_request_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        if self.config.mode == Mode::Off {
            return Action::Continue;
        }
        match host.pairs(Map::RequestHeaders) {
            Ok(request) => self.request(stream, host, &request),
            Err(_) => self.fail(stream, host, Reason::Unreadable),
        }
    }

    fn without_room<H: Host>(&self, _host: &H) -> Action {
        match self.config.mode {
            Mode::Enforce => Action::Pause,
            Mode::Shadow | Mode::Off => Action::Continue,
        }
    }

    fn on_response_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        if let Some(decision) = &stream.allowed {
            for (name, value) in &decision.client {
                // The request was allowed, and the client has no right to what the authorizer adds.
                let _ = host.add_header(Map::ResponseHeaders, name, value);
            }
        }
        Action::Continue
    }

    fn on_callout<H: Host>(&mut self, streams: &mut Streams<'_, Stream>, host: &H, answer: &Answer) {
        let headers = if answer.failed() { Err(Failure::Unavailable) } else { headers(host) };
        let body = || match answer.body {
            size @ 1..=LONGEST_BODY => host.body(Body::Callout, 0, size).unwrap_or_default(),
            _ => Vec::new(),
        };
        let (answers, keeping) = (&self.config.answers, &self.config.keeping);
        let judged = headers.and_then(|headers| http::judge(answers, keeping, &headers, body));
        self.answered(streams, host, answer.call, judged);
    }

    fn on_grpc<H: Host>(&mut self, streams: &mut Streams<'_, Stream>, host: &H, answer: &GrpcAnswer) {
        let message = answer.message.map_err(|_| Failure::Unavailable);
        let message = message.and_then(|size| host.body(Body::GrpcMessage, 0, size).map_err(|_| Failure::Unavailable));
        let judged = message.and_then(|message| grpc::judge(&self.config.keeping.ttl_field, &message));
        self.answered(streams, host, answer.call, judged);
    }
}

fn headers<H: Host>(host: &H) -> Result<Pairs, Failure> {
    host.pairs(Map::CalloutHeaders).map_err(|_| Failure::Unavailable)
}

impl AuthzCache {
    fn request<H: Host>(&mut self, stream: &mut Stream, host: &H, request: &Pairs) -> Action {
        let config = Rc::clone(&self.config);
        let Ok(inputs) = Inputs::read(host, &config.inputs, request) else {
            return self.fail(stream, host, Reason::Unreadable);
        };
        let key = inputs.key(&self.seed);
        let mut found = self.known(host, &key);
        let mut shared = None;
        if !matches!(found, Found::Fresh(_)) {
            shared = self.shared.as_ref().map(|shared| shared.key(&inputs));
            found = self.learn(host, &key, shared.as_ref()).unwrap_or(found);
        }
        if let Found::Fresh(decision) = found {
            let reason = if decision.allowed { Reason::AllowedCached } else { Reason::DeniedCached };
            return self.conclude(stream, host, &decision, reason);
        }
        let place = match self.place(&key) {
            Ok(place) => return self.join(stream, host, place),
            Err(place) => place,
        };
        match self.ask(host, &inputs, Flight { key, shared, waiting: vec![stream.id] }) {
            Ok(call) => {
                self.asked.insert(place, (key, call));
                Action::Pause
            }
            Err(_) => {
                let (decision, reason) = self.without_answer(host, &key, Reason::Unavailable);
                self.conclude(stream, host, &decision, reason)
            }
        }
    }

    fn ask<H: Host>(&mut self, host: &H, inputs: &Inputs<'_>, flight: Flight) -> Result<Call, Status> {
        let call = match &self.config.protocol {
            Protocol::Http { path_prefix } => http::ask(host, &self.config, path_prefix, inputs),
            Protocol::Grpc => grpc::ask(host, &self.config, inputs),
        }?;
        self.record.asked(host);
        self.flights.insert(call, flight);
        Ok(call)
    }

    /// Ask for one request alone, because the answer to another belongs to one client only.
    fn ask_alone<H: Host>(&mut self, stream: &mut Stream, host: &H, key: Key, shared: Option<Key>) -> Action {
        let config = Rc::clone(&self.config);
        let asked = host.pairs(Map::RequestHeaders).and_then(|request| {
            let inputs = Inputs::read(host, &config.inputs, &request)?;
            self.ask(host, &inputs, Flight { key, shared, waiting: vec![stream.id] })
        });
        match asked {
            Ok(_) => Action::Pause,
            Err(_) => self.fail(stream, host, Reason::Unavailable),
        }
    }

    /// Wait for the answer that another request has asked for.
    fn join<H: Host>(&mut self, stream: &Stream, host: &H, place: usize) -> Action {
        let call = self.asked.get(place).map(|(_, call)| *call);
        if let Some(flight) = call.and_then(|call| self.flights.get_mut(call)) {
            flight.waiting.push(stream.id);
            self.record.joined(host);
        }
        Action::Pause
    }

    fn place(&self, key: &Key) -> Result<usize, usize> {
        self.asked.binary_search_by(|(asked, _)| asked.as_slice().cmp(key))
    }

    /// The answer to a call: the decision is kept, and the requests that wait for it go on or are refused.
    fn answered<H: Host>(
        &mut self,
        streams: &mut Streams<'_, Stream>,
        host: &H,
        call: Call,
        judged: Result<Judged, Failure>,
    ) {
        let Some(flight) = self.flights.take(call) else {
            return;
        };
        self.asked.retain(|(_, asked)| *asked != call);
        let (decision, reason) = match judged {
            Ok(judged) => self.decided(host, &flight, judged),
            Err(Failure::Unavailable) => self.without_answer(host, &flight.key, Reason::Unavailable),
            Err(Failure::Invalid) => self.without_answer(host, &flight.key, Reason::InvalidAnswer),
        };
        let mut taken = false;
        for id in flight.waiting {
            streams.enter(host, id, |stream| {
                let action = match taken {
                    true => self.ask_alone(stream, host, flight.key, flight.shared),
                    false => self.conclude(stream, host, &decision, reason),
                };
                taken = decision.is_personal();
                if action == Action::Continue {
                    // A request that cannot be resumed stays where it is, until Envoy's timeouts end it.
                    let _ = host.resume_request();
                }
            });
        }
    }

    fn decided<H: Host>(&mut self, host: &H, flight: &Flight, judged: Judged) -> (Rc<Decision>, Reason) {
        let keeping = &self.config.keeping;
        let decision = Rc::new(judged.decision);
        let default = if decision.allowed { keeping.allowed } else { keeping.denied };
        let lifetime = match judged.lifetime.unwrap_or(default).min(keeping.longest) {
            _ if decision.is_personal() => Duration::ZERO,
            lifetime => lifetime,
        };
        // Without a clock it is not kept, and what was kept is over all the same.
        let now = host.now().ok();
        let stale = if judged.stale { keeping.stale_if_error } else { Duration::ZERO };
        let term = now.and_then(|now| Term::new(&decision, now, lifetime, stale));
        match term {
            Some(term) => self.cache.put(flight.key, &decision, term),
            None => self.cache.forget(&flight.key),
        }
        if let (Some(shared), Some(key)) = (&self.shared, &flight.shared) {
            shared.put(host, key, &decision, term, now.unwrap_or_default());
        }
        let reason = if decision.allowed { Reason::Allowed } else { Reason::Denied };
        (decision, reason)
    }

    /// Take over what another worker was told.
    fn learn<H: Host>(&mut self, host: &H, key: &Key, shared: Option<&Key>) -> Option<Found> {
        let (decision, term) = self.shared.as_ref()?.get(host, shared?)?;
        self.cache.put(*key, &decision, term);
        Some(self.known(host, key))
    }

    /// What holds if the authorizer does not say: what it said lately, if that may be used, else a refusal.
    fn without_answer<H: Host>(&self, host: &H, key: &Key, reason: Reason) -> (Rc<Decision>, Reason) {
        match self.known(host, key) {
            Found::Fresh(decision) | Found::Stale(decision) if decision.allowed => (decision, Reason::AllowedStale),
            _ => (Rc::new(Decision::refusal(self.config.unavailable_status)), reason),
        }
    }

    fn known<H: Host>(&self, host: &H, key: &Key) -> Found {
        host.now().map_or(Found::Nothing, |now| self.cache.get(key, now))
    }

    fn fail<H: Host>(&self, stream: &mut Stream, host: &H, reason: Reason) -> Action {
        self.conclude(stream, host, &Rc::new(Decision::refusal(self.config.unavailable_status)), reason)
    }

    /// Tell the outcome, and carry it out if that is the mode. A request whose headers cannot be changed is refused.
    fn conclude<H: Host>(&self, stream: &mut Stream, host: &H, decision: &Rc<Decision>, reason: Reason) -> Action {
        let changed = self.config.mode != Mode::Enforce || !decision.allowed || self.change(host, decision).is_ok();
        let reason = if changed { reason } else { Reason::Unreadable };
        self.record.outcome(host, reason);
        if self.config.mode != Mode::Enforce {
            return Action::Continue;
        }
        if decision.allowed && changed {
            stream.allowed = Some(Rc::clone(decision));
            return Action::Continue;
        }
        let refusal =
            if changed { Rc::clone(decision) } else { Rc::new(Decision::refusal(self.config.unavailable_status)) };
        let headers: Vec<_> = refusal.client.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        // A request that cannot be answered stays where it is: it does not pass.
        let _ = host.send_local_response(&LocalResponse {
            status: refusal.status,
            headers: &headers,
            body: &refusal.body,
            details: reason.details(),
            grpc_status: None,
        });
        Action::Pause
    }

    /// Give the request the headers of the decision. A client's own ones of the names that the authorizer sets go, also
    /// where it did not set them this time.
    fn change<H: Host>(&self, host: &H, decision: &Decision) -> Result<(), Status> {
        let map = Map::RequestHeaders;
        let is_set = |name: &&String| decision.set.iter().any(|(set, _)| set == *name);
        let forbidden = self.config.answers.to_upstream.iter().filter(|name| !is_set(name));
        for name in forbidden.chain(&decision.remove) {
            host.remove_header(map, name)?;
        }
        for (place, (name, value)) in decision.set.iter().enumerate() {
            let again = decision.set.iter().take(place).any(|(earlier, _)| earlier == name);
            if again {
                host.add_header(map, name, value)?;
            } else {
                host.replace_header(map, name, value)?;
            }
        }
        decision.append.iter().try_for_each(|(name, value)| host.add_header(map, name, value))
    }
}
