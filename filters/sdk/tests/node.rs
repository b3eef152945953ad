//! What is wrong with a configuration is said by its path, never by what stands there.

use std::time::Duration;

use lateen_sdk::json::parse;
use lateen_sdk::node::{Faults, Node};

const TEXT: &str = r#"{"rules": [{"name": "secret", "limit": 5, "on": true, "wait": "1500ms", "none": ""}, {}]}"#;
const SECOND: Duration = Duration::from_secs(1);

fn read<T>(visit: impl FnOnce(&Node<'_>) -> T) -> Result<T, String> {
    let value = parse(TEXT.as_bytes())?;
    let faults = Faults::default();
    let root = Node::root(&value, &faults);
    let items = root.required("rules").items(2);
    let read = visit(items.first().ok_or("no item")?);
    faults.or(read)
}

fn fault<T>(visit: impl FnOnce(&Node<'_>) -> T) -> String {
    read(visit).err().unwrap_or_default()
}

#[test]
fn what_is_expected_is_given() {
    assert_eq!(read(|rule| rule.required("name").text(6)), Ok("secret".into()));
    assert_eq!(read(|rule| rule.required("name").is_text() && !rule.required("on").is_text()), Ok(true));
    assert_eq!(read(|rule| rule.required("none").is_empty()), Ok(true));
    assert_eq!(read(|rule| rule.required("limit").integer(1..=5)), Ok(5));
    assert_eq!(read(|rule| rule.required("on").flag()), Ok(true));
    assert_eq!(read(|rule| rule.required("wait").duration(2 * SECOND)), Ok(Duration::from_millis(1500)));
    assert_eq!(read(|rule| rule.required("name").word(&["other", "secret"])), Ok(1));
    assert_eq!(read(|rule| rule.one_of(&["other", "name"]).0), Ok(1));
    assert_eq!(read(|rule| rule.get("other").is_none()), Ok(true));
}

#[test]
fn what_is_wrong_is_named_by_its_path() {
    let problems = [
        ("", fault(|rule| rule.object(&["name"]))),
        ("", fault(|rule| _ = rule.required("kind"))),
        ("", fault(|rule| _ = rule.one_of(&["name", "limit"]))),
        (".name", fault(|rule| rule.required("name").text(5))),
        (".name", fault(|rule| drop(rule.required("name").list(0..=1)))),
        (".name", fault(|rule| rule.required("name").flag())),
        (".name", fault(|rule| rule.required("name").duration(SECOND))),
        (".limit", fault(|rule| rule.required("limit").integer(6..=9))),
        (".limit", fault(|rule| rule.required("limit").word(&["a", "b"]))),
        (".wait", fault(|rule| rule.required("wait").duration(SECOND))),
        (".on", fault(|rule| rule.required("on").header_name())),
    ];
    for (path, problem) in problems {
        assert!(problem.starts_with(&format!("rules[0]{path}: ")), "{problem}");
        assert!(!problem.contains("secret"), "{problem}");
    }
}

#[test]
fn the_first_fault_is_told() {
    let both = read(|rule| (rule.required("limit").integer(6..=9), rule.required("on").text(1)));
    assert!(both.unwrap_err().starts_with("rules[0].limit: "));
}
