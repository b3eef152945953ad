//! Peers of a mesh tell each other who they are.
//!
//! Each side sends its workload's description in two headers (Istio's wire form) and publishes what it learns of the
//! other as filter state, from which the stats logger, access logs and policy read it. What it takes on trust, and to
//! whom it sends, is written in this folder's README.

mod baggage;
mod base64;
mod cache;
mod config;
mod exchange;
mod headers;
mod identity;
mod json;
mod peer;
mod structure;
#[cfg(test)]
mod tests;

use lateen_sdk::{export, Action, Filter, Host, Level, Map, Status};

use crate::config::{Config, Role};
use crate::exchange::Exchange;
use crate::headers::Claim;
use crate::peer::Attributes;

export!(PeerMetadata: on_request_headers, on_response_headers, on_log);

/// The filter, configured for one proxy.
pub struct PeerMetadata {
    role: Role,
    own: headers::Own,
    baggage: bool,
    exchange: Exchange,
    downstream: Attributes,
    upstream: Attributes,
}

/// What is kept of a request until its response and its log.
#[derive(Default)]
pub struct Stream {
    sides: Option<Sides>,
    downstream_published: bool,
    answer: bool,
    upstream_claim: Claim,
}

/// With whom metadata is exchanged: a sidecar has one peer beyond its own application, a gateway has two.
#[derive(Clone, Copy)]
struct Sides {
    downstream: bool,
    upstream: bool,
}

impl Filter for PeerMetadata {
    type Stream = Stream;

    fn configure<H: Host>(host: &H, configuration: &[u8]) -> Result<Self, String> {
        let config = Config::parse(configuration)?;
        Ok(Self {
            role: config.role,
            own: headers::Own { id: config.node_id, description: config.description },
            baggage: config.baggage,
            downstream: Attributes::declare(host, "downstream", &config.additional_labels)?,
            upstream: Attributes::declare(host, "upstream", &config.additional_labels)?,
            exchange: Exchange::new(config.additional_labels),
        })
    }

    fn on_request_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        let sides = self.sides(stream, host);
        if sides.downstream {
            let claim = Claim::of(host, Map::RequestHeaders, self.baggage);
            let (caller, verified) = self.exchange.downstream(host, &claim);
            caller.publish(host, &self.downstream);
            stream.downstream_published = true;
            stream.answer = verified && matches!(claim, Claim::Metadata(_));
        }
        self.pass(host, Map::RequestHeaders, sides.upstream && exchange::may_send(host));
        Action::Continue
    }

    fn on_response_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        if self.sides(stream, host).upstream {
            stream.upstream_claim = Claim::of(host, Map::ResponseHeaders, self.baggage);
        }
        self.pass(host, Map::ResponseHeaders, stream.answer);
        Action::Continue
    }

    fn on_log<H: Host>(&mut self, stream: &mut Stream, host: &H) {
        let sides = self.sides(stream, host);
        if sides.downstream && !stream.downstream_published {
            let (caller, _) = self.exchange.downstream(host, &Claim::None);
            caller.publish(host, &self.downstream);
        }
        if sides.upstream {
            let called = self.exchange.upstream(host, &stream.upstream_claim);
            called.publish(host, &self.upstream);
        }
    }
}

impl PeerMetadata {
    /// Asked for each stream: Envoy serves the listeners of both directions by one plugin.
    fn sides<H: Host>(&self, stream: &mut Stream, host: &H) -> Sides {
        *stream.sides.get_or_insert_with(|| match self.role {
            Role::Gateway => Sides { downstream: true, upstream: true },
            Role::Sidecar => {
                let inbound = exchange::is_inbound(host);
                Sides { downstream: inbound, upstream: !inbound }
            }
        })
    }

    /// Whatever arrived in the two headers ends here: they leave with this proxy's own description, or not at all.
    fn pass<H: Host>(&self, host: &H, map: Map, send: bool) {
        let passed = if send { self.own.write(host, map) } else { headers::strip(host, map) };
        if let Err(status) = passed {
            host.log(Level::Error, &fault("peer metadata headers cannot be changed", status));
        }
    }
}

/// What could not be done, and what the host said.
fn fault(what: &str, status: Status) -> String {
    format!("{what}: {status:?}")
}
