//! When the authorizer is asked, what its answers mean, and that nothing passes without one.

mod answers;

use lateen_sdk::fake::FakeHost;
use lateen_sdk::wire::Message;
use lateen_sdk::{Action, Body, Dispatcher, Map, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

use self::answers::allowing;
use crate::config::{self, Config};
use crate::decision::{Judged, LONGEST_BODY};
use crate::inputs::{Inputs, Key};
use crate::{grpc, AuthzCache};

const PLUGIN: u32 = 1;
const HTTP: &str = r#"{"authorizer": {"http": {"cluster": "authz", "timeout": "1s"}}, "inputs": {"path": "full"},
    "answer": {"to_upstream": ["x-user"]}, "cache": {"allowed": "10s", "denied": "10s", "stale_if_error": "5s"}}"#;
const GRPC: &str = r#"{"authorizer": {"grpc": {"cluster": "authz", "timeout": "1s"}}, "inputs": {"path": "full"}}"#;

const ALLOWED: &[(&str, &str)] = &[(":status", "200"), ("x-user", "alice")];
const DENIED: &[(&str, &str)] = &[(":status", "403")];

/// A filter on a host that the test sets up; streams have the numbers from 2 on.
struct Proxy {
    filter: Dispatcher<AuthzCache>,
    host: FakeHost,
}

impl Proxy {
    fn new(configuration: &str) -> Self {
        Self::beside(&FakeHost::default(), configuration)
    }

    /// Another worker of the same Envoy.
    fn beside(other: &FakeHost, configuration: &str) -> Self {
        let (filter, host) = (Dispatcher::new(), FakeHost { shared: other.shared.clone(), ..FakeHost::default() });
        host.now.set(other.now.get());
        host.configuration.replace(configuration.into());
        host.add(Map::RequestHeaders, ":path", "/a");
        host.add(Map::RequestHeaders, "x-user", "forged");
        filter.create(PLUGIN, 0);
        assert!(filter.configure(&host, PLUGIN, configuration.len()), "{:?}", host.log.borrow());
        Self { filter, host }
    }

    fn request(&self, stream: u32) -> Action {
        self.filter.create(stream, PLUGIN);
        self.filter.request_headers(&self.host, stream)
    }

    fn answer(&self, call: u32, headers: &[(&str, &str)]) {
        self.host.maps.borrow_mut().remove(&(Map::CalloutHeaders as u32));
        headers.iter().for_each(|(name, value)| self.host.add(Map::CalloutHeaders, name, value));
        self.filter.callout(&self.host, PLUGIN, call, [headers.len(), 0, 0]);
    }

    fn calls(&self) -> usize {
        self.host.calls.borrow().len()
    }

    fn resumed(&self) -> Vec<u32> {
        self.host.resumed.borrow().iter().filter_map(|(stream, _)| *stream).collect()
    }

    fn refused(&self) -> Vec<(u32, String)> {
        self.host.replies.borrow().iter().map(|reply| (reply.status, reply.details.clone())).collect()
    }

    fn pass(&self, time: Duration) {
        self.host.now.set(self.host.now.get() + u64::try_from(time.as_nanos()).unwrap());
    }
}

fn unavailable() -> (u32, String) {
    (503, "lateen_authz_cache_unavailable".into())
}

#[test]
fn an_answer_is_asked_for_once_and_again_when_it_has_ended() {
    let proxy = Proxy::new(HTTP);
    assert_eq!(proxy.request(2), Action::Pause);
    proxy.answer(0, ALLOWED);
    assert_eq!(proxy.resumed(), [2]);
    assert_eq!(proxy.host.header(Map::RequestHeaders, "x-user").unwrap(), "alice");
    proxy.pass(Duration::from_millis(9999));
    assert_eq!(proxy.request(3), Action::Continue);
    assert_eq!(proxy.calls(), 1);
    proxy.pass(Duration::from_millis(1));
    assert_eq!(proxy.request(4), Action::Pause);
    assert_eq!(proxy.calls(), 2);
}

