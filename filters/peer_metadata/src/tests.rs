//! Whom the filter believes, what it publishes, and where its own description goes.

use base64::prelude::{Engine, BASE64_STANDARD};
use lateen_sdk::fake::FakeHost;
use lateen_sdk::{Dispatcher, Map};
use prost::Message;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde_json::Value as Json;

use crate::PeerMetadata;

const METADATA: &str = "x-envoy-peer-metadata";
const ID: &str = "x-envoy-peer-metadata-id";
const PLUGIN: u32 = 1;
const STREAM: u32 = 2;

const WEB: &str = r#"{"NAME": "web-0", "NAMESPACE": "shop", "WORKLOAD_NAME": "web", "CLUSTER_ID": "c1",
    "LABELS": {"app": "web", "version": "v1", "service.istio.io/canonical-name": "storefront",
               "service.istio.io/canonical-revision": "r1"}}"#;
const REVIEWS: &str = r#"{"NAMESPACE": "other", "WORKLOAD_NAME": "reviews"}"#;

const WEB_ID: &str = "spiffe://cluster.local/ns/shop/sa/web";
const REVIEWS_ID: &str = "spiffe://cluster.local/ns/other/sa/reviews";

/// A filter with one stream, on a host that the test sets up.
struct Proxy {
    filter: Dispatcher<PeerMetadata>,
    host: FakeHost,
}

impl Proxy {
    fn new(role: &str, direction: i64) -> Self {
        Self::sending(role, direction, "mesh_clusters")
    }

    fn sending(role: &str, direction: i64, propagation: &str) -> Self {
        let (filter, host) = (Dispatcher::new(), FakeHost::default());
        let description = description(REVIEWS);
        let more = r#""discovery": "istio_headers_or_baggage", "additional_labels": {"team": "example.com/team"}"#;
        let configuration = format!(
            r#"{{"role": "{role}", "node_id": "own-id", "description": "{description}",
                "propagation": "{propagation}", {more}}}"#
        );
        host.configuration.replace(configuration.clone().into());
        filter.create(PLUGIN, 0);
        assert!(filter.configure(&host, PLUGIN, configuration.len()), "{:?}", host.log.borrow());
        host.set_integer("xds.listener_direction", direction);
        host.set_text("xds.cluster_name", "outbound|80||reviews");
        filter.create(STREAM, PLUGIN);
        Self { filter, host }
    }

    fn inbound() -> Self {
        Self::new("sidecar", 1)
    }

    fn outbound() -> Self {
        Self::new("sidecar", 2)
    }

    fn gateway() -> Self {
        Self::new("gateway", 2)
    }

    fn mtls(self, peer: &str, own: &str) -> Self {
        self.host.set_text("connection.uri_san_peer_certificate", peer);
        self.host.set_text("connection.uri_san_local_certificate", own);
        self
    }

    fn upstream_mtls(self, peer: &str, own: &str) -> Self {
        self.host.set_text("upstream.uri_san_peer_certificate", peer);
        self.host.set_text("upstream.uri_san_local_certificate", own);
        self
    }

    fn request(&self, metadata: Option<&str>) -> &Self {
        self.headers(Map::RequestHeaders, metadata);
        self.filter.request_headers(&self.host, STREAM);
        self
    }

    fn response(&self, metadata: Option<&str>) -> &Self {
        self.headers(Map::ResponseHeaders, metadata);
        self.filter.response_headers(&self.host, STREAM);
        self
    }

    fn headers(&self, map: Map, metadata: Option<&str>) {
        if let Some(metadata) = metadata {
            self.host.add(map, METADATA, metadata);
            self.host.add(map, ID, "their-id");
        }
    }

    fn sent(&self, map: Map) -> (Option<String>, Option<String>) {
        (self.host.header(map, METADATA), self.host.header(map, ID))
    }

    fn state(&self, attribute: &str) -> Option<String> {
        let state = self.host.filter_state.borrow();
        state.get(&format!("peer_metadata.{attribute}")).cloned()
    }

    /// All attributes of a peer, in the order of the README; nothing if none is published.
    fn peer(&self, party: &str) -> Option<String> {
        let names = ["workload", "namespace", "app", "version", "canonical_service", "canonical_revision", "cluster"];
        let values: Option<Vec<_>> = names.iter().map(|name| self.state(&format!("{party}_{name}"))).collect();
        Some(values?.join(" "))
    }
}

/// The header in which a proxy with that metadata describes itself, as another implementation writes it.
fn description(metadata: &str) -> String {
    BASE64_STANDARD.encode(structure(&serde_json::from_str(metadata).unwrap()).encode_to_vec())
}

