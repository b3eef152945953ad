//! What is decided stands in the README and is shown by a scenario.

use std::fs;
use std::path::Path;

#[test]
fn every_reason_is_on_the_page_and_in_a_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    let files = fs::read_dir(folder.join("scenarios")).unwrap();
    let scenarios: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let codes: Vec<_> = include_str!("../reason.rs")
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","))
        .collect();
    assert_eq!(codes.len(), 31, "as many as there are kinds of refusals");
    for code in codes {
        assert!(page.contains(&format!("`{code}`")), "{code} is not on the page");
        assert!(scenarios.contains(&format!("lateen_hmac_auth_{code}\"")), "{code} has no scenario");
    }
}
