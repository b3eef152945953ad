//! The filter's configuration.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use lateen_sdk::json;
use lateen_sdk::node::{Faults, Node};

use crate::encoding::Encoding;
use crate::key::{Environment, Form, Key};
use crate::mac::Algorithm;
use crate::recipe::{Part, Recipe, Signature, Timestamp};
use crate::request::Source;
use crate::scope::{Path, Scope};
use crate::time::Format;
use crate::verification::Scheme;

/// Ten years, in seconds: a tolerance beyond it is a mistake.
const LONGEST_TOLERANCE: i64 = 315_360_000;
const TOLERANCE: i64 = 300;
const MOST_RULES: usize = 64;
const MOST_KEYS: usize = 256;
/// Keys that are tried for each request.
const MOST_TRIED: usize = 8;

/// What becomes of a request that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is answered here.
    Enforce,
    /// It passes, and the attributes say what would have been.
    Shadow,
    /// Nothing is looked at.
    Off,
}

/// `{mode, key_id_header, max_body_bytes, replay_capacity, rules}`.
pub struct Config {
    pub mode: Mode,
    /// Tells the upstream whose signature it was.
    pub key_id_header: String,
    pub max_body_bytes: usize,
    pub replay_capacity: usize,
    pub rules: Vec<Rule>,
}

/// Requests and what is asked of them.
pub struct Rule {
    pub name: String,
    pub scope: Scope,
    /// Nothing if they need no signature.
    pub scheme: Option<Rc<Scheme>>,
}

impl Config {
    /// The configuration in `text`, or what is wrong with it and where. `environment` finds variables.
    pub fn parse(text: &[u8], environment: Environment) -> Result<Self, String> {
        let value = json::parse(text)?;
        let faults = Faults::default();
        let node = Node::root(&value, &faults);
        node.object(&["mode", "key_id_header", "max_body_bytes", "replay_capacity", "rules"]);
        let mode = match word(&node, "mode", &["enforce", "shadow", "off"]) {
            0 => Mode::Enforce,
            1 => Mode::Shadow,
            _ => Mode::Off,
        };
        let list = node.required("rules");
        let rules: Vec<_> = list.items(MOST_RULES).iter().map(|item| Rule::read(item, environment)).collect();
        if repeated(rules.iter().map(|rule| rule.name.as_str())) {
            list.wrong("two rules have the same name");
        }
        let config = Self {
            mode,
            key_id_header: node.get("key_id_header").map_or_else(|| "x-hmac-key-id".into(), |name| name.header_name()),
            max_body_bytes: size(&node, "max_body_bytes", 1_048_576, 67_108_864),
            replay_capacity: size(&node, "replay_capacity", 16_384, 1_048_576),
            rules,
        };
        faults.or(config)
    }
}

const KINDS: [&str; 4] = ["exempt", "standard_webhooks", "github", "recipe"];

impl Rule {
    fn read(node: &Node, environment: Environment) -> Self {
        node.object(&["name", "path", "methods", "hosts", KINDS[0], KINDS[1], KINDS[2], KINDS[3]]);
        let name = node.required("name").text(64);
        let scope = Scope { path: path(node), methods: texts(node, "methods"), hosts: texts(node, "hosts") };
        let (kind, inner) = node.one_of(&KINDS);
        let (recipe, form) = match kind {
            0 => {
                if !inner.flag() {
                    inner.wrong("true is expected");
                }
                return Self { name, scope, scheme: None };
            }
            1 => {
                inner.object(&["keys", "past", "future", "replay"]);
                let replay = word(&inner, "replay", &["refuse", "allow"]) == 0;
                let recipe = Recipe::standard_webhooks(tolerance(&inner, "past"), tolerance(&inner, "future"), replay);
                (recipe, Some(Form::Webhook))
            }
            2 => {
                inner.object(&["keys"]);
                (Recipe::github(), Some(Form::Text))
            }
            _ => (recipe(&inner), None),
        };
        let list = inner.required("keys");
        let most = if recipe.key_id.is_some() { MOST_KEYS } else { MOST_TRIED };
        let read = |item: &Node| Key::read(item, recipe.algorithm, form, environment);
        let keys: Vec<_> = list.items(most).iter().filter_map(read).collect();
        if repeated(keys.iter().map(|key| key.id.as_str())) {
            list.wrong("two keys have the same id");
        }
        Self { scope, scheme: Some(Rc::new(Scheme { rule: name.clone(), recipe, keys })), name }
    }
}

