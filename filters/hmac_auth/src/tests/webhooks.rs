//! Standard Webhooks and GitHub, and what is the same for every way to sign.

use super::*;

#[test]
fn the_vector_of_standard_webhooks_holds() {
    let mut plugin = Plugin::new(WEBHOOKS);
    let outcome = plugin.webhook(&[], BODY);
    assert_eq!(outcome, Outcome { status: None, reason: "verified".into(), key_id: Some("one".into()), waited: true });
    assert_eq!(plugin.host.filter_state.borrow()["hmac_auth.decision"], "allow");
    assert_eq!(plugin.host.filter_state.borrow()["hmac_auth.rule"], "hooks");
    assert_eq!(plugin.host.filter_state.borrow()["hmac_auth.key_id"], "one");
}

#[test]
fn the_vector_of_github_holds() {
    let config = r#"{"rules": [{"name": "g", "github": {"keys": [{"id": "hub", "secret": {"inline": "It's a Secret to Everybody"}}]}}]}"#;
    let mut plugin = Plugin::new(config);
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(plugin.call(&[("x-hub-signature-256", signature)], &[b"Hello, World!"]).key_id.as_deref(), Some("hub"));
    let outcome = plugin.call(&[("x-hub-signature-256", signature)], &[b"Hello, World?"]);
    assert_eq!(verdict(outcome), denied(401, "signature_mismatch"));
    let outcome = plugin.call(&[("x-hub-signature-256", &signature[7..])], &[b"Hello, World!"]);
    assert_eq!(verdict(outcome), denied(401, "signature_malformed"));
}

#[test]
fn whatever_is_changed_breaks_the_signature() {
    let mut plugin = Plugin::new(WEBHOOKS);
    let other = "v1,h0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    for (changes, body) in [
        (&[("webhook-id", "msg_other")][..], BODY),
        (&[("webhook-timestamp", "1614265331")], BODY),
        (&[("webhook-signature", other)], BODY),
        (&[], r#"{"test": 2432232315}"#),
        (&[], ""),
    ] {
        assert_eq!(verdict(plugin.webhook(changes, body)), denied(401, "signature_mismatch"), "{changes:?} {body}");
    }
}

#[test]
fn what_is_missing_malformed_or_repeated_has_a_reason_of_its_own() {
    let mut plugin = Plugin::new(WEBHOOKS);
    for (name, value, reason) in [
        ("webhook-signature", "", "signature_missing"),
        ("webhook-signature", "v1a,AAAA", "signature_malformed"),
        ("webhook-signature", "v1,?", "signature_malformed"),
        ("webhook-timestamp", "", "timestamp_missing"),
        ("webhook-timestamp", "soon", "timestamp_malformed"),
        ("webhook-timestamp", "-1", "timestamp_malformed"),
        ("webhook-id", "", "signed_header_missing"),
        ("webhook-id", "msg.1", "part_ambiguous"),
    ] {
        assert_eq!(verdict(plugin.webhook(&[(name, value)], BODY)), denied(401, reason), "{name}: {value}");
    }
    for (name, reason) in [("webhook-signature", "signature_repeated"), ("webhook-timestamp", "timestamp_repeated")] {
        let mut headers =
            vec![("webhook-id", "m"), ("webhook-timestamp", "1614265330"), ("webhook-signature", SIGNATURE)];
        let twice = headers.iter().find(|(key, _)| *key == name).copied().unwrap();
        headers.push(twice);
        assert_eq!(verdict(plugin.call(&headers, &[BODY.as_bytes()])), denied(401, reason));
    }
}

#[test]
fn one_of_several_signatures_is_enough() {
    let mut plugin = Plugin::new(WEBHOOKS);
    let several = format!("v1a,AAAA v1,bm8= {SIGNATURE} v2,x");
    assert_eq!(plugin.webhook(&[("webhook-signature", &several)], BODY).status, None);
    let late = format!("{} {SIGNATURE}", ["v1,bm8="; 8].join(" "));
    assert_eq!(
        verdict(plugin.at(NOW + 1).webhook(&[("webhook-signature", &late)], BODY)),
        denied(401, "signature_mismatch")
    );
}

#[test]
fn the_window_has_both_its_edges_in_it() {
    for (now, reason) in [
        (NOW + 300, "verified"),
        (NOW + 301, "timestamp_too_old"),
        (NOW - 300, "verified"),
        (NOW - 301, "timestamp_in_future"),
    ] {
        let mut plugin = Plugin::new(WEBHOOKS);
        assert_eq!(plugin.at(now).webhook(&[], BODY).reason, reason, "{}", now - NOW);
    }
}

