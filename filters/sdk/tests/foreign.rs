//! Envoy's foreign functions: how arguments are encoded and what the answers mean.

use lateen_sdk::fake::FakeHost;
use lateen_sdk::foreign::{self, Expression, PublicKey, Span, Verdict};
use lateen_sdk::{declare, Status};

fn called(host: &FakeHost) -> (String, Vec<u8>) {
    host.foreign.borrow().first().cloned().unwrap_or_default()
}

fn answering(name: &str, answer: &[u8]) -> FakeHost {
    let host = FakeHost::default();
    host.foreign_answers.borrow_mut().insert(name.into(), answer.into());
    host
}

#[test]
fn state_is_declared_as_a_string_of_the_request() {
    let host = FakeHost::default();
    declare(&host, "tenant").unwrap();
    assert_eq!(called(&host), ("declare_property".into(), b"\x0a\x06tenant\x18\x01\x28\x01".to_vec()));
}

#[test]
fn a_second_declaration_is_no_fault_but_other_failures_are() {
    let host = FakeHost::default();
    host.foreign_status.replace(Some(Status::BAD_ARGUMENT));
    assert_eq!(declare(&host, "tenant"), Ok(()));
    host.foreign_status.replace(Some(Status::INTERNAL_FAILURE));
    assert_eq!(declare(&host, "tenant"), Err(Status::INTERNAL_FAILURE));
}

#[test]
fn envoys_own_state_is_set_with_its_span() {
    let host = FakeHost::default();
    foreign::set_envoy_filter_state(&host, "k", "v", Span::Connection).unwrap();
    assert_eq!(called(&host), ("set_envoy_filter_state".into(), b"\x0a\x01k\x12\x01v\x18\x02".to_vec()));
    host.foreign_status.replace(Some(Status::NOT_FOUND));
    assert_eq!(foreign::set_envoy_filter_state(&host, "k", "v", Span::Request), Err(Status::NOT_FOUND));
}

#[test]
fn an_expression_is_evaluated_by_its_number() {
    let host = answering("expr_create", &7_u32.to_le_bytes());
    host.foreign_answers.borrow_mut().insert("expr_evaluate".into(), b"GET".to_vec());
    let expression = Expression::create(&host, "request.method").unwrap();
    assert_eq!(expression.evaluate(&host).unwrap(), b"GET");
    expression.delete(&host).unwrap();
    let calls = host.foreign.borrow();
    assert_eq!(calls[0], ("expr_create".into(), b"request.method".to_vec()));
    assert_eq!(calls[1], ("expr_evaluate".into(), vec![7, 0, 0, 0]));
    assert_eq!(calls[2], ("expr_delete".into(), vec![7, 0, 0, 0]));
}

#[test]
fn an_expression_that_does_not_parse_or_has_no_number_is_an_error() {
    let host = answering("expr_create", b"");
    assert_eq!(Expression::create(&host, "1"), Err(Status::PARSE_FAILURE));
    host.foreign_status.replace(Some(Status::BAD_ARGUMENT));
    assert_eq!(Expression::create(&host, "1 +"), Err(Status::BAD_ARGUMENT));
}

#[test]
fn a_signature_is_valid_only_if_envoy_says_so() {
    let verify = |answer: &[u8]| {
        let host = answering("verify_signature", answer);
        foreign::verify_signature(&host, "sha256", PublicKey::Der(b"key"), b"sig", b"text")
    };
    assert_eq!(verify(b"\x08\x01"), Ok(Verdict::Valid));
    assert_eq!(verify(b"\x08\x00\x12\x03bad"), Ok(Verdict::Invalid("bad".into())));
    assert_eq!(verify(b""), Ok(Verdict::Invalid(String::new())));
    assert_eq!(verify(b"\x08"), Err(Status::PARSE_FAILURE));
}

#[test]
fn keys_in_der_and_pem_have_fields_of_their_own() {
    for (key, field) in [(PublicKey::Der(b"k"), b"\x12\x01k".as_slice()), (PublicKey::Pem("k"), b"\x2a\x01k")] {
        let host = FakeHost::default();
        foreign::verify_signature(&host, "sha256", key, b"s", b"t").unwrap();
        assert_eq!(called(&host).1, [b"\x0a\x06sha256", field, b"\x1a\x01s\x22\x01t"].concat());
    }
}