fn recipe(node: &Node) -> Recipe {
    node.object(&[
        "keys",
        "algorithm",
        "signature",
        "key_id",
        "timestamp",
        "nonce",
        "replay",
        "content_digest",
        "join",
        "parts",
        "unsigned_body",
    ]);
    let timestamp = node.get("timestamp").map(|node| timestamp(&node));
    let replays = node.get("replay").map(|node| node.word(&["refuse", "allow"]) == 0);
    let recipe = Recipe {
        algorithm: match word(node, "algorithm", &["sha256", "sha512"]) {
            0 => Algorithm::Sha256,
            _ => Algorithm::Sha512,
        },
        signature: signature(&node.required("signature")),
        key_id: node.get("key_id").map(|node| source(&node, &["header", "parameter", "query"])),
        nonce: node.get("nonce").map(|node| source(&node, &["header", "parameter", "query"])),
        refuse_replays: replays.unwrap_or(timestamp.is_some()),
        timestamp,
        content_digest: word(node, "content_digest", &["ignored", "required"]) == 1,
        join: node
            .get("join")
            .map_or_else(|| "\n".into(), |node| if node.is_empty() { String::new() } else { node.text(8) }),
        parts: node.required("parts").items(32).iter().map(part).collect(),
    };
    let unsigned = node.get("unsigned_body").is_some_and(|node| node.flag());
    let problem = recipe.problem().or(match (recipe.reads_body(), unsigned) {
        (true, true) => Some("unsigned_body: the body is signed"),
        (false, false) => Some("parts: the body is not signed; unsigned_body: true says that this is meant"),
        _ => None,
    });
    if let Some(problem) = problem {
        node.wrong(problem);
    }
    recipe
}

fn signature(node: &Node) -> Signature {
    Signature {
        source: source(node, &["header", "parameter", "query", "separator", "prefix", "encoding"]),
        separator: node.get("separator").and_then(|node| node.text(1).bytes().next()),
        prefix: node.get("prefix").map(|node| node.text(32)).unwrap_or_default(),
        encoding: node.get("encoding").map_or(Encoding::Hex, |node| encoding(&node)),
    }
}

fn timestamp(node: &Node) -> Timestamp {
    Timestamp {
        source: source(node, &["header", "parameter", "query", "format", "past", "future"]),
        format: match word(node, "format", &["seconds", "milliseconds", "rfc3339"]) {
            0 => Format::Seconds,
            1 => Format::Milliseconds,
            _ => Format::Rfc3339,
        },
        past: tolerance(node, "past"),
        future: tolerance(node, "future"),
    }
}

/// A header, a parameter of a header, or a parameter of the query.
fn source(node: &Node, known: &[&str]) -> Source {
    node.object(known);
    let (kind, value) = node.one_of(&["header", "query"]);
    match (kind, node.get("parameter")) {
        (0, Some(parameter)) => Source::Parameter(value.header_name(), parameter.text(64)),
        (0, None) => Source::Header(value.header_name()),
        (_, parameter) => {
            if let Some(parameter) = parameter {
                parameter.wrong("a parameter is one of a header");
            }
            Source::Query(value.text(64))
        }
    }
}

fn part(node: &Node) -> Part {
    if node.is_text() {
        const WORDS: [&str; 9] =
            ["method", "authority", "path", "query", "target", "key_id", "timestamp", "nonce", "body"];
        return match node.word(&WORDS) {
            0 => Part::Method,
            1 => Part::Authority,
            2 => Part::Path,
            3 => Part::Query,
            4 => Part::Target,
            5 => Part::KeyId,
            6 => Part::Timestamp,
            7 => Part::Nonce,
            _ => Part::Body,
        };
    }
    node.object(&["literal", "header", "optional", "body_digest"]);
    let (kind, value) = node.one_of(&["literal", "header", "body_digest"]);
    let optional = node.get("optional");
    if let (0 | 2, Some(optional)) = (kind, &optional) {
        optional.wrong("a header may be optional, nothing else");
    }
    match kind {
        0 => Part::Literal(value.text(256)),
        1 => Part::Header { name: value.header_name(), optional: optional.is_some_and(|node| node.flag()) },
        _ => Part::BodyDigest(encoding(&value)),
    }
}

fn encoding(node: &Node) -> Encoding {
    match node.word(&["hex", "base64", "base64url"]) {
        0 => Encoding::Hex,
        1 => Encoding::Base64,
        _ => Encoding::Base64Url,
    }
}

/// Which of these words stands there; without one it is the first.
fn word(node: &Node, key: &str, words: &[&str]) -> usize {
    node.get(key).map_or(0, |node| node.word(words))
}

fn tolerance(node: &Node, key: &str) -> i64 {
    node.get(key).map_or(TOLERANCE, |node| node.integer(0..=LONGEST_TOLERANCE))
}

fn size(node: &Node, key: &str, default: usize, most: i64) -> usize {
    let given = node.get(key).and_then(|node| usize::try_from(node.integer(1..=most)).ok());
    given.unwrap_or(default)
}

fn path(node: &Node) -> Option<Path> {
    let node = node.get("path")?;
    node.object(&["exact", "prefix"]);
    let (kind, value) = node.one_of(&["exact", "prefix"]);
    let text = value.text(1024);
    if !text.starts_with('/') || text.contains('?') {
        value.wrong("a path that begins with / is expected, without a query");
    }
    Some(if kind == 0 { Path::Exact(text) } else { Path::Prefix(text) })
}

fn texts(node: &Node, key: &str) -> Vec<String> {
    node.get(key).map(|node| node.items(32).iter().map(|item| item.text(253)).collect()).unwrap_or_default()
}

/// Whether a name is there twice. Lists are short, and sorting them would be a fortieth of the module.
fn repeated<'a>(names: impl Iterator<Item = &'a str> + Clone) -> bool {
    let mut rest = names;
    while let Some(name) = rest.next() {
        if rest.clone().any(|other| other == name) {
            return true;
        }
    }
    false
}
