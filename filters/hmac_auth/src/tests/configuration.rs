//! Where secrets come from, and what is wrong with a configuration.

use super::*;

#[test]
fn a_secret_may_come_from_the_environment() {
    let host = FakeHost::default();
    host.variables.borrow_mut().insert("WEBHOOK_SECRET".into(), SECRET.into());
    let config = WEBHOOKS.replace(&format!(r#""inline": "{SECRET}""#), r#""env": "WEBHOOK_SECRET""#);
    assert_eq!(Plugin::with(&config, host).webhook(&[], BODY).status, None);
    let problem = HmacAuth::configure(&FakeHost::default(), config.as_bytes()).err().unwrap();
    let expected =
        "rules[0].standard_webhooks.keys[0].secret.env: there is no such variable in the machine's environment";
    assert_eq!(problem, expected);
}

#[test]
fn what_is_wrong_with_a_configuration_is_named_by_its_path_and_without_secrets() {
    let body = r#""signature": {"header": "s"}, "parts": ["body"]"#;
    for (config, problem) in [
        ("[]".to_owned(), "configuration: an object is expected"),
        ("{}".into(), "configuration: rules is missing"),
        (r#"{"rules": []}"#.into(), "rules: 1 to 64 items are expected"),
        (r#"{"rules": [{"name": "a"}]}"#.into(), "rules[0]: exactly one of exempt, standard_webhooks, github, recipe is expected"),
        (r#"{"rules": [{"name": "a", "exempt": false}]}"#.into(), "rules[0].exempt: true is expected"),
        (WEBHOOKS.replace("whsec_MfKQ", "whsec_?"), "rules[0].standard_webhooks.keys[0].secret.inline: the secret is not in its encoding"),
        (WEBHOOKS.replace("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "c2hvcnQ="), "rules[0].standard_webhooks.keys[0].secret.inline: a secret of 16 to 1024 bytes is expected"),
        (WEBHOOKS.replacen('{', r#"{"mode": "on", "#, 1), "mode: one of enforce, shadow, off is expected"),
        (WEBHOOKS.replacen('{', r#"{"max_body_bytes": 0, "#, 1), "max_body_bytes: a whole number from 1 to 67108864 is expected"),
        (WEBHOOKS.replacen('{', r#"{"key_id_header": "X-Key", "#, 1), "key_id_header: the name of a header in lower case is expected"),
        (recipe_text(&format!(r#"{body}, "timestamp": {{"header": "t"}}"#)), "rules[0].recipe: parts: the timestamp must be signed, and what is signed must be given as timestamp"),
        (recipe_text(&format!(r#"{body}, "nonce": {{"header": "n"}}"#)), "rules[0].recipe: parts: the nonce must be signed, and what is signed must be given as nonce"),
        (recipe_text(&format!(r#"{body}, "replay": "refuse""#)), "rules[0].recipe: replay: without a timestamp a request would have to be remembered for ever"),
        (recipe_text(&format!(r#"{body}, "unsigned_body": true"#)), "rules[0].recipe: unsigned_body: the body is signed"),
        (recipe_text(r#""signature": {"header": "s"}, "parts": ["method"]"#), "rules[0].recipe: parts: the body is not signed; unsigned_body: true says that this is meant"),
        (recipe_text(r#""signature": {"header": "s"}, "parts": ["method"], "content_digest": "required""#), "rules[0].recipe: parts: the header content-digest must be signed"),
        (recipe_text(r#""signature": {"header": "s"}, "parts": ["body", {"body_digest": "hex"}]"#), "rules[0].recipe: parts: the body is there twice"),
        (recipe_text(r#""signature": {"query": "s"}, "parts": ["target", "body"]"#), "rules[0].recipe: parts: target contains the signature; path and query do not"),
        (recipe_text(r#""signature": {"header": "s", "query": "s"}, "parts": ["body"]"#), "rules[0].recipe.signature: exactly one of header, query is expected"),
        (recipe_text(r#""signature": {"header": "s"}, "parts": ["bodies"]"#), "rules[0].recipe.parts[0]: one of method, authority, path, query, target, key_id, timestamp, nonce, body is expected"),
    ] {
        assert_eq!(HmacAuth::configure(&FakeHost::default(), config.as_bytes()).err().as_deref(), Some(problem));
    }
    let two = WEBHOOKS
        .replace(r#""id": "one""#, r#""id": "one", "secret": {"inline": "c2VjcmV0IG51bWJlciB6ZXJv"}}, {"id": "one""#);
    let problem = HmacAuth::configure(&FakeHost::default(), two.as_bytes()).err().unwrap();
    assert_eq!(problem, "rules[0].standard_webhooks.keys: two keys have the same id");
}
