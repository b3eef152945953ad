//! Ways to sign that a configuration describes.

use super::*;

#[test]
fn a_full_store_refuses_what_it_cannot_remember() {
    let config = recipe_text(
        r#""signature": {"header": "s"}, "timestamp": {"header": "t"}, "nonce": {"header": "n"}, "parts": ["timestamp", "nonce"], "unsigned_body": true"#,
    );
    let mut plugin = Plugin::new(&config.replacen('{', r#"{"replay_capacity": 1, "#, 1));
    let mut call = |nonce: usize, time: i64| {
        let (nonce, time) = (nonce.to_string(), time.to_string());
        let signature = sign(&format!("{time}\n{nonce}"));
        plugin.at(time.parse().unwrap());
        verdict(plugin.call(&[("s", &signature), ("t", &time), ("n", &nonce)], &[]))
    };
    for nonce in 0..8 {
        assert_eq!(call(nonce, NOW).0, None);
    }
    assert_eq!(call(8, NOW), denied(503, "replay_store_full"));
    assert_eq!(call(8, NOW + 302).0, None, "what is too old to be replayed makes room");
}

#[test]
fn a_nonce_counts_once_for_each_key() {
    let text = r#"{"rules": [{"name": "r", "recipe": {"keys": [
        {"id": "a", "secret": {"inline": "a secret of the tests"}}, {"id": "b", "secret": {"inline": "a secret of the tests"}}],
        "signature": {"header": "s"}, "key_id": {"header": "k"}, "timestamp": {"header": "t"}, "nonce": {"header": "n"},
        "parts": ["timestamp", "nonce", "body"]}}]}"#;
    let mut plugin = Plugin::new(text);
    let mut call = |key: &str, time: &str, body: &str| {
        let signature = sign(&format!("{time}\nn1\n{body}"));
        verdict(plugin.call(&[("k", key), ("s", &signature), ("t", time), ("n", "n1")], &[body.as_bytes()]))
    };
    assert_eq!(call("a", "1614265330", "x").0, None);
    assert_eq!(call("a", "1614265331", "y"), denied(401, "replayed"));
    assert_eq!(call("b", "1614265330", "x").0, None);
    assert_eq!(call("c", "1614265330", "x"), denied(401, "key_unknown"));
}

#[test]
fn keys_hold_from_their_first_second_until_before_their_last() {
    let text = r#"{"rules": [{"name": "r", "recipe": {"keys": [{"id": "k", "secret": {"inline": "a secret of the tests"},
        "not_before": "2021-02-25T15:02:10Z", "not_after": "2021-02-25T15:02:20Z"}],
        "signature": {"header": "s"}, KEY "parts": ["body"]}}]}"#;
    for source in ["", r#""key_id": {"header": "k"},"#] {
        let mut plugin = Plugin::new(&text.replace("KEY", source));
        let signature = sign("x");
        let mut at = |now| verdict(plugin.at(now).call(&[("s", &signature), ("k", "k")], &[b"x"]));
        assert_eq!(at(NOW - 1), denied(401, "key_not_yet_valid"));
        assert_eq!(at(NOW).0, None);
        assert_eq!(at(NOW + 9).0, None);
        assert_eq!(at(NOW + 10), denied(401, "key_expired"));
    }
}

#[test]
fn an_old_and_a_new_key_hold_at_the_same_time() {
    let text = r#"{"rules": [{"name": "r", "recipe": {"keys": [
        {"id": "old", "secret": {"inline": "a secret of the tests"}, "not_after": "2021-02-25T15:03:00Z"},
        {"id": "new", "secret": {"inline": "another secret of the tests"}, "not_before": "2021-02-25T15:02:00Z"}],
        "signature": {"header": "s"}, "parts": ["body"]}}]}"#;
    let mut plugin = Plugin::new(text);
    let old = sign("x");
    let mut mac = Mac::new(Algorithm::Sha256, b"another secret of the tests").unwrap();
    mac.update(b"x");
    let new = Encoding::Hex.encode(&mac.finish().into_bytes());
    assert_eq!(plugin.call(&[("s", &old)], &[b"x"]).key_id.as_deref(), Some("old"));
    assert_eq!(plugin.call(&[("s", &new)], &[b"x"]).key_id.as_deref(), Some("new"));
    assert_eq!(verdict(plugin.at(NOW + 60).call(&[("s", &old)], &[b"x"])), denied(401, "signature_mismatch"));
    assert_eq!(plugin.call(&[("s", &new)], &[b"x"]).key_id.as_deref(), Some("new"));
}

#[test]
fn every_part_is_signed_in_its_order() {
    let mut plugin = recipe(
        r#""signature": {"header": "authorization", "prefix": "HMAC "}, "key_id": {"header": "k"}, "timestamp": {"header": "t", "format": "rfc3339"},
        "nonce": {"header": "n"}, "join": "|", "parts": [{"literal": "v0"}, "method", "authority", "path", "query",
        {"header": "x-a"}, {"header": "x-b", "optional": true}, "key_id", "timestamp", "nonce", {"body_digest": "base64"}]"#,
    );
    let digest = "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE="; // of "x"
    let text = format!("v0|POST|api.example|/p|q=1|1,2||k|2021-02-25T15:02:10Z|n1|{digest}");
    let signature = format!("HMAC {}", sign(&text));
    let headers = [
        (":path", "/p?q=1"),
        ("authorization", &*signature),
        ("k", "k"),
        ("t", "2021-02-25T15:02:10Z"),
        ("n", "n1"),
        ("x-a", "1"),
        ("x-a", "2"),
    ];
    assert_eq!(plugin.call(&headers, &[b"x"]).status, None);
    for place in 0..headers.len() {
        let mut changed = headers;
        changed[place].1 = match changed[place].0 {
            "t" => "2021-02-25T15:02:11Z",
            ":path" => "/p?q=2",
            "authorization" => "HMAC 00",
            _ => "z",
        };
        assert!(plugin.call(&changed, &[b"x"]).status.is_some(), "{}", changed[place].0);
    }
}

