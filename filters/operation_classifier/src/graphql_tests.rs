use apollo_parser::cst::{CstNode, Definition};
use apollo_parser::Parser;
use proptest::prelude::*;

use super::*;

/// The operations by another parser; nothing if the document is not valid to it, or defines a schema.
fn oracle(document: &str) -> Option<Vec<Option<String>>> {
    let tree = Parser::new(document).parse();
    if tree.errors().next().is_some() {
        return None;
    }
    let mut found = Vec::new();
    for definition in tree.document().definitions() {
        match definition {
            Definition::OperationDefinition(operation) => {
                found.push(operation.name().map(|name| name.syntax().text().to_string().trim().to_owned()));
            }
            Definition::FragmentDefinition(_) => {}
            _ => return None,
        }
    }
    Some(found)
}

fn owned(found: Option<Vec<Option<&str>>>) -> Option<Vec<Option<String>>> {
    found.map(|names| names.into_iter().map(|name| name.map(str::to_owned)).collect())
}

fn definitions() -> impl Strategy<Value = String> {
    let name = "[_A-Za-z][_0-9A-Za-z]{0,8}";
    let value = prop_oneof![
        Just(r#""a } \" { text""#.to_owned()),
        Just(r#""""block " } \""" { #no comment""""#.to_owned()),
        Just("{x: [1, {y: -2.5e3}], z: null, w: ENUM}".to_owned()),
        Just("[null, true, \"\"]".to_owned()),
    ];
    let field =
        (name, value.clone()).prop_map(|(name, value)| format!("{name}(a: {value}) @include(if: true) {{ b }}"));
    let selection = prop::collection::vec(prop_oneof![field, name.prop_map(String::from)], 1..3)
        .prop_map(|fields| format!("{{ {} ... on T {{ c }} # {{ comment \"\n}}", fields.join(",\n")));
    let header =
        (prop::sample::select(vec!["query", "mutation", "subscription"]), prop::option::of(name), value.clone());
    let operation =
        (header, any::<bool>(), selection.clone()).prop_map(|((kind, name, value), variables, selection)| {
            let variables = if variables { format!("($v: [In!]! = {value} @d(x: {value}))") } else { String::new() };
            format!("{kind} {} {variables} @d(y: {value}) {selection}", name.unwrap_or_default())
        });
    let fragment = (name, selection.clone()).prop_filter_map("on is no name of a fragment", |(name, selection)| {
        (name != "on").then(|| format!("fragment {name} on query @d {selection}"))
    });
    prop_oneof![operation, fragment, selection]
}

proptest! {
    #[test]
    fn of_a_valid_document_the_names_are_those_another_parser_finds(
        definitions in prop::collection::vec(definitions(), 1..4),
    ) {
        let document = definitions.join("\n# comment { \" \n");
        let expected = oracle(&document).expect("the strategy makes valid documents");
        prop_assert_eq!(owned(operations(&document)), (!expected.is_empty()).then_some(expected), "{}", document);
    }

    #[test]
    fn what_is_valid_for_another_parser_is_read_the_same(document in r#"(query|mutation|fragment|on|[{}()\[\]"\\,#$@!:.=| \n]|"""|[a-c]){0,24}"#) {
        if let Some(expected) = oracle(&document).filter(|names| !names.is_empty()) {
            prop_assert_eq!(owned(operations(&document)), Some(expected), "{}", document);
        }
    }

    #[test]
    fn every_text_comes_to_an_end(document: String) {
        let _ = operations(&document);
    }
}

#[test]
fn what_is_no_executable_document_has_no_operations() {
    for document in [
        "",
        "  # only a comment",
        "query",
        "query A",
        "query A {",
        "type Query { a: Int }",
        "{ a } }",
        "fragment F on T { a }",
        "query A { a } 1",
    ] {
        assert_eq!(operations(document), None, "{document}");
    }
}

#[test]
fn the_parts_of_a_document_are_told_apart() {
    let document = "\u{feff}fragment F on T { a } query A { a } mutation B($x: In = {y: 1}) @d { b } { c }";
    assert_eq!(operations(document), Some(vec![Some("A"), Some("B"), None]));
}
