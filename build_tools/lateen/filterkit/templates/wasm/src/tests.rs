//! The filter on a host in memory: `cargo test` needs neither wasm32 nor Envoy.

use lateen_sdk::fake::FakeHost;
use lateen_sdk::{Action, Filter, Host, Map};

use crate::config::Config;
use crate::decision::{decide, Decision};
use crate::VersionGate;

const CONFIG: &str = r#"{"header": "x-api-version", "accept": ["2", "3"]}"#;

fn gate(host: &FakeHost, config: &str) -> VersionGate {
    VersionGate::configure(host, config.as_bytes()).unwrap()
}

/// What a request with these versions comes to: the action, the answers, the published decision.
fn call(config: &str, versions: &[&str]) -> (Action, Vec<(u32, String)>, Option<String>) {
    let host = FakeHost::default();
    for version in versions {
        host.add(Map::RequestHeaders, "x-api-version", version);
    }
    let action = gate(&host, config).on_request_headers(&mut (), &host);
    let decision = host.filter_state.borrow().get("{{name}}.decision").cloned();
    let replies = host.replies.take().into_iter().map(|reply| (reply.status, reply.details)).collect();
    (action, replies, decision)
}

fn refused(reason: &str) -> Vec<(u32, String)> {
    vec![(406, format!("{{name}}_{reason}"))]
}

#[test]
fn an_accepted_version_goes_on() {
    assert_eq!(call(CONFIG, &["3"]), (Action::Continue, vec![], Some("allow".into())));
}

#[test]
fn what_is_not_accepted_is_refused_with_its_reason() {
    for (versions, reason) in [(vec![], "missing"), (vec!["1"], "not_accepted"), (vec!["2", "3"], "repeated")] {
        assert_eq!(call(CONFIG, &versions), (Action::Pause, refused(reason), Some("deny".into())));
    }
}

#[test]
fn a_shadow_only_publishes_what_it_would_have_done() {
    let config = CONFIG.replace('}', r#", "mode": "shadow"}"#);
    assert_eq!(call(&config, &["1"]), (Action::Continue, vec![], Some("deny".into())));
    let config = CONFIG.replace('}', r#", "mode": "off"}"#);
    assert_eq!(call(&config, &["1"]), (Action::Continue, vec![], None));
    let host = FakeHost::default();
    assert_eq!(gate(&host, CONFIG).without_room(&host), Action::Pause);
    assert_eq!(gate(&host, &config).without_room(&host), Action::Continue);
}

#[test]
fn a_request_without_a_version_gets_the_default() {
    let host = FakeHost::default();
    let config = CONFIG.replace('}', r#", "default": "2"}"#);
    gate(&host, &config).on_request_headers(&mut (), &host);
    assert_eq!(host.header(Map::RequestHeaders, "x-api-version"), Some("2".into()));
    assert_eq!(host.first_header(Map::RequestHeaders, "x-api-version"), Ok(Some(b"2".to_vec())));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let config = Config::parse(CONFIG.as_bytes()).unwrap();
    assert_eq!(decide(&config, &[b"\xff"]), Decision::Refuse("not_accepted"));
}

#[test]
fn a_wrong_configuration_is_refused_and_the_place_named() {
    for (wrong, said) in [
        ("{}", "missing field `header`"),
        (r#"{"header": "X-Version", "accept": ["2"]}"#, "header: a name in lower case"),
        (r#"{"header": "x-version", "accept": []}"#, "accept: at least one version"),
        (r#"{"header": "x-version", "accept": ["2"], "default": "4"}"#, "default: 4 is not in accept"),
        (r#"{"header": "x-version", "accept": ["2"], "more": 1}"#, "unknown field `more`"),
    ] {
        let problem = Config::parse(wrong.as_bytes()).unwrap_err();
        assert!(problem.contains(said), "{problem}");
    }
}
