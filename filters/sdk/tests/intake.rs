//! Reading a whole request: until it is there nothing passes, and nothing passes unread.

use lateen_sdk::fake::FakeHost;
use lateen_sdk::intake::{self, Intake};
use lateen_sdk::{Action, Body, Map, Status};

const LIMIT: usize = 8;

fn request(headers: &[(&str, &str)]) -> FakeHost {
    let host = FakeHost::default();
    headers.iter().for_each(|(name, value)| host.add(Map::RequestHeaders, name, value));
    host
}

fn refused(host: &FakeHost) -> Vec<(u32, String)> {
    host.replies.borrow().iter().map(|reply| (reply.status, reply.details.clone())).collect()
}

fn too_large() -> [(u32, String); 1] {
    [(413, "lateen_request_body_too_large".into())]
}

#[test]
fn a_request_without_a_body_is_whole_with_its_headers() {
    let host = request(&[]);
    host.end_of_stream.set(true);
    assert_eq!(intake::headers(&host, LIMIT), Intake::Whole(Vec::new()));
}

#[test]
fn a_body_in_parts_is_whole_with_the_last_one() {
    let host = request(&[("content-length", "6")]);
    assert_eq!(intake::headers(&host, LIMIT), Intake::Pause);
    host.set_body(Body::Request, b"abc");
    assert_eq!(intake::body(&host, 3, LIMIT), Intake::Pause);
    host.set_body(Body::Request, b"abcdef");
    host.end_of_stream.set(true);
    assert_eq!(intake::body(&host, 6, LIMIT), Intake::Whole(b"abcdef".into()));
    assert!(host.replies.borrow().is_empty());
}

#[test]
fn trailers_end_a_body() {
    let host = request(&[]);
    host.set_body(Body::Request, b"abc");
    assert_eq!(intake::body(&host, 3, LIMIT), Intake::Pause);
    assert_eq!(intake::trailers(&host, LIMIT), Intake::Whole(b"abc".into()));
}

#[test]
fn trailers_without_a_body_are_an_empty_one() {
    assert_eq!(intake::trailers(&request(&[]), LIMIT), Intake::Whole(Vec::new()));
}

#[test]
fn a_body_over_the_limit_is_refused_as_soon_as_that_is_known() {
    let host = request(&[("content-length", "9")]);
    assert_eq!(intake::headers(&host, LIMIT), Intake::Pause);
    assert_eq!(refused(&host), too_large());

    let host = request(&[]);
    assert_eq!(intake::headers(&host, LIMIT), Intake::Pause);
    assert_eq!(intake::body(&host, 9, LIMIT), Intake::Pause);
    assert_eq!(refused(&host), too_large());

    let host = request(&[]);
    host.set_body(Body::Request, &[0; 9]);
    assert_eq!(intake::trailers(&host, LIMIT), Intake::Pause);
    assert_eq!(refused(&host), too_large());
}

#[test]
fn a_body_of_just_the_limit_is_read() {
    let host = request(&[("content-length", "8")]);
    host.end_of_stream.set(false);
    assert_eq!(intake::headers(&host, LIMIT), Intake::Pause);
    host.set_body(Body::Request, &[1; 8]);
    host.end_of_stream.set(true);
    assert_eq!(intake::body(&host, 8, LIMIT), Intake::Whole(vec![1; 8]));
}

#[test]
fn an_encoded_body_is_refused_whichever_value_of_the_header_says_so() {
    for values in [&["gzip"][..], &["identity", "br"], &["identity, gzip"]] {
        let headers: Vec<_> = values.iter().map(|value| ("content-encoding", *value)).collect();
        let host = request(&headers);
        assert_eq!(intake::headers(&host, LIMIT), Intake::Pause, "{values:?}");
        assert_eq!(refused(&host), [(415, "lateen_request_body_encoded".into())], "{values:?}");
    }
    let host = request(&[("content-encoding", " Identity ")]);
    assert_eq!(intake::headers(&host, LIMIT), Intake::Pause);
    assert!(host.replies.borrow().is_empty());
}

#[test]
fn what_cannot_be_read_does_not_pass() {
    let host = request(&[]);
    host.faults.borrow_mut().insert("proxy_get_header_map_pairs", Status::INTERNAL_FAILURE);
    assert_eq!(intake::headers(&host, LIMIT), Intake::Pause);
    host.faults.borrow_mut().insert("proxy_get_buffer_bytes", Status::INTERNAL_FAILURE);
    host.end_of_stream.set(true);
    assert_eq!(intake::body(&host, 3, LIMIT), Intake::Pause);
    let unreadable = (500, "lateen_request_unreadable".to_string());
    assert_eq!(refused(&host), [unreadable.clone(), unreadable]);
}

#[test]
fn the_filter_decides_about_a_whole_body_only() {
    assert_eq!(Intake::Whole(b"abc".into()).then(decide), Action::Continue);
    assert_eq!(Intake::Pause.then(|_| Action::Continue), Action::Pause);
}

fn decide(body: &[u8]) -> Action {
    assert_eq!(body, b"abc");
    Action::Continue
}