#[test]
fn a_request_must_be_complete_before_its_time_is_over() {
    let mut plugin = Plugin::new(WEBHOOKS);
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", SIGNATURE),
    ];
    for (name, value) in headers {
        plugin.host.add(Map::RequestHeaders, name, value);
    }
    let mut stream = Stream::default();
    assert_eq!(plugin.filter.on_request_headers(&mut stream, &plugin.host), Action::Pause);
    plugin.at(NOW + 301);
    plugin.host.set_body(Body::Request, BODY.as_bytes());
    plugin.host.end_of_stream.set(true);
    assert_eq!(plugin.filter.on_request_body(&mut stream, &plugin.host, BODY.len()), Action::Pause);
    assert_eq!(plugin.host.replies.borrow()[0].details, "lateen_hmac_auth_timestamp_too_old");
    assert_eq!(plugin.filter.on_request_trailers(&mut stream, &plugin.host), Action::Pause, "it stays refused");
    assert_eq!(plugin.host.replies.borrow().len(), 1);
}

#[test]
fn a_request_passes_once_whichever_worker_gets_it() {
    let mut first = Plugin::new(WEBHOOKS);
    let host = FakeHost { shared: first.host.shared.clone(), ..FakeHost::default() };
    let mut second = Plugin::with(WEBHOOKS, host);
    assert_eq!(first.webhook(&[], BODY).status, None);
    assert_eq!(verdict(first.webhook(&[], BODY)), denied(401, "replayed"));
    assert_eq!(verdict(second.webhook(&[], BODY)), denied(401, "replayed"));
    assert_eq!(verdict(second.at(NOW + 300).webhook(&[], BODY)), denied(401, "replayed"));
    assert_eq!(verdict(second.at(NOW + 301).webhook(&[], BODY)), denied(401, "timestamp_too_old"));
}

