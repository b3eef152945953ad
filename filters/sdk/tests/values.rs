//! Properties and filter state.

use lateen_sdk::fake::FakeHost;
use lateen_sdk::{declare, property, Host, Map, Status};

#[test]
fn properties_have_the_types_that_the_abi_gives_them() {
    let host = FakeHost::default();
    host.set_text("xds.cluster_name", "outbound|80||web");
    host.set_boolean("connection.mtls", true);
    host.set_integer("xds.listener_direction", 1);
    assert_eq!(property::text(&host, &["xds", "cluster_name"]).unwrap(), "outbound|80||web");
    assert_eq!(property::boolean(&host, &["connection", "mtls"]), Some(true));
    assert_eq!(property::integer(&host, &["xds", "listener_direction"]), Some(1));
}

#[test]
fn an_absent_an_empty_and_an_unreadable_property_have_no_value() {
    let host = FakeHost::default();
    host.set_text("empty", "");
    host.properties.borrow_mut().insert("latin1".into(), vec![0xe9]);
    host.properties.borrow_mut().insert("short".into(), vec![0; 7]);
    for path in ["absent", "empty", "latin1"] {
        assert_eq!(property::text(&host, &[path]), None, "{path}");
    }
    assert_eq!(property::integer(&host, &["short"]), None);
    assert_eq!(property::boolean(&host, &["short"]), None);
}

#[test]
fn state_is_declared_as_a_string_of_the_request() {
    let host = FakeHost::default();
    declare(&host, "tenant").unwrap();
    let expected = b"\x0a\x06tenant\x18\x01\x28\x01".to_vec();
    assert_eq!(*host.foreign.borrow(), [("declare_property".into(), expected)]);
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
fn all_values_of_a_repeated_header_can_be_seen() {
    let host = FakeHost::default();
    host.add(Map::RequestHeaders, "x-key", "one");
    host.add(Map::RequestHeaders, "x-key", "two");
    assert_eq!(host.first_header(Map::RequestHeaders, "x-key").unwrap().unwrap(), b"one");
    assert_eq!(host.headers(Map::RequestHeaders).unwrap().len(), 2);
}
