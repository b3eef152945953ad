//! Whom to believe and whom to tell.

use alloc::rc::Rc;

use lateen_sdk::{property, Host};

use crate::cache::Cache;
use crate::config::Labels;
use crate::headers::Claim;
use crate::identity;
use crate::peer::{Peer, NAMESPACE};

/// `envoy.config.core.v3.TrafficDirection`.
const INBOUND: i64 = 1;

/// Clusters that lead to no service of the mesh.
const OUTSIDE: [&str; 2] = ["PassthroughCluster", "BlackHoleCluster"];

/// What a worker remembers of its peers.
pub struct Exchange {
    additional_labels: Labels,
    cache: Cache,
}

impl Exchange {
    /// Nothing is remembered yet.
    pub fn new(additional_labels: Labels) -> Self {
        Self { additional_labels, cache: Cache::default() }
    }

    /// The caller, and whether it has described itself and is to be believed.
    pub fn downstream<H: Host>(&mut self, host: &H, claim: &Claim) -> (Rc<Peer>, bool) {
        match identity::downstream_namespace(host) {
            None => (Rc::default(), false),
            Some(namespace) => match self.verified(claim, &namespace) {
                Some(peer) => (peer, true),
                None => (Rc::new(Peer::in_namespace(namespace)), false),
            },
        }
    }

    /// The workload that was called: by its own description if that is to be believed, else by the endpoint's.
    pub fn upstream<H: Host>(&mut self, host: &H, claim: &Claim) -> Rc<Peer> {
        let namespace = identity::upstream_namespace(host);
        let verified = namespace.as_ref().and_then(|namespace| self.verified(claim, namespace));
        verified.unwrap_or_else(|| {
            let mut peer = described_by_endpoint(host).unwrap_or_default();
            if let Some(namespace) = namespace {
                peer.values[NAMESPACE] = namespace;
            }
            Rc::new(peer)
        })
    }

    /// A peer may describe itself, but not as one of a namespace that its certificate does not name.
    fn verified(&mut self, claim: &Claim, namespace: &str) -> Option<Rc<Peer>> {
        let Self { additional_labels, cache } = self;
        cache.get(claim.bytes(), || claim.decode(additional_labels)).filter(|peer| peer.namespace() == namespace)
    }
}

/// Whether the request comes from a peer to this proxy's application.
pub fn is_inbound<H: Host>(host: &H) -> bool {
    property::integer(host, &["xds", "listener_direction"]) == Some(INBOUND)
}

/// Whether the request goes to a service of the mesh that may be told who calls.
pub fn may_send<H: Host>(host: &H) -> bool {
    let metadata = |key| {
        let path = ["xds", "cluster_metadata", "filter_metadata", "istio", key];
        property::boolean(host, &path) == Some(true)
    };
    match property::text(host, &["xds", "cluster_name"]) {
        None => false,
        Some(name) => !OUTSIDE.contains(&name.as_str()) && !metadata("external") && !metadata("disable_mx"),
    }
}

fn described_by_endpoint<H: Host>(host: &H) -> Option<Peer> {
    let path = ["xds", "upstream_host_metadata", "filter_metadata", "istio", "workload"];
    Peer::from_endpoint(&property::text(host, &path)?)
}
