//! What is wrong with a configuration is said by its path, never by what stands there.

use std::time::Duration;

use lateen_sdk::json::parse;
use lateen_sdk::node::Node;

const TEXT: &str = r#"{"rules": [{"name": "secret", "limit": 5, "on": true, "wait": "1500ms"}, {}]}"#;

fn told<T>(visit: impl FnOnce(&Node<'_>) -> Result<T, String>) -> Result<T, String> {
    let value = parse(TEXT.as_bytes())?;
    let root = Node::root(&value);
    let items = root.required("rules")?.items(1..=2)?;
    visit(items.first().ok_or("no item")?)
}

#[test]
fn what_is_expected_is_given() {
    assert_eq!(told(|rule| rule.required("name")?.text(6).map(String::from)), Ok("secret".into()));
    assert_eq!(told(|rule| rule.required("limit")?.integer(1..=5)), Ok(5));
    assert_eq!(told(|rule| rule.required("on")?.boolean()), Ok(true));
    let wait = |rule: &Node<'_>| rule.required("wait")?.duration(Duration::from_secs(2));
    assert_eq!(told(wait), Ok(Duration::from_millis(1500)));
    assert_eq!(told(|rule| rule.required("name")?.word(&[("secret", 1), ("other", 2)])), Ok(1));
}

#[test]
fn what_is_wrong_is_named_by_its_path() {
    let problems = [
        told(|rule| rule.object(&["name"])).unwrap_err(),
        told(|rule| rule.required("kind").map(|_| ())).unwrap_err(),
        told(|rule| rule.required("name")?.text(5).map(|_| ())).unwrap_err(),
        told(|rule| rule.required("limit")?.integer(6..=9)).unwrap_err(),
        told(|rule| rule.required("wait")?.duration(Duration::from_secs(1))).unwrap_err(),
        told(|rule| rule.required("name")?.duration(Duration::from_secs(1))).unwrap_err(),
        told(|rule| rule.one_of(&["name", "limit"]).map(|_| ())).unwrap_err(),
        told(|rule| rule.required("name")?.header_name())
            .and(told(|rule| rule.required("on")?.header_name()))
            .unwrap_err(),
    ];
    let paths = ["", "", ".name", ".limit", ".wait", ".name", "", ".on"];
    for (problem, path) in problems.iter().zip(paths) {
        assert!(problem.starts_with(&format!("rules[0]{path}: ")), "{problem}");
        assert!(!problem.contains("secret"), "{problem}");
    }
}