#[test]
fn a_part_with_the_delimiter_could_be_two_others() {
    let mut plugin =
        recipe(r#""signature": {"header": "s"}, "join": ".", "parts": [{"header": "a"}, {"header": "b"}, "body"]"#);
    let signature = sign("1.2.3.4");
    for (a, b, body) in [("1", "2", "3.4"), ("1.2", "3", "4"), ("1", "2.3", "4")] {
        let passes = plugin.call(&[("s", &signature), ("a", a), ("b", b)], &[body.as_bytes()]).status.is_none();
        assert_eq!(passes, body == "3.4", "{a} {b} {body}");
    }
}

#[test]
fn parts_may_follow_the_body() {
    let mut plugin = recipe(
        r#""signature": {"header": "s", "encoding": "base64"}, "timestamp": {"header": "t", "format": "milliseconds"}, "join": "", "parts": ["method", "target", "body", "timestamp"]"#,
    );
    let mut mac = Mac::new(Algorithm::Sha256, TEXT.as_bytes()).unwrap();
    mac.update(b"POST/p?q=1body1614265330999");
    let signature = Encoding::Base64.encode(&mac.finish().into_bytes());
    let headers = [("s", &*signature), ("t", "1614265330999"), (":path", "/p?q=1")];
    assert_eq!(plugin.call(&headers, &[b"bo", b"", b"dy"]).status, None);
}

#[test]
fn the_parameters_of_one_header_carry_everything() {
    let mut plugin = recipe(
        r#""signature": {"header": "stripe-signature", "parameter": "v1"}, "timestamp": {"header": "stripe-signature", "parameter": "t"},
        "join": ".", "parts": ["timestamp", "body"]"#,
    );
    let header = format!("t=1614265330,v1={},v1={},v0=x", "00", sign("1614265330.{}"));
    assert_eq!(plugin.call(&[("stripe-signature", &header)], &[b"{}"]).status, None);
    assert_eq!(verdict(plugin.call(&[("stripe-signature", &header)], &[b"{}"])), denied(401, "replayed"));
    assert_eq!(
        verdict(plugin.call(&[("stripe-signature", "t=1614265330")], &[b"{}"])),
        denied(401, "signature_missing")
    );
}

#[test]
fn a_signed_url_covers_the_rest_of_its_query() {
    let mut plugin = recipe(
        r#""signature": {"query": "sig"}, "key_id": {"query": "key"}, "timestamp": {"query": "at"}, "replay": "allow",
        "parts": ["method", "path", "query", "timestamp"], "unsigned_body": true"#,
    );
    let signature = sign("GET\n/file\nkey=k&at=1614265330\n1614265330");
    for (query, passes) in [
        (format!("sig={signature}&key=k&at=1614265330"), true),
        (format!("key=k&sig={signature}&at=1614265330"), true),
        (format!("key=k&at=1614265330&sig={signature}"), true),
        (format!("key=k&at=1614265330&sig={signature}&admin=1"), false),
        (format!("key=k&at=1614265330&sig={signature}&sig={signature}"), false),
        ("key=k&at=1614265330".into(), false),
    ] {
        let path = format!("/file?{query}");
        let outcome = plugin.call(&[(":method", "GET"), (":path", &path)], &[]);
        assert_eq!(outcome.status.is_none(), passes, "{query}");
        assert!(!outcome.waited);
    }
}

#[test]
fn a_content_digest_that_is_signed_must_be_that_of_the_body() {
    let mut plugin = recipe(
        r#""signature": {"header": "s"}, "content_digest": "required", "parts": ["method", {"header": "content-digest"}]"#,
    );
    let digest = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    let signature = sign(&format!("POST\n{digest}"));
    let mut call = |headers: &[(&str, &str)], body: &str| verdict(plugin.call(headers, &[body.as_bytes()]));
    let body = r#"{"hello": "world"}"#;
    assert_eq!(call(&[("s", &signature), ("content-digest", digest)], body).0, None);
    assert_eq!(call(&[("s", &signature), ("content-digest", digest)], "other"), denied(401, "content_digest_mismatch"));
    assert_eq!(call(&[("s", &signature)], body), denied(401, "content_digest_missing"));
    assert_eq!(
        call(&[("s", &signature), ("content-digest", "md5=:AA==:")], body),
        denied(401, "content_digest_unsupported")
    );
    assert_eq!(
        call(&[("s", &signature), ("content-digest", "sha-256=:AA==:")], body),
        denied(401, "content_digest_malformed")
    );
    let twice = [("s", &*signature), ("content-digest", digest), ("content-digest", digest)];
    assert_eq!(call(&twice, body), denied(401, "content_digest_repeated"));
}

#[test]
fn a_request_may_name_its_key_in_the_header_that_tells_it() {
    let mut plugin =
        recipe(r#""signature": {"header": "s"}, "key_id": {"header": "x-hmac-key-id"}, "parts": ["body"]"#);
    let signature = sign("x");
    assert_eq!(plugin.call(&[("s", &signature), ("x-hmac-key-id", "k")], &[b"x"]).key_id.as_deref(), Some("k"));
    let outcome = plugin.call(&[("s", &signature), ("x-hmac-key-id", "l")], &[b"x"]);
    assert_eq!((outcome.key_id, &*outcome.reason), (None, "key_unknown"));
}