fn structure(json: &serde_json::Map<String, Json>) -> Struct {
    let value = |json: &Json| match json {
        Json::Object(entries) => Kind::StructValue(structure(entries)),
        text => Kind::StringValue(text.as_str().unwrap().into()),
    };
    let fields = json.iter().map(|(key, json)| (key.clone(), Value { kind: Some(value(json)) }));
    Struct { fields: fields.collect() }
}

const NOBODY: &str = "unknown unknown unknown unknown unknown latest unknown";

#[test]
fn a_caller_is_believed_when_its_certificate_names_the_namespace_that_it_claims() {
    let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
    proxy.request(Some(&description(WEB)));
    assert_eq!(proxy.peer("downstream").unwrap(), "web shop web v1 storefront r1 c1");
}

#[test]
fn what_a_caller_does_not_say_is_published_as_istio_names_it() {
    let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
    proxy.request(Some(&description(r#"{"NAMESPACE": "shop", "WORKLOAD_NAME": "web"}"#)));
    assert_eq!(proxy.peer("downstream").unwrap(), "web shop unknown unknown unknown latest unknown");
}

#[test]
fn recommended_labels_count_before_short_ones() {
    let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
    let labels = r#"{"app": "a", "version": "b", "app.kubernetes.io/name": "c", "app.kubernetes.io/version": "d"}"#;
    proxy.request(Some(&description(&format!(r#"{{"NAMESPACE": "shop", "LABELS": {labels}}}"#))));
    assert_eq!(proxy.state("downstream_app").unwrap(), "c");
    assert_eq!(proxy.state("downstream_version").unwrap(), "d");
}

#[test]
fn a_caller_in_plaintext_is_nobody_whatever_it_says() {
    let proxy = Proxy::inbound();
    proxy.request(Some(&description(WEB))).response(None);
    assert_eq!(proxy.peer("downstream").unwrap(), NOBODY);
    assert_eq!(proxy.sent(Map::ResponseHeaders), (None, None));
}

#[test]
fn a_caller_that_claims_another_namespace_is_known_by_its_certificate_alone() {
    let proxy = Proxy::inbound().mtls(REVIEWS_ID, REVIEWS_ID);
    proxy.request(Some(&description(WEB))).response(None);
    assert_eq!(proxy.peer("downstream").unwrap(), "unknown other unknown unknown unknown latest unknown");
    assert_eq!(proxy.sent(Map::ResponseHeaders), (None, None));
}

#[test]
fn a_caller_with_a_certificate_that_says_nothing_is_known_by_its_namespace() {
    let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
    proxy.request(None);
    assert_eq!(proxy.peer("downstream").unwrap(), "unknown shop unknown unknown unknown latest unknown");
}

#[test]
fn a_certificate_of_this_end_that_is_no_workloads_means_the_edge_of_the_mesh() {
    let proxy = Proxy::gateway().mtls(WEB_ID, "");
    proxy.request(Some(&description(WEB)));
    assert_eq!(proxy.peer("downstream").unwrap(), NOBODY);
}

#[test]
fn one_peer_is_never_remembered_under_anothers_name() {
    let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
    let claims = [description(WEB), description(r#"{"NAMESPACE": "shop", "WORKLOAD_NAME": "cart"}"#)];
    for (claim, expected) in claims.iter().zip(["web", "cart"]).cycle().take(6) {
        proxy.host.request.borrow_mut().clear();
        proxy.request(Some(claim));
        assert_eq!(proxy.state("downstream_workload").unwrap(), expected);
    }
}

#[test]
fn malformed_and_oversized_descriptions_are_as_good_as_none() {
    let oversized = "A".repeat(16 * 1024 + 4);
    for claim in ["", "%%%", "AAAA", "CgA", &oversized] {
        let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
        proxy.request(Some(claim)).response(None);
        assert_eq!(proxy.peer("downstream").unwrap(), "unknown shop unknown unknown unknown latest unknown");
        assert_eq!(proxy.sent(Map::ResponseHeaders), (None, None), "{claim}");
    }
}

#[test]
fn values_that_are_no_names_are_not_published() {
    let long = "x".repeat(254);
    for workload in ["line\\nbreak", "nul\\u0000", &long] {
        let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
        let metadata = format!(r#"{{"NAMESPACE": "shop", "WORKLOAD_NAME": "{workload}"}}"#);
        proxy.request(Some(&description(&metadata)));
        assert_eq!(proxy.state("downstream_workload").unwrap(), "unknown");
    }
}

#[test]
fn the_application_never_sees_the_headers() {
    for proxy in [Proxy::inbound(), Proxy::inbound().mtls(WEB_ID, REVIEWS_ID)] {
        proxy.request(Some(&description(WEB)));
        assert_eq!(proxy.sent(Map::RequestHeaders), (None, None));
    }
}

#[test]
fn a_caller_that_is_believed_gets_an_answer_of_the_same_kind() {
    let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
    proxy.request(Some(&description(WEB))).response(Some("made up by the application"));
    let own = (Some(description(REVIEWS)), Some("own-id".into()));
    assert_eq!(proxy.sent(Map::ResponseHeaders), own);
}

#[test]
fn a_caller_that_says_nothing_gets_no_description_not_even_the_applications() {
    let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
    proxy.request(None).response(Some("made up by the application"));
    assert_eq!(proxy.sent(Map::ResponseHeaders), (None, None));
}

#[test]
fn a_call_into_the_mesh_carries_the_callers_own_description_only() {
    let proxy = Proxy::outbound();
    proxy.request(Some("made up by the application"));
    let own = (Some(description(REVIEWS)), Some("own-id".into()));
    assert_eq!(proxy.sent(Map::RequestHeaders), own);
}

#[test]
fn nothing_leaves_the_mesh() {
    let external = "xds.cluster_metadata.filter_metadata.istio.external";
    let disabled = "xds.cluster_metadata.filter_metadata.istio.disable_mx";
    let setups: [&dyn Fn(&FakeHost); 5] = [
        &|host| host.set_text("xds.cluster_name", "PassthroughCluster"),
        &|host| host.set_text("xds.cluster_name", "BlackHoleCluster"),
        &|host| host.set_boolean(external, true),
        &|host| host.set_boolean(disabled, true),
        &|host| drop(host.properties.borrow_mut().remove("xds.cluster_name")),
    ];
    for role in ["sidecar", "gateway"] {
        for (index, setup) in setups.iter().enumerate() {
            let proxy = Proxy::new(role, 2);
            setup(&proxy.host);
            proxy.request(Some(&description(WEB)));
            assert_eq!(proxy.sent(Map::RequestHeaders), (None, None), "{role}, {index}");
        }
    }
}

#[test]
fn where_clusters_see_to_it_every_request_carries_the_description() {
    let proxy = Proxy::sending("sidecar", 2, "all_clusters");
    proxy.host.properties.borrow_mut().remove("xds.cluster_name");
    proxy.request(None);
    assert_eq!(proxy.sent(Map::RequestHeaders), (Some(description(REVIEWS)), Some("own-id".into())));
    let inbound = Proxy::sending("sidecar", 1, "all_clusters");
    inbound.request(Some("made up"));
    assert_eq!(inbound.sent(Map::RequestHeaders), (None, None), "an application is no peer");
}

#[test]
fn a_called_workload_is_believed_when_its_certificate_names_its_namespace() {
    let proxy = Proxy::outbound().upstream_mtls(WEB_ID, REVIEWS_ID);
    proxy.request(None).response(Some(&description(WEB)));
    assert_eq!(proxy.peer("upstream").unwrap(), "web shop web v1 storefront r1 c1");
    assert_eq!(proxy.sent(Map::ResponseHeaders), (None, None));
}

#[test]
fn a_called_workload_that_is_not_believed_is_what_its_endpoint_says() {
    let endpoint = "xds.upstream_host_metadata.filter_metadata.istio.workload";
    for (identity, namespace) in [("", "endpoint"), (REVIEWS_ID, "other")] {
        let proxy = Proxy::outbound().upstream_mtls(identity, REVIEWS_ID);
        proxy.host.set_text(endpoint, "ratings;endpoint;ratings;v3;c2");
        proxy.request(None).response(Some(&description(WEB)));
        let expected = format!("ratings {namespace} unknown unknown ratings v3 c2");
        assert_eq!(proxy.peer("upstream").unwrap(), expected);
        assert_eq!(proxy.sent(Map::ResponseHeaders), (None, None));
    }
}

#[test]
fn a_call_that_reached_nobody_has_fallbacks() {
    let proxy = Proxy::outbound();
    proxy.request(None).response(None);
    assert_eq!(proxy.peer("upstream").unwrap(), NOBODY);
}

#[test]
fn an_endpoint_description_that_is_cut_short_is_none() {
    let proxy = Proxy::outbound();
    let endpoint = "xds.upstream_host_metadata.filter_metadata.istio.workload";
    proxy.host.set_text(endpoint, "ratings;default;ratings");
    proxy.request(None).response(None);
    assert_eq!(proxy.peer("upstream").unwrap(), NOBODY);
}

#[test]
fn a_sidecar_publishes_the_peer_beyond_its_application_only() {
    let inbound = Proxy::inbound();
    inbound.request(None).response(None);
    assert_eq!((inbound.peer("downstream").is_some(), inbound.peer("upstream")), (true, None));
    let outbound = Proxy::outbound();
    outbound.request(None).response(None);
    assert_eq!((outbound.peer("downstream"), outbound.peer("upstream").is_some()), (None, true));
}

#[test]
fn a_gateway_within_the_mesh_exchanges_with_both_sides() {
    let proxy = Proxy::gateway().mtls(WEB_ID, REVIEWS_ID).upstream_mtls(WEB_ID, REVIEWS_ID);
    proxy.request(Some(&description(WEB))).response(Some(&description(WEB)));
    let own = (Some(description(REVIEWS)), Some("own-id".into()));
    assert_eq!(proxy.sent(Map::RequestHeaders), own);
    assert_eq!(proxy.sent(Map::ResponseHeaders), own);
    assert_eq!(proxy.peer("downstream"), proxy.peer("upstream"));
}

#[test]
fn a_gateway_at_the_edge_answers_outsiders_without_a_description() {
    let proxy = Proxy::gateway().upstream_mtls(WEB_ID, REVIEWS_ID);
    proxy.request(Some(&description(WEB))).response(Some(&description(WEB)));
    assert_eq!(proxy.peer("downstream").unwrap(), NOBODY);
    assert_eq!(proxy.sent(Map::ResponseHeaders), (None, None));
}

#[test]
fn a_broken_configuration_is_refused_by_its_path() {
    let good = r#""node_id": "i", "description": """#;
    let sidecar = format!(r#""role": "sidecar", {good}"#);
    for (text, problem) in [
        (String::new(), "configuration: not JSON"),
        ("[]".into(), "configuration: an object is expected"),
        ("{}".into(), "configuration: role is missing"),
        (format!(r#"{{"role": "waypoint", {good}}}"#), "role: one of sidecar, gateway is expected"),
        (format!("{{{sidecar}}} trailing"), "configuration: not JSON"),
        (format!(r#"{{{sidecar}, "discovery": "dns"}}"#), "discovery: one of istio_headers, "),
        (format!(r#"{{{sidecar}, "propagation": "none"}}"#), "propagation: one of mesh_clusters, "),
        (format!(r#"{{{sidecar}, "additional_labels": "team"}}"#), "additional_labels: an object "),
        (format!(r#"{{{sidecar}, "additional_labels": {{"a": 1}}}}"#), "additional_labels.a: a text "),
        (format!(r#"{{{sidecar}, "unknown": "x"}}"#), "configuration: unknown is unknown; one of role, "),
        (r#"{"role": "sidecar", "node_id": "i"}"#.into(), "configuration: description is missing"),
        (r#"{"role": "sidecar", "node_id": {}, "description": ""}"#.into(), "node_id: a text "),
    ] {
        let (filter, host) = (Dispatcher::<PeerMetadata>::new(), FakeHost::default());
        host.configuration.replace(text.clone().into());
        assert!(!filter.configure(&host, PLUGIN, text.len()), "{text}");
        let logged = host.log.borrow()[0].1.clone();
        assert!(logged.starts_with(problem), "{text}: {logged}");
    }
}

#[test]
fn an_additional_label_is_published_under_its_name() {
    let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
    proxy.request(Some(&description(r#"{"NAMESPACE": "shop", "LABELS": {"example.com/team": "a"}}"#)));
    assert_eq!(proxy.state("downstream_labels.team").unwrap(), "a");
    proxy.host.request.borrow_mut().clear();
    proxy.request(Some(&description(WEB)));
    assert_eq!(proxy.state("downstream_labels.team").unwrap(), "unknown");
}

#[test]
fn a_peer_without_metadata_may_describe_itself_in_its_baggage() {
    const BAGGAGE: &str = "k8s.namespace.name=shop,k8s.deployment.name=web,service.version=r1";
    for (identity, expected) in [(WEB_ID, "web shop unknown unknown unknown r1 unknown"), ("", NOBODY)] {
        let proxy = Proxy::inbound().mtls(identity, REVIEWS_ID);
        proxy.host.add(Map::RequestHeaders, "baggage", BAGGAGE);
        proxy.request(None).response(None);
        assert_eq!(proxy.peer("downstream").unwrap(), expected);
        assert_eq!(proxy.state("downstream_labels.team").unwrap(), "unknown");
        assert_eq!(proxy.host.header(Map::RequestHeaders, "baggage").unwrap(), BAGGAGE, "it is the application's");
        assert_eq!(proxy.sent(Map::ResponseHeaders), (None, None), "who sent no metadata expects none");
    }
}

#[test]
fn metadata_counts_before_baggage() {
    let proxy = Proxy::inbound().mtls(WEB_ID, REVIEWS_ID);
    proxy.host.add(Map::RequestHeaders, "baggage", "k8s.namespace.name=shop,k8s.deployment.name=other");
    proxy.request(Some(&description(WEB)));
    assert_eq!(proxy.state("downstream_workload").unwrap(), "web");
}
