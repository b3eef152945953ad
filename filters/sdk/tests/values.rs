//! Properties and headers.

use std::time::Duration;

use lateen_sdk::fake::FakeHost;
use lateen_sdk::{pairs, property, Host, Map};

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
fn numbers_times_and_maps_are_decoded() {
    let host = FakeHost::default();
    host.properties.borrow_mut().insert("load".into(), 0.5_f64.to_le_bytes().into());
    host.set_integer("request.duration", 1_500_000_000);
    host.set_integer("negative", -1);
    host.properties.borrow_mut().insert("map".into(), pairs::encode(&[("key", "value")]));
    assert_eq!(property::double(&host, &["load"]), Some(0.5));
    assert_eq!(property::duration(&host, &["request", "duration"]), Some(Duration::from_millis(1500)));
    assert_eq!(property::duration(&host, &["negative"]), None);
    assert_eq!(property::map(&host, &["map"]).unwrap(), [(b"key".to_vec(), b"value".to_vec())]);
    assert_eq!(property::map(&host, &["negative"]), None);
}

#[test]
fn all_values_of_a_repeated_header_can_be_seen() {
    let host = FakeHost::default();
    host.add(Map::RequestHeaders, "x-key", "one");
    host.add(Map::RequestHeaders, "x-key", "two");
    assert_eq!(host.first_header(Map::RequestHeaders, "x-key").unwrap().unwrap(), b"one");
    assert_eq!(host.headers(Map::RequestHeaders).unwrap().len(), 2);
}