#[test]
fn a_replay_with_another_of_its_signatures_is_still_a_replay() {
    let config = WEBHOOKS
        .replace(r#""keys": ["#, r#""keys": [{"id": "zero", "secret": {"inline": "c2VjcmV0IG51bWJlciB6ZXJv"}}, "#);
    let mut plugin = Plugin::new(&config);
    let mut mac = Mac::new(Algorithm::Sha256, b"secret number zero").unwrap();
    mac.update(format!("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{BODY}").as_bytes());
    let zero = format!("v1,{}", Encoding::Base64.encode(&mac.finish().into_bytes()));
    assert_eq!(
        plugin.webhook(&[("webhook-signature", &format!("{SIGNATURE} {zero}"))], BODY).key_id.as_deref(),
        Some("zero")
    );
    assert_eq!(verdict(plugin.webhook(&[("webhook-signature", SIGNATURE)], BODY)), denied(401, "replayed"));
    assert_eq!(verdict(plugin.webhook(&[("webhook-signature", &zero)], BODY)), denied(401, "replayed"));
}

#[test]
fn a_forgery_uses_up_nothing() {
    let mut plugin = Plugin::new(WEBHOOKS);
    plugin.webhook(&[], "forged");
    assert_eq!(plugin.webhook(&[], BODY).status, None);
}

#[test]
fn the_first_rule_that_covers_a_request_decides() {
    let config = WEBHOOKS.replace(
        r#""rules": ["#,
        r#""rules": [{"name": "health", "path": {"exact": "/healthz"}, "methods": ["GET"], "exempt": true},"#,
    );
    let config = config.replace(r#""name": "hooks","#, r#""name": "hooks", "path": {"prefix": "/hooks"},"#);
    let mut plugin = Plugin::new(&config);
    let outcome = plugin.call(&[(":method", "GET"), (":path", "/healthz?deep=1")], &[]);
    assert_eq!(outcome, Outcome { status: None, reason: "exempt".into(), key_id: None, waited: false });
    assert_eq!(verdict(plugin.call(&[(":path", "/healthz")], &[])), denied(403, "no_rule"));
    assert_eq!(verdict(plugin.call(&[], &[])), denied(401, "signature_missing"));
    for path in ["/hooks/../healthz", "/healthz/%2e%2e/hooks", "//healthz"] {
        assert_eq!(verdict(plugin.call(&[(":method", "GET"), (":path", path)], &[])), denied(400, "path_not_normal"));
    }
}

#[test]
fn a_client_cannot_say_itself_whose_key_it_was() {
    for config in [
        WEBHOOKS.to_owned(),
        WEBHOOKS.replacen('{', r#"{"mode": "off", "#, 1),
        WEBHOOKS.replacen('{', r#"{"mode": "shadow", "#, 1),
    ] {
        let mut plugin = Plugin::new(&config);
        let outcome = plugin.call(&[("x-hmac-key-id", "forged"), ("x-hmac-key-id", "twice")], &[]);
        assert_eq!(outcome.key_id, None);
    }
    assert_eq!(Plugin::new(WEBHOOKS).webhook(&[("x-hmac-key-id", "forged")], BODY).key_id.as_deref(), Some("one"));
}

#[test]
fn a_body_beyond_the_limit_is_refused_as_soon_as_that_is_known() {
    let mut plugin = Plugin::new(&WEBHOOKS.replacen('{', r#"{"max_body_bytes": 20, "#, 1));
    assert_eq!(BODY.len(), 20);
    assert_eq!(plugin.webhook(&[("content-length", "20")], BODY).status, None);
    let outcome = plugin.webhook(&[("content-length", "21")], "");
    assert_eq!((outcome.status, &*outcome.reason, outcome.waited), (Some(413), "body_too_large", false));
    let longer = format!("{BODY}.");
    assert_eq!(verdict(plugin.webhook(&[], &longer)), denied(413, "body_too_large"));
}

#[test]
fn where_nothing_is_enforced_requests_pass_for_which_there_is_no_room_without_their_own_key_id() {
    for (mode, action) in [("enforce", Action::Pause), ("shadow", Action::Continue), ("off", Action::Continue)] {
        let plugin = Plugin::new(&WEBHOOKS.replacen('{', &format!(r#"{{"mode": "{mode}", "#), 1));
        plugin.host.add(Map::RequestHeaders, "x-hmac-key-id", "forged");
        assert_eq!(plugin.filter.without_room(&plugin.host), action, "{mode}");
        assert_eq!(plugin.host.header(Map::RequestHeaders, "x-hmac-key-id"), None);
    }
}

#[test]
fn shadow_mode_lets_everything_pass_and_tells() {
    let mut plugin = Plugin::new(&WEBHOOKS.replacen('{', r#"{"mode": "shadow", "max_body_bytes": 20, "#, 1));
    let pieces: Vec<_> = BODY.as_bytes().chunks(3).collect();
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", SIGNATURE),
    ];
    assert_eq!(verdict(plugin.call(&headers, &pieces)), (None, "verified".into()));
    for (body, reason) in
        [(&pieces[..], "replayed"), (&pieces[1..], "signature_mismatch"), (&[&[0; 21][..]], "body_too_large")]
    {
        assert_eq!(verdict(plugin.call(&headers, body)), (None, reason.into()));
        assert_eq!(plugin.host.filter_state.borrow()["hmac_auth.decision"], "deny");
    }
}

#[test]
fn trailers_are_the_end_of_a_body() {
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", SIGNATURE),
    ];
    assert_eq!(Plugin::new(WEBHOOKS).send(&headers, &[BODY.as_bytes()], true).status, None);
    let outcome = Plugin::new(WEBHOOKS).send(&headers, &[], true);
    assert_eq!(verdict(outcome), denied(401, "signature_mismatch"));
}

#[test]
fn a_host_that_fails_lets_nothing_pass() {
    for function in [
        "proxy_get_header_map_pairs",
        "proxy_remove_header_map_value",
        "proxy_replace_header_map_value",
        "proxy_get_current_time_nanoseconds",
        "proxy_get_buffer_bytes",
        "proxy_get_shared_data",
        "proxy_set_shared_data",
    ] {
        for status in [Status::NOT_FOUND, Status::BAD_ARGUMENT, Status::INTERNAL_FAILURE, Status(99)] {
            if (function, status) == ("proxy_get_shared_data", Status::NOT_FOUND) {
                continue; // this is how a host says that a place is empty
            }
            let mut plugin = Plugin::new(WEBHOOKS);
            plugin.host.faults.borrow_mut().insert(function, status);
            assert_eq!(plugin.webhook(&[], BODY).status, Some(503), "{function} {status:?}");
        }
    }
}
