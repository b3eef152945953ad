use proptest::prelude::*;

use super::*;
use crate::names::{Names, Sorted};
use crate::table::Table;

fn config() -> Config {
    // GET /a is `a`, gRPC's /s.S/M is `s.S/M`.
    let table = [
        &[1, 2, 3][..],
        b"GET",
        &[16],
        b"application/grpc",
        &[2, 1],
        b"a",
        &[5],
        b"s.S/M",
        &[0, 2, 1],
        b"a",
        &[1, 0, 0, 0, 0, 0, 3],
        b"s.S",
        &[0, 1, 1],
        b"M",
        &[1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    Config {
        table: Table::read(table, false, false).unwrap(),
        unknown: "other".into(),
        grpc: Some(Names::new(Sorted::default(), 1)),
        graphql: Some(Graphql {
            paths: vec!["/graphql".into()],
            max_body: 100,
            names: Names::new(only("A", ()), 0),
            persisted: only("ab", "P".into()),
        }),
    }
}

fn only<T>(name: &str, value: T) -> Sorted<T> {
    let mut sorted = Sorted::default();
    sorted.insert(name.into(), value);
    sorted
}

fn classified(config: &mut Config, head: Head<'_>, body: &str) -> (String, &'static str, &'static str) {
    let class = match config.head(&head) {
        Step::Done(class) => class,
        Step::Body(media, _) => config.body(media, body.as_bytes()),
    };
    (class.operation, class.kind, class.reason)
}

fn post(body: &str) -> (String, &'static str, &'static str) {
    let head =
        Head { method: "POST", path: "/graphql", content_type: "Application/JSON; charset=utf-8", ..Head::default() };
    classified(&mut config(), head, body)
}

fn is(operation: &str, kind: &'static str, reason: &'static str) -> (String, &'static str, &'static str) {
    (operation.to_owned(), kind, reason)
}

#[test]
fn templates_decide_about_what_is_neither_grpc_nor_graphql() {
    let ask = |method, path| classified(&mut config(), Head { method, path, ends: true, ..Head::default() }, "");
    assert_eq!(ask("GET", "/a?b=/c"), is("a", "openapi", "matched"));
    assert_eq!(ask("HEAD", "/a"), is("a", "openapi", "matched"));
    assert_eq!(ask("POST", "/a"), is("other", "openapi", "no_method"));
    assert_eq!(ask("GET", "/b"), is("other", "none", "no_path"));
    assert_eq!(ask("OPTIONS", "*"), is("other", "none", "no_path"));
    assert_eq!(ask("application/grpc", "/b"), is("other", "none", "no_path"));
}

#[test]
fn grpc_is_told_by_its_content_type_and_bounded() {
    let mut config = config();
    let mut ask = |path, content_type| {
        classified(&mut config, Head { method: "POST", path, content_type, ..Head::default() }, "")
    };
    assert_eq!(ask("/s.S/M", "application/grpc+proto"), is("s.S/M", "grpc", "matched"));
    assert_eq!(ask("/s.S/M", "application/grpc-web-text"), is("s.S/M", "grpc", "matched"));
    assert_eq!(ask("/s.S/M", "application/grpcx"), is("other", "openapi", "no_method"));
    assert_eq!(ask("/s.S/N", "application/grpc"), is("s.S/N", "grpc", "matched"));
    assert_eq!(ask("/s.S/O", "application/grpc"), is("other", "grpc", "limit"));
    assert_eq!(ask("/s.S/N", "application/grpc"), is("s.S/N", "grpc", "matched"));
    assert_eq!(ask("/s..S/M", "application/grpc"), is("other", "grpc", "bad_path"));
    assert_eq!(ask("/M", "application/grpc"), is("other", "grpc", "bad_path"));
}

#[test]
fn graphql_is_told_by_its_body() {
    assert_eq!(post(r#"{"query": "query A { a }"}"#), is("A", "graphql", "matched"));
    assert_eq!(post(r#"{"query": "query B { a }"}"#), is("other", "graphql", "not_listed"));
    assert_eq!(post(r#"{"query": "{ a }"}"#), is("other", "graphql", "anonymous"));
    assert_eq!(post(r#"{"documentId": "AB"}"#), is("P", "graphql", "persisted"));
    assert_eq!(post(r#"{"documentId": "cd"}"#), is("other", "graphql", "not_persisted"));
    assert_eq!(post(r#" [{"query": "query A { a }"}]"#), is("other", "graphql", "batch"));
    assert_eq!(post("{}"), is("other", "graphql", "no_operation"));
    assert_eq!(post("{"), is("other", "graphql", "bad_request"));
}

#[test]
fn graphql_that_is_not_to_be_read_says_why() {
    let head = Head { method: "POST", path: "/graphql", content_type: "application/json", ..Head::default() };
    let ask = |head| classified(&mut config(), head, "");
    assert_eq!(ask(Head { encoded: true, ..head }).2, "encoded_body");
    assert_eq!(ask(Head { length: Some(101), ..head }).2, "body_too_large");
    assert_eq!(ask(Head { content_type: "multipart/form-data", ..head }).2, "content_type");
    assert_eq!(ask(Head { ends: true, ..head }).2, "no_operation");
    assert_eq!(ask(Head { method: "PUT", ..head }).2, "no_method");
    assert_eq!(
        ask(Head { method: "GET", path: "/graphql?query=query+A+%7Ba%7D", ..head }),
        is("A", "graphql", "matched")
    );
}

proptest! {
    #[test]
    fn whatever_clients_send_the_operation_is_a_known_name(path: String, parameters: String, content_type in "(application/(grpc|json)|[a-z/;]*)", body: Vec<u8>) {
        let mut config = config();
        for method in ["GET", "POST"] {
            for path in [path.clone(), format!("/graphql?{parameters}"), format!("/graphql?query={parameters}")] {
                let head = Head { method, path: &path, content_type: &content_type, ..Head::default() };
                let class = match config.head(&head) {
                    Step::Done(class) => class,
                    Step::Body(media, _) => config.body(media, &body),
                };
                prop_assert!(["a", "s.S/M", "A", "P", "other"].contains(&&*class.operation) || class.kind == "grpc");
            }
        }
    }
}
