//! What the answers of authorizers mean, and for how long they hold.

use lateen_sdk::pairs::encode;
use lateen_sdk::wire::Message;
use lateen_sdk::Pairs;

use super::HTTP;
use crate::config::Config;
use crate::decision::Failure;
use crate::{grpc, http};

fn lifetime(configuration: &str, headers: &[(&str, &str)]) -> Option<u64> {
    let config = Config::parse(configuration.as_bytes()).unwrap();
    let answer = Pairs::new(encode(&[&[(":status", "200")], headers].concat())).unwrap();
    let judged = http::judge(&config.answers, &config.keeping, &answer, Vec::new).unwrap();
    judged.lifetime.map(|lifetime| lifetime.as_secs())
}

#[test]
fn cache_control_is_read_as_by_a_shared_cache() {
    let says = |value| lifetime(HTTP, &[("cache-control", value)]);
    for (value, seconds) in [
        ("max-age=5", Some(5)),
        ("public, Max-Age = 5", Some(5)),
        ("max-age=5, s-maxage=7", Some(7)),
        ("max-age=99999999999999999999", Some(u32::MAX.into())),
        ("max-age=-1", Some(0)),
        ("max-age", Some(0)),
        ("max-age=\"5\"", Some(0)),
        ("max-age=5, no-cache=x", Some(0)),
        ("PRIVATE", Some(0)),
        ("no-store", Some(0)),
        ("must-revalidate", None),
        ("", None),
    ] {
        assert_eq!(says(value), seconds, "{value}");
    }
    assert_eq!(lifetime(HTTP, &[("cache-control", "max-age=5"), ("cache-control", "no-store")]), Some(0));
}

#[test]
fn an_answer_that_is_to_be_asked_for_again_or_is_for_shared_caches_is_never_stale() {
    let config = Config::parse(HTTP.as_bytes()).unwrap();
    let stale = |value| {
        let answer = Pairs::new(encode(&[(":status", "200"), ("cache-control", value)])).unwrap();
        http::judge(&config.answers, &config.keeping, &answer, Vec::new).unwrap().stale
    };
    for value in
        ["max-age=5, must-revalidate", "Proxy-Revalidate,max-age=5", "s-maxage=5", "no-cache", "max-age=5, private"]
    {
        assert!(!stale(value), "{value}");
    }
    for value in ["max-age=5", "", "x-must-revalidate", "a=must-revalidate"] {
        assert!(stale(value), "{value}");
    }
}

#[test]
fn a_header_of_its_own_says_it_before_cache_control() {
    let text = HTTP.replace(r#""allowed""#, r#""ttl_header": "x-ttl", "allowed""#);
    assert_eq!(lifetime(&text, &[("x-ttl", "3"), ("cache-control", "no-store")]), Some(3));
    assert_eq!(lifetime(&text, &[("x-ttl", "soon"), ("cache-control", "max-age=5")]), Some(0));
    assert_eq!(lifetime(&text, &[("cache-control", "max-age=5")]), Some(5));
}

#[test]
fn a_status_that_neither_allows_nor_refuses_is_none() {
    let config = Config::parse(HTTP.as_bytes()).unwrap();
    let judge = |status: &str| {
        let headers = Pairs::new(encode(&[(":status", status)])).unwrap();
        http::judge(&config.answers, &config.keeping, &headers, Vec::new).map(|judged| judged.decision.allowed)
    };
    assert_eq!(judge("200"), Ok(true));
    assert_eq!((judge("302"), judge("499")), (Ok(false), Ok(false)));
    assert_eq!((judge("500"), judge("599")), (Err(Failure::Unavailable), Err(Failure::Unavailable)));
    for status in ["201", "204", "100", "600", "", "2OO"] {
        assert_eq!(judge(status), Err(Failure::Invalid), "{status}");
    }
}

/// `CheckResponse` that allows, with these members of its `dynamic_metadata`.
pub fn allowing(numbers: &[(&str, f64)]) -> Vec<u8> {
    let mut metadata = Message::default();
    for (name, number) in numbers {
        // The one field of fixed size here: `number_value`.
        let value = [&[0x11][..], &number.to_le_bytes()].concat();
        metadata = metadata.message(1, &Message::default().bytes(1, name.as_bytes()).bytes(2, &value));
    }
    Message::default().bytes(1, &[]).bytes(3, &[]).message(4, &metadata).encoded()
}

#[test]
fn a_header_that_cannot_be_one_is_left_out_and_one_that_would_begin_another_is_no_answer() {
    let judge = |name: &[u8], value: &[u8]| {
        let header = Message::default().message(1, &Message::default().bytes(1, name).bytes(2, value));
        let message = Message::default().bytes(1, &[]).message(3, &Message::default().message(2, &header)).encoded();
        grpc::judge("cache_ttl", &message).map(|judged| judged.decision.set)
    };
    assert_eq!(judge(b"X-User", b"a b\xff"), Ok(vec![("x-user".into(), b"a b\xff".to_vec())]));
    for name in ["", ":path", "host", "content-length", "te", "a:b", "a b", "\u{e9}"] {
        assert_eq!(judge(name.as_bytes(), b"a"), Ok(vec![]), "{name}");
    }
    for value in ["a\r\nx: y", "a\n", "\0"] {
        assert_eq!(judge(b"x-user", value.as_bytes()), Err(Failure::Invalid), "{value:?}");
    }
}

#[test]
fn a_number_of_the_metadata_says_how_long_a_grpc_answer_holds() {
    let says = |numbers| grpc::judge("cache_ttl", &allowing(numbers)).unwrap().lifetime.map(|time| time.as_secs());
    assert_eq!(says(&[("other", 3.0), ("cache_ttl", 60.9)]), Some(60));
    assert_eq!(says(&[("cache_ttl", -5.0)]), Some(0));
    assert_eq!(says(&[("cache_ttl", f64::NAN)]), Some(0));
    assert_eq!(says(&[("cache_ttl", 1e300)]), Some(u32::MAX.into()));
    assert_eq!(says(&[("other", 3.0)]), None);
}

#[test]
fn a_refusal_without_its_status_does_not_allow() {
    let denied = Message::default().message(2, &Message::default());
    assert_eq!(grpc::judge("", &denied.encoded()), Err(Failure::Invalid));
}
