use super::*;

fn json(text: &str) -> Query {
    Query::of_json(text.as_bytes()).unwrap()
}

#[test]
fn the_document_says_which_operation_it_is() {
    assert_eq!(json(r#"{"query": "query A { a }"}"#).wanted(), Wanted::Named("A"));
    assert_eq!(json(r#"{"query": "query A { a } query B { b }", "operationName": "B"}"#).wanted(), Wanted::Named("B"));
    assert_eq!(json(r#"{"query": "\u007b a }", "operationName": null}"#).wanted(), Wanted::Anonymous);
    assert_eq!(Query::of_document(b"mutation C { c }").unwrap().wanted(), Wanted::Named("C"));
}

#[test]
fn a_name_that_the_document_does_not_define_is_not_believed() {
    for text in [
        r#"{"query": "query A { a }", "operationName": "B"}"#,
        r#"{"query": "query A { a } query B { b }"}"#,
        r#"{"query": "no document", "operationName": "no"}"#,
        r#"{"operationName": "A"}"#,
        "{}",
    ] {
        assert_eq!(json(text).wanted(), Wanted::Nothing, "{text}");
    }
}

#[test]
fn a_hash_counts_only_where_there_is_no_document() {
    let hash = r#""extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab"}}"#;
    assert_eq!(json(&format!("{{{hash}}}")).wanted(), Wanted::Persisted("ab"));
    assert_eq!(json(&format!(r#"{{"query": "", {hash}}}"#)).wanted(), Wanted::Persisted("ab"));
    assert_eq!(json(&format!(r#"{{"query": "query A {{ a }}", {hash}}}"#)).wanted(), Wanted::Named("A"));
    assert_eq!(json(r#"{"documentId": "sha256:ab"}"#).wanted(), Wanted::Persisted("ab"));
}

#[test]
fn what_two_readers_could_take_in_two_ways_is_refused() {
    for text in [
        r#"{"query": "query A { a }", "query": "query B { b }"}"#,
        r#"{"query": 1}"#,
        r#"{"query": "query A { a }"} {}"#,
        r#""query""#,
        "[]x",
    ] {
        assert_eq!(Query::of_json(text.as_bytes()), None, "{text}");
    }
    assert_eq!(Query::of_document(&[0xff]), None);
    assert_eq!(Query::of_parameters("query=a&query=b"), None);
    assert_eq!(Query::of_parameters("query=%ff"), None);
    assert_eq!(Query::of_parameters("extensions=%7B"), None);
}

#[test]
fn other_fields_of_any_form_are_passed_over() {
    let text = r#"{"variables": {"a": [1, -2.5e300, {"b": null}], "query": 1}, "query": "query A { a }", "x": 1e999}"#;
    assert_eq!(json(text).wanted(), Wanted::Named("A"));
}

#[test]
fn parameters_of_a_url_say_the_same() {
    let query = Query::of_parameters("a=1&query=query+A%28%24x%3A+Int%29+%7B+a+%7D&variables=%7B%7D").unwrap();
    assert_eq!(query.wanted(), Wanted::Named("A"));
    let hash = "extensions=%7B%22persistedQuery%22%3A%7B%22sha256Hash%22%3A%22ab%22%7D%7D";
    assert_eq!(Query::of_parameters(hash).unwrap().wanted(), Wanted::Persisted("ab"));
    assert_eq!(Query::of_parameters("").unwrap().wanted(), Wanted::Nothing);
}