#[test]
fn all_who_wait_get_the_one_answer_and_those_who_left_nothing() {
    let proxy = Proxy::new(HTTP);
    for stream in 2..6 {
        assert_eq!(proxy.request(stream), Action::Pause);
    }
    proxy.filter.delete(2);
    proxy.answer(0, ALLOWED);
    assert_eq!(proxy.resumed(), [3, 4, 5]);
    assert_eq!(proxy.calls(), 1);
    assert_eq!(proxy.host.counted("lateen_authz_cache_joined"), Some(3));
}

#[test]
fn a_cookie_goes_to_one_client_and_the_others_who_wait_ask_for_themselves() {
    let proxy = Proxy::new(HTTP);
    for stream in 2..6 {
        proxy.request(stream);
    }
    proxy.filter.delete(2);
    let cookie = |value| [(":status", "302"), ("set-cookie", value)];
    proxy.answer(0, &cookie("login=1"));
    assert_eq!((proxy.host.replies.borrow().len(), proxy.calls()), (1, 3));
    proxy.answer(2, &cookie("login=2"));
    proxy.answer(1, &cookie("login=3"));
    let cookies: Vec<_> = proxy.host.replies.borrow().iter().flat_map(|reply| reply.headers.clone()).collect();
    let expected = ["login=1", "login=2", "login=3"].map(|value| ("set-cookie".into(), value.into()));
    assert_eq!(cookies, expected);
    // Whoever comes later asks anew.
    assert_eq!((proxy.request(6), proxy.calls()), (Action::Pause, 4));
}

#[test]
fn what_was_allowed_is_stale_for_a_while_and_a_refusal_never() {
    let proxy = Proxy::new(HTTP);
    proxy.request(2);
    proxy.answer(0, ALLOWED);
    proxy.pass(Duration::from_secs(11));
    proxy.request(3);
    proxy.answer(1, &[]);
    assert_eq!(proxy.resumed(), [2, 3]);
    proxy.pass(Duration::from_secs(5));
    proxy.request(4);
    proxy.answer(2, &[]);
    assert_eq!(proxy.refused(), [unavailable()]);

    let proxy = Proxy::new(HTTP);
    proxy.request(2);
    proxy.answer(0, DENIED);
    proxy.pass(Duration::from_secs(11));
    proxy.request(3);
    proxy.answer(1, &[]);
    assert_eq!(proxy.refused(), [(403, "lateen_authz_cache_denied".into()), unavailable()]);
}

#[test]
fn an_answer_that_must_not_be_stale_is_not_in_any_worker() {
    let one = Proxy::new(HTTP);
    one.request(2);
    one.answer(0, &[(":status", "200"), ("cache-control", "must-revalidate")]);
    let other = Proxy::beside(&one.host, HTTP);
    assert_eq!(other.request(2), Action::Continue);
    for worker in [one, other] {
        worker.pass(Duration::from_secs(10));
        worker.request(3);
        worker.answer(worker.calls() as u32 - 1, &[]);
        assert_eq!(worker.refused(), [unavailable()]);
    }
}

