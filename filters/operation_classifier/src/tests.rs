//! The filter on a host in memory.

use lateen_sdk::fake::FakeHost;
use lateen_sdk::Status;
use proptest::prelude::*;

use super::*;

/// GET /a is `a`; GraphQL is spoken at /graphql.
const CONFIG: &str = r#"{"version":1,"table":"AQEDR0VUAQFhAAEBYQEAAAAAAAAA","unknown":"other","strict":false,
    "ignore_case":false,"graphql":{"paths":["/graphql"],"max_body":64,"operations":["A"],"persisted":{},"limit":0}}"#;
const QUERY: &str = r#"{"query": "query A { a }"}"#;

fn filter(host: &FakeHost) -> OperationClassifier {
    OperationClassifier::configure(host, CONFIG.as_bytes()).unwrap()
}

fn ask(host: &FakeHost, method: &str, path: &str) {
    host.add(Map::RequestHeaders, ":method", method);
    host.add(Map::RequestHeaders, ":path", path);
}

fn post(host: &FakeHost) {
    ask(host, "POST", "/graphql");
    host.add(Map::RequestHeaders, "content-type", "application/json");
}

fn published(host: &FakeHost) -> [String; 3] {
    [OPERATION, KIND, REASON].map(|key| host.filter_state.borrow().get(key).cloned().unwrap_or_default())
}

/// Hands the body over in chunks as Envoy does: what was paused comes again. Gives the action for each.
fn arrive(filter: &mut OperationClassifier, stream: &mut Stream, host: &FakeHost, chunks: &[&[u8]]) -> Vec<Action> {
    let mut buffered = Vec::new();
    let mut actions = Vec::new();
    for (place, chunk) in chunks.iter().enumerate() {
        buffered.extend_from_slice(chunk);
        host.set_body(Body::Request, &buffered);
        host.end_of_stream.set(place + 1 == chunks.len());
        let action = filter.on_request_body(stream, host, buffered.len());
        if action == Action::Continue {
            buffered.clear();
        }
        actions.push(action);
    }
    actions
}

#[test]
fn a_request_by_template_does_not_wait() {
    let host = FakeHost::default();
    let (mut filter, mut stream) = (filter(&host), Stream::default());
    ask(&host, "GET", "/a");
    assert_eq!(filter.on_request_headers(&mut stream, &host), Action::Continue);
    assert_eq!(published(&host), ["a", "openapi", "matched"]);
}

#[test]
fn a_graphql_request_waits_for_its_body_and_no_longer() {
    let host = FakeHost::default();
    let (mut filter, mut stream) = (filter(&host), Stream::default());
    post(&host);
    assert_eq!(filter.on_request_headers(&mut stream, &host), Action::Pause);
    assert_eq!(published(&host), ["", "", ""]);
    let (first, second) = QUERY.as_bytes().split_at(9);
    assert_eq!(arrive(&mut filter, &mut stream, &host, &[first, second]), [Action::Pause, Action::Continue]);
    assert_eq!(published(&host), ["A", "graphql", "matched"]);
}

#[test]
fn trailers_end_the_body_too() {
    let host = FakeHost::default();
    let (mut filter, mut stream) = (filter(&host), Stream::default());
    post(&host);
    let _ = filter.on_request_headers(&mut stream, &host);
    host.set_body(Body::Request, QUERY.as_bytes());
    assert_eq!(filter.on_request_body(&mut stream, &host, QUERY.len()), Action::Pause);
    assert_eq!(filter.on_request_trailers(&mut stream, &host), Action::Continue);
    assert_eq!(published(&host), ["A", "graphql", "matched"]);
}

#[test]
fn a_body_beyond_the_limit_goes_on_unread() {
    let host = FakeHost::default();
    let (mut filter, mut stream) = (filter(&host), Stream::default());
    post(&host);
    let _ = filter.on_request_headers(&mut stream, &host);
    let chunks: [&[u8]; 3] = [&[b' '; 64], b" ", QUERY.as_bytes()];
    assert_eq!(arrive(&mut filter, &mut stream, &host, &chunks), [Action::Pause, Action::Continue, Action::Continue]);
    assert_eq!(published(&host), ["other", "graphql", "body_too_large"]);
}

#[test]
fn what_envoy_answers_before_any_filter_has_attributes_too() {
    let host = FakeHost::default();
    let (mut filter, mut stream) = (filter(&host), Stream::default());
    filter.on_log(&mut stream, &host);
    assert_eq!(published(&host), ["other", "none", "not_classified"]);
}

#[test]
fn a_header_that_is_there_twice_has_no_value() {
    let host = FakeHost::default();
    let (mut filter, mut stream) = (filter(&host), Stream::default());
    post(&host);
    host.add(Map::RequestHeaders, "content-type", "application/json");
    assert_eq!(filter.on_request_headers(&mut stream, &host), Action::Continue);
    assert_eq!(published(&host), ["other", "graphql", "content_type"]);
}

#[test]
fn a_configuration_that_is_not_understood_is_refused_with_its_place() {
    let refused = |text: &str| OperationClassifier::configure(&FakeHost::default(), text.as_bytes()).err().unwrap();
    assert!(refused("").starts_with("configuration: "));
    assert!(refused(&CONFIG.replace("\"unknown\":\"other\",", "")).contains("unknown is missing"));
    assert!(refused(&CONFIG.replace("\"version\":1", "\"version\":2")).contains("version: 2"));
    assert!(refused(&CONFIG.replace("AQED", "!!!!")).contains("table: it is not base64"));
    assert!(refused(&CONFIG.replace("AQED", "AQEE")).contains("table: it is not in the form"));
    assert!(refused(&CONFIG.replace("\"max_body\"", "\"max\"")).contains("graphql: it is not in the form"));
}

#[test]
fn without_declared_filter_state_nothing_starts() {
    let host = FakeHost::default();
    *host.foreign_status.borrow_mut() = Some(Status::NOT_FOUND);
    assert!(OperationClassifier::configure(&host, CONFIG.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn a_host_that_fails_stops_no_request(
        fault in prop::sample::select(vec!["proxy_get_header_map_pairs", "proxy_get_buffer_bytes", "proxy_set_property"]),
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4),
    ) {
        let host = FakeHost::default();
        let (mut filter, mut stream) = (filter(&host), Stream::default());
        post(&host);
        host.faults.borrow_mut().insert(fault, Status::INTERNAL_FAILURE);
        let _ = filter.on_request_headers(&mut stream, &host);
        let chunks: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
        let actions = arrive(&mut filter, &mut stream, &host, &chunks);
        prop_assert_eq!(actions.last(), Some(&Action::Continue));
        filter.on_log(&mut stream, &host);
    }
}
