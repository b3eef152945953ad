//! Peers of a mesh tell each other who they are.
//!
//! Each side sends its workload's description in two headers (Istio's wire form) and publishes what it learns of the
//! other as filter state, from which the stats logger, access logs and policy read it. What it takes on trust, and to
//! whom it sends, is written in this folder's README.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod baggage;
mod base64;
mod cache;
mod config;
mod exchange;
mod headers;
mod identity;
mod peer;
mod structure;
#[cfg(test)]
mod tests;

use alloc::string::String;

use lateen_sdk::{export, Action, Filter, Host, Level, Map};

use crate::config::{Config, Role};
use crate::exchange::Exchange;
use crate::headers::Claim;
use crate::peer::Attributes;

lateen_sdk::without_std!();
export!(PeerMetadata: on_request_headers, on_response_headers);

/// The filter, configured for one proxy.
pub struct PeerMetadata {
    role: Role,
    own: headers::Own,
    to_all_clusters: bool,
    baggage: bool,
    exchange: Exchange,
    downstream: Attributes,
    upstream: Attributes,
}

/// What is kept of a request until its response.
#[derive(Default)]
pub struct Stream {
    upstream: bool,
    answer: bool,
}

impl Filter for PeerMetadata {
    type Stream = Stream;

    fn configure<H: Host>(host: &H, configuration: &[u8]) -> Result<Self, String> {
        let config = Config::parse(configuration)?;
        Ok(Self {
            role: config.role,
            own: headers::Own { id: config.node_id, description: config.description },
            to_all_clusters: config.to_all_clusters,
            baggage: config.baggage,
            downstream: Attributes::declare(host, "downstream", &config.additional_labels)?,
            upstream: Attributes::declare(host, "upstream", &config.additional_labels)?,
            exchange: Exchange::new(config.additional_labels),
        })
    }

    fn on_request_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        let (downstream, upstream) = self.sides(host);
        stream.upstream = upstream;
        if downstream {
            let claim = Claim::of(host, Map::RequestHeaders, self.baggage);
            let (caller, verified) = self.exchange.downstream(host, &claim);
            caller.publish(host, &self.downstream);
            stream.answer = verified && matches!(claim, Claim::Metadata(_));
        }
        self.pass(host, Map::RequestHeaders, upstream && (self.to_all_clusters || exchange::may_send(host)));
        Action::Continue
    }

    fn on_response_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        if stream.upstream {
            let claim = Claim::of(host, Map::ResponseHeaders, self.baggage);
            self.exchange.upstream(host, &claim).publish(host, &self.upstream);
        }
        self.pass(host, Map::ResponseHeaders, stream.answer);
        Action::Continue
    }
}

impl PeerMetadata {
    /// With whom metadata is exchanged, downstream and upstream: a sidecar has one peer beyond its own application, a
    /// gateway has two. Asked for each stream: Envoy serves the listeners of both directions by one plugin.
    fn sides<H: Host>(&self, host: &H) -> (bool, bool) {
        match self.role {
            Role::Gateway => (true, true),
            Role::Sidecar => {
                let inbound = exchange::is_inbound(host);
                (inbound, !inbound)
            }
        }
    }

    /// Whatever arrived in the two headers ends here: they leave with this proxy's own description, or not at all.
    fn pass<H: Host>(&self, host: &H, map: Map, send: bool) {
        let passed = if send { self.own.write(host, map) } else { headers::strip(host, map) };
        if let Err(status) = passed {
            host.log(Level::Error, &status.line("peer metadata headers cannot be changed"));
        }
    }
}