#[test]
fn where_nothing_is_enforced_requests_pass_for_which_there_is_no_room() {
    for (mode, action) in [("enforce", Action::Pause), ("shadow", Action::Continue), ("off", Action::Continue)] {
        let proxy = Proxy::new(&HTTP.replacen('{', &format!(r#"{{"mode": "{mode}", "#), 1));
        assert_eq!(proxy.filter.request_headers(&proxy.host, 2), action, "{mode}");
    }
}

#[test]
fn what_one_worker_was_told_is_allowed_all_of_them_know_for_as_long() {
    let one = Proxy::new(HTTP);
    one.request(2);
    one.answer(0, ALLOWED);
    let other = Proxy::beside(&one.host, HTTP);
    assert_eq!((other.request(2), other.calls()), (Action::Continue, 0));
    assert_eq!(other.host.header(Map::RequestHeaders, "x-user").unwrap(), "alice");
    other.pass(Duration::from_secs(10));
    assert_eq!((other.request(3), other.calls()), (Action::Pause, 1));
    other.answer(0, &[]);
    assert_eq!(other.resumed(), [3], "it is stale there as well");
}

#[test]
fn a_refusal_ends_what_other_workers_would_learn() {
    let one = Proxy::new(HTTP);
    one.request(2);
    one.answer(0, ALLOWED);
    one.pass(Duration::from_secs(11));
    one.request(3);
    one.answer(1, DENIED);
    let other = Proxy::beside(&one.host, HTTP);
    assert_eq!((other.request(2), other.calls()), (Action::Pause, 1));
    other.answer(0, &[]);
    assert_eq!(other.refused(), [unavailable()]);
}

#[test]
fn workers_under_another_configuration_or_without_sharing_learn_nothing() {
    let one = Proxy::new(HTTP);
    one.request(2);
    one.answer(0, ALLOWED);
    for text in [HTTP.replace("10s", "9s"), HTTP.replace(r#""allowed""#, r#""shared": false, "allowed""#)] {
        let other = Proxy::beside(&one.host, &text);
        assert_eq!((other.request(2), other.calls()), (Action::Pause, 1), "{text}");
    }
}

#[test]
fn whatever_the_host_fails_at_no_request_passes_that_was_not_allowed() {
    let functions = [
        "proxy_add_header_map_value",
        "proxy_continue_stream",
        "proxy_get_buffer_bytes",
        "proxy_get_current_time_nanoseconds",
        "proxy_get_header_map_pairs",
        "proxy_get_property",
        "proxy_get_shared_data",
        "proxy_grpc_call",
        "proxy_http_call",
        "proxy_increment_metric",
        "proxy_remove_header_map_value",
        "proxy_replace_header_map_value",
        "proxy_send_local_response",
        "proxy_set_effective_context",
        "proxy_set_property",
        "proxy_set_shared_data",
    ];
    for function in functions {
        for answer in [&[][..], DENIED, &[(":status", "500")], &[(":status", "x")]] {
            let proxy = Proxy::new(HTTP);
            proxy.host.faults.borrow_mut().insert(function, Status::INTERNAL_FAILURE);
            for stream in 2..4 {
                assert_eq!(proxy.request(stream), Action::Pause, "{function}");
                proxy.answer(stream - 2, answer);
            }
            assert!(proxy.resumed().is_empty(), "{function}");
        }
    }
}

#[test]
fn a_request_passes_only_with_the_headers_that_its_decision_gives_it() {
    for function in ["proxy_replace_header_map_value", "proxy_remove_header_map_value"] {
        let proxy = Proxy::new(HTTP);
        proxy.host.faults.borrow_mut().insert(function, Status::INTERNAL_FAILURE);
        proxy.request(2);
        // One answer sets the header, the other does not, and then the client's own has to go.
        proxy.answer(0, if function.contains("replace") { ALLOWED } else { &[(":status", "200")] });
        assert!(proxy.resumed().is_empty(), "{function}");
        assert_eq!(proxy.refused(), [(503, "lateen_authz_cache_unreadable".into())], "{function}");
    }
}

#[test]
fn without_a_clock_everything_is_asked() {
    let proxy = Proxy::new(HTTP);
    proxy.request(2);
    proxy.answer(0, ALLOWED);
    proxy.host.faults.borrow_mut().insert("proxy_get_current_time_nanoseconds", Status::INTERNAL_FAILURE);
    assert_eq!(proxy.request(3), Action::Pause);
    proxy.answer(1, ALLOWED);
    assert_eq!(proxy.resumed(), [2, 3]);
}

#[test]
fn a_grpc_status_and_a_broken_message_allow_nothing() {
    let proxy = Proxy::new(GRPC);
    proxy.request(2);
    proxy.filter.grpc(&proxy.host, PLUGIN, 0, Err(7));
    proxy.request(3);
    proxy.host.set_body(Body::GrpcMessage, b"\x0a\xff");
    proxy.filter.grpc(&proxy.host, PLUGIN, 1, Ok(2));
    assert_eq!(proxy.refused(), [unavailable(), (503, "lateen_authz_cache_invalid_answer".into())]);
    proxy.request(4);
    proxy.host.set_body(Body::GrpcMessage, &allowing(&[]));
    proxy.filter.grpc(&proxy.host, PLUGIN, 2, Ok(4));
    assert_eq!(proxy.resumed(), [4]);
}

#[test]
fn an_attribute_that_would_begin_another_header_is_not_asked_about() {
    let inputs = r#""inputs": {"attributes": [{"name": "x-peer", "path": ["peer"]}]}"#;
    let proxy = Proxy::new(&HTTP.replace(r#""inputs": {"path": "full"}"#, inputs));
    proxy.host.set_text("peer", "a\r\nx-admin: 1");
    assert_eq!((proxy.request(2), proxy.calls()), (Action::Pause, 0));
    assert_eq!(proxy.refused(), [unavailable()]);
    proxy.host.set_text("peer", "a");
    proxy.request(3);
    assert!(proxy.host.calls.borrow()[0].headers.contains(&("x-peer".into(), "a".into())));
}

#[test]
fn the_log_tells_no_query_and_cannot_be_forged() {
    let proxy = Proxy::new(HTTP);
    proxy.host.request.borrow_mut().clear();
    proxy.host.add(Map::RequestHeaders, ":path", "/a\"}\n?key=secret");
    proxy.host.add(Map::RequestHeaders, ":authority", &"h".repeat(1000));
    proxy.request(2);
    proxy.answer(0, DENIED);
    let line = proxy.host.log.borrow().last().unwrap().1.clone();
    assert!(line.contains(r#""path":"/a\"}\u000a"}"#), "{line}");
    assert!(!line.contains("secret") && line.len() < 512, "{line}");
}

#[test]
fn a_long_body_of_a_refusal_is_left_out() {
    let proxy = Proxy::new(HTTP);
    proxy.request(2);
    proxy.host.add(Map::CalloutHeaders, ":status", "403");
    proxy.host.set_body(Body::Callout, &[b'x'; LONGEST_BODY + 1]);
    proxy.filter.callout(&proxy.host, PLUGIN, 0, [1, LONGEST_BODY + 1, 0]);
    assert_eq!(proxy.host.replies.borrow()[0].body, b"");
}

fn key(parts: &[Vec<Vec<u8>>]) -> Key {
    let headers = parts.iter().map(|values| ("x", values.iter().map(Vec::as_slice).collect())).collect();
    Inputs { method: Some(b"GET"), headers, ..Inputs::default() }.key(b"")
}

#[test]
fn a_missing_input_is_not_an_empty_one() {
    let with = |host| Inputs { host, ..Inputs::default() }.key(b"");
    assert_ne!(with(None), with(Some(b"")));
    assert_ne!(key(&[vec![]]), key(&[vec![vec![]]]));
    let moved = Inputs { path: Some(b"a"), ..Inputs::default() };
    assert_ne!(with(Some(b"a")), moved.key(b""));
    assert_ne!(moved.key(b""), moved.key(b"1"));
}

proptest! {
    /// Whatever bytes headers have, and however many: equal keys only for equal inputs.
    #[test]
    fn keys_are_equal_where_all_inputs_are(
        one in vec(vec(vec(0..3_u8, 0..3), 0..3), 2),
        other in vec(vec(vec(0..3_u8, 0..3), 0..3), 2),
    ) {
        prop_assert_eq!(key(&one) == key(&other), one == other);
    }

    #[test]
    fn no_grpc_answer_ends_the_machine(bytes in vec(any::<u8>(), 0..64)) {
        let _ = grpc::judge("cache_ttl", &bytes);
    }

    /// A message that was cut off is not taken for one that allows.
    #[test]
    fn a_cut_answer_is_no_leave(end in 1..8_usize) {
        let refusing = Message::default().message(1, &Message::default().number(1, 7)).bytes(2, b"\x1a\x01x").encoded();
        if let Ok(Judged { decision, .. }) = grpc::judge("cache_ttl", refusing.get(..end).unwrap_or_default()) {
            prop_assert!(!decision.allowed);
        }
    }

    #[test]
    fn no_configuration_ends_the_machine(text in r#"[{}\[\]":, a-z0-9]{0,64}"#) {
        let _ = Config::parse(text.as_bytes());
    }
}

#[test]
fn a_configuration_gets_its_defaults() {
    let config = Config::parse(GRPC.as_bytes()).unwrap();
    assert_eq!(config.mode, config::Mode::Enforce);
    assert_eq!((config.unavailable_status, config.keeping.entries), (503, 1024));
    assert_eq!((config.keeping.allowed, config.keeping.denied), (Duration::ZERO, Duration::ZERO));
    assert_eq!(config.logged, config::Logged::Denied);
}
