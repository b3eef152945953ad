use base64ct::{Base64, Encoding};
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A segment of a template: a literal, or the parts around parameters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Pattern(Vec<String>),
}

type Template = (String, Vec<Segment>);

impl Segment {
    /// Whether it takes a text, by trying every way to cut it.
    fn takes(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == text,
            Self::Pattern(_) if matches!(text, "" | "." | "..") => false,
            Self::Pattern(parts) => takes(parts, text, true),
        }
    }

    /// Literals first, then the pattern with the most text, parameters alone at last.
    fn rank(&self) -> (usize, usize, Vec<String>) {
        match self {
            Self::Literal(_) => (0, 0, Vec::new()),
            Self::Pattern(parts) => (1, usize::MAX - parts.concat().len(), parts.clone()),
        }
    }
}

fn takes(parts: &[String], text: &str, first: bool) -> bool {
    let Some((part, rest)) = parts.split_first() else { return text.is_empty() };
    let places = if first { 0..1 } else { 1..text.len() + 1 };
    places.into_iter().any(|place| {
        text.get(place..).and_then(|text| text.strip_prefix(part.as_str())).is_some_and(|text| takes(rest, text, false))
    })
}

/// What the table must find, by trying one template after another.
fn naive<'a>(templates: &'a [Template], method: &str, path: &[String]) -> Option<&'a Template> {
    let mut fitting: Vec<_> = templates
        .iter()
        .filter(|(_, segments)| {
            segments.len() == path.len() && segments.iter().zip(path).all(|(s, text)| s.takes(text))
        })
        .collect();
    fitting.sort_by_key(|(_, segments)| segments.iter().map(Segment::rank).collect::<Vec<_>>());
    fitting.into_iter().find(|(known, _)| known == method)
}

fn number(value: usize) -> u8 {
    u8::try_from(value).ok().filter(|value| *value < 0x80).expect("a small number")
}

fn text(value: &str) -> Vec<u8> {
    [&[number(value.len())], value.as_bytes()].concat()
}

fn texts(values: &[String]) -> Vec<u8> {
    let mut out = vec![number(values.len())];
    out.extend(values.iter().flat_map(|value| text(value)));
    out
}

/// The binary form of templates without doubles; the name of each is its number.
fn encode(templates: &[Template], methods: &[String]) -> Vec<u8> {
    let names: Vec<_> = (0..templates.len()).map(|number| number.to_string()).collect();
    let numbered: Vec<_> = templates.iter().enumerate().map(|(n, (method, path))| (n, method, &path[..])).collect();
    [vec![VERSION], texts(methods), texts(&names), node(&numbered, methods)].concat()
}

fn node(templates: &[(usize, &String, &[Segment])], methods: &[String]) -> Vec<u8> {
    let ends: Vec<_> = templates.iter().filter(|(_, _, path)| path.is_empty()).collect();
    let mut out = vec![number(ends.len())];
    for (name, method, _) in ends {
        out.extend([number(methods.iter().position(|known| known == *method).unwrap()), number(*name)]);
    }
    let mut firsts: Vec<_> = templates.iter().filter_map(|(_, _, path)| path.first()).collect();
    firsts.sort_by_key(|segment| (segment.rank(), (*segment).clone()));
    firsts.dedup();
    let alone = Segment::Pattern(vec![String::new(), String::new()]);
    let behind = |segment: &Segment| {
        let rest: Vec<_> = templates
            .iter()
            .filter(|(_, _, path)| path.first() == Some(segment))
            .map(|(name, method, path)| (*name, *method, &path[1..]))
            .collect();
        node(&rest, methods)
    };
    let literals: Vec<_> = firsts.iter().filter(|s| matches!(s, Segment::Literal(_))).collect();
    out.push(number(literals.len()));
    for segment in literals {
        if let Segment::Literal(literal) = segment {
            out.extend([text(literal), behind(segment)].concat());
        }
    }
    let patterns: Vec<_> = firsts.iter().filter(|s| matches!(s, Segment::Pattern(_)) && ***s != alone).collect();
    out.push(number(patterns.len()));
    for segment in patterns {
        if let Segment::Pattern(parts) = segment {
            out.extend([texts(parts), behind(segment)].concat());
        }
    }
    if firsts.contains(&&alone) {
        out.push(1);
        out.extend(behind(&alone));
    } else {
        out.push(0);
    }
    out
}

fn segments() -> impl Strategy<Value = Segment> {
    let part = || "[ab]{0,2}";
    let pattern = (part(), prop::collection::vec("[ab]{1,2}", 0..2), part())
        .prop_map(|(first, middle, last)| Segment::Pattern([vec![first], middle, vec![last]].concat()));
    prop_oneof!["[ab]{1,3}".prop_map(Segment::Literal), pattern]
}

fn templates() -> impl Strategy<Value = Vec<Template>> {
    let template = ("[GP]", prop::collection::vec(segments(), 0..4));
    prop::collection::btree_set(template, 0..24).prop_map(|found| found.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_finds_what_trying_every_template_finds(
        templates in templates(),
        requests in prop::collection::vec(("[GPX]", prop::collection::vec("[ab.]{1,4}", 0..4)), 1..16),
    ) {
        let methods = ["G".to_owned(), "P".to_owned()];
        let table = Table::read(encode(&templates, &methods), false, false).unwrap();
        for (method, path) in requests {
            let found = match table.find(&method, &format!("/{}", path.join("/"))) {
                Found::Operation(name) => Some(&templates[name.parse::<usize>().unwrap()]),
                _ => None,
            };
            prop_assert_eq!(found, naive(&templates, &method, &path), "{} {:?}", method, path);
        }
    }

    #[test]
    fn no_bytes_and_no_path_end_the_machine(bytes: Vec<u8>, cut: prop::sample::Index, path: String, templates in templates()) {
        if let Some(table) = Table::read(bytes, false, true) {
            let _ = table.find("G", &path);
        }
        let mut form = encode(&templates, &["G".to_owned(), "P".to_owned()]);
        form.truncate(cut.index(form.len()));
        prop_assert!(Table::read(form, false, false).is_none());
    }
}

#[test]
fn deep_nesting_is_refused() {
    let mut bytes = vec![VERSION, 0, 0];
    bytes.extend([0, 0, 0, 1].repeat(100_000));
    assert!(Table::read(bytes, false, false).is_none());
}

#[test]
fn numbers_of_no_method_or_name_are_refused() {
    assert!(Table::read(vec![VERSION, 1, 1, b'G', 0, 1, 0, 0, 0, 0, 0], false, false).is_none());
}

/// The tables that the compiler makes, and what its own tests say that they lead to.
#[test]
fn it_reads_what_the_compiler_writes() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!(
        "../../../build_tools/tests/golden/filterkit/operation_classifier/out.vectors.json"
    ))
    .unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let bytes = Base64::decode_vec(vector["table"].as_str().unwrap()).unwrap();
        let flag = |name: &str| vector[name].as_bool().unwrap();
        let table = Table::read(bytes, flag("strict"), flag("ignore_case")).unwrap();
        for request in vector["requests"].as_array().unwrap() {
            let [method, path, expected] = [0, 1, 2].map(|i| request[i].as_str().unwrap());
            let found = match table.find(method, path) {
                Found::Operation(name) => name,
                Found::OtherMethod => "(no method)",
                Found::Nothing => "(no path)",
            };
            assert_eq!(found, expected, "{}: {method} {path}", vector["name"]);
        }
    }
}
