//! The filter's configuration.

use std::rc::Rc;

use crate::encoding::Encoding;
use crate::json;
use crate::key::{Key, Secret};
use crate::mac::Algorithm;
use crate::node::Node;
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

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// The configuration in `text`, or what is wrong with it and where. `environment` finds variables.
    pub fn parse(text: &[u8], environment: Environment) -> Result<Self, String> {
        let value = json::parse(text)?;
        let known = ["mode", "key_id_header", "max_body_bytes", "replay_capacity", "rules"];
        let node = Node::root(&value);
        node.object(&known)?;
        let rules = node.required("rules")?;
        let mut read: Vec<Rule> = Vec::new();
        for item in rules.items(MOST_RULES)? {
            let rule = Rule::read(&item, environment)?;
            if read.iter().any(|other| other.name == rule.name) {
                return rules.wrong("two rules have the same name");
            }
            read.push(rule);
        }
        Ok(Self {
            mode: optional(&node, "mode", Mode::Enforce, |node| {
                node.word(&[("enforce", Mode::Enforce), ("shadow", Mode::Shadow), ("off", Mode::Off)])
            })?,
            key_id_header: optional(&node, "key_id_header", "x-hmac-key-id".into(), |node| node.header_name())?,
            max_body_bytes: size(&node, "max_body_bytes", 1_048_576, 67_108_864)?,
            replay_capacity: size(&node, "replay_capacity", 16_384, 1_048_576)?,
            rules: read,
        })
    }
}

impl Rule {
    fn read(node: &Node, environment: Environment) -> Result<Self, String> {
        const KINDS: [&str; 4] = ["exempt", "standard_webhooks", "github", "recipe"];
        node.object(&["name", "path", "methods", "hosts", KINDS[0], KINDS[1], KINDS[2], KINDS[3]])?;
        let name = node.required("name")?.text(64)?.to_owned();
        let scope = Scope { path: path(node)?, methods: texts(node, "methods")?, hosts: texts(node, "hosts")? };
        let (kind, inner) = node.one_of(&KINDS)?;
        let scheme = match kind {
            "exempt" if inner.boolean()? => None,
            "exempt" => return inner.wrong("true is expected"),
            "standard_webhooks" => {
                inner.object(&["keys", "past", "future", "replay"])?;
                let replay = optional(&inner, "replay", true, refuses_replays)?;
                let recipe =
                    Recipe::standard_webhooks(tolerance(&inner, "past")?, tolerance(&inner, "future")?, replay);
                Some(scheme(&name, &inner, recipe, Some(Secret::Webhook), environment)?)
            }
            "github" => {
                inner.object(&["keys"])?;
                Some(scheme(&name, &inner, Recipe::github(), Some(Secret::Text), environment)?)
            }
            _ => {
                let recipe = recipe(&inner)?;
                Some(scheme(&name, &inner, recipe, None, environment)?)
            }
        };
        Ok(Self { name, scope, scheme })
    }
}

fn scheme(
    rule: &str,
    node: &Node,
    recipe: Recipe,
    secret: Option<Secret>,
    environment: Environment,
) -> Result<Rc<Scheme>, String> {
    let list = node.required("keys")?;
    let most = if recipe.key_id.is_some() { MOST_KEYS } else { MOST_TRIED };
    let mut keys: Vec<Key> = Vec::new();
    for item in list.items(most)? {
        let key = Key::read(&item, recipe.algorithm, secret, environment)?;
        if keys.iter().any(|other| other.id == key.id) {
            return list.wrong("two keys have the same id");
        }
        keys.push(key);
    }
    Ok(Rc::new(Scheme { rule: rule.into(), recipe, keys }))
}

fn recipe(node: &Node) -> Result<Recipe, String> {
    const KEYS: [&str; 11] = [
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
    ];
    node.object(&KEYS)?;
    let timestamp = optional(node, "timestamp", None, |node| timestamp(node).map(Some))?;
    let recipe = Recipe {
        algorithm: optional(&node, "algorithm", Algorithm::Sha256, |node| {
            node.word(&[("sha256", Algorithm::Sha256), ("sha512", Algorithm::Sha512)])
        })?,
        signature: signature(&node.required("signature")?)?,
        key_id: optional(&node, "key_id", None, |node| source(node, &[]).map(Some))?,
        nonce: optional(&node, "nonce", None, |node| source(node, &[]).map(Some))?,
        refuse_replays: optional(&node, "replay", timestamp.is_some(), refuses_replays)?,
        timestamp,
        content_digest: optional(&node, "content_digest", false, |node| {
            node.word(&[("required", true), ("ignored", false)])
        })?,
        join: optional(&node, "join", "\n".into(), |node| match node.as_text() {
            Some(text) if text.len() <= 8 => Ok(text.to_owned()),
            _ => node.wrong("a text of at most 8 bytes is expected"),
        })?,
        parts: node.required("parts")?.items(32)?.iter().map(part).collect::<Result<_, _>>()?,
    };
    if let Some(problem) = recipe.problem() {
        return node.wrong(problem);
    }
    match (recipe.reads_body(), optional(&node, "unsigned_body", false, |node| node.boolean())?) {
        (true, true) => node.wrong("unsigned_body: the body is signed"),
        (false, false) => node.wrong("parts: the body is not signed; unsigned_body: true says that this is meant"),
        _ => Ok(recipe),
    }
}

fn signature(node: &Node) -> Result<Signature, String> {
    let source = source(node, &["separator", "prefix", "encoding"])?;
    Ok(Signature {
        source,
        separator: optional(node, "separator", None, |node| match node.as_text() {
            Some(text) if text.len() == 1 => Ok(text.chars().next()),
            _ => node.wrong("one ASCII character is expected"),
        })?,
        prefix: optional(node, "prefix", String::new(), |node| node.text(32).map(str::to_owned))?,
        encoding: optional(node, "encoding", Encoding::Hex, encoding)?,
    })
}

fn timestamp(node: &Node) -> Result<Timestamp, String> {
    Ok(Timestamp {
        source: source(node, &["format", "past", "future"])?,
        format: optional(node, "format", Format::Seconds, |node| {
            node.word(&[
                ("seconds", Format::Seconds),
                ("milliseconds", Format::Milliseconds),
                ("rfc3339", Format::Rfc3339),
            ])
        })?,
        past: tolerance(node, "past")?,
        future: tolerance(node, "future")?,
    })
}

/// A header, a parameter of a header, or a parameter of the query; `more` are keys that stand beside it.
fn source(node: &Node, more: &[&str]) -> Result<Source, String> {
    node.object(&[&["header", "parameter", "query"], more].concat())?;
    let (kind, value) = node.one_of(&["header", "query"])?;
    match (kind, node.get("parameter")) {
        ("header", Some(parameter)) => Ok(Source::Parameter(value.header_name()?, parameter.text(64)?.into())),
        ("header", None) => Ok(Source::Header(value.header_name()?)),
        (_, Some(parameter)) => parameter.wrong("a parameter is one of a header"),
        (_, None) => Ok(Source::Query(value.text(64)?.into())),
    }
}

fn part(node: &Node) -> Result<Part, String> {
    if node.as_text().is_some() {
        return node
            .word(&[
                ("method", 0),
                ("authority", 1),
                ("path", 2),
                ("query", 3),
                ("target", 4),
                ("key_id", 5),
                ("timestamp", 6),
                ("nonce", 7),
                ("body", 8),
            ])
            .map(|place| match place {
                0 => Part::Method,
                1 => Part::Authority,
                2 => Part::Path,
                3 => Part::Query,
                4 => Part::Target,
                5 => Part::KeyId,
                6 => Part::Timestamp,
                7 => Part::Nonce,
                _ => Part::Body,
            });
    }
    node.object(&["literal", "header", "optional", "body_digest"])?;
    let (kind, value) = node.one_of(&["literal", "header", "body_digest"])?;
    match (kind, node.get("optional")) {
        ("header", optional) => {
            let optional = optional.map_or(Ok(false), |flag| flag.boolean())?;
            Ok(Part::Header { name: value.header_name()?, optional })
        }
        (_, Some(optional)) => optional.wrong("a header may be optional, nothing else"),
        ("literal", None) => Ok(Part::Literal(value.text(256)?.into())),
        (_, None) => encoding(&value).map(Part::BodyDigest),
    }
}

fn encoding(node: &Node) -> Result<Encoding, String> {
    node.word(&[("hex", Encoding::Hex), ("base64", Encoding::Base64), ("base64url", Encoding::Base64Url)])
}

fn refuses_replays(node: &Node) -> Result<bool, String> {
    node.word(&[("refuse", true), ("allow", false)])
}

fn tolerance(node: &Node, key: &str) -> Result<i64, String> {
    optional(node, key, TOLERANCE, |node| node.integer(0..=LONGEST_TOLERANCE))
}

fn size(node: &Node, key: &str, default: usize, most: i64) -> Result<usize, String> {
    optional(node, key, default, |node| node.integer(1..=most).map(|number| usize::try_from(number).unwrap_or(default)))
}

fn path(node: &Node) -> Result<Option<Path>, String> {
    let Some(node) = node.get("path") else {
        return Ok(None);
    };
    node.object(&["exact", "prefix"])?;
    let (kind, value) = node.one_of(&["exact", "prefix"])?;
    let text = value.text(1024)?;
    if !text.starts_with('/') || text.contains('?') {
        return value.wrong("a path that begins with / is expected, without a query");
    }
    Ok(Some(if kind == "exact" { Path::Exact(text.into()) } else { Path::Prefix(text.into()) }))
}

fn texts(node: &Node, key: &str) -> Result<Vec<String>, String> {
    optional(node, key, Vec::new(), |node| {
        node.items(32)?.iter().map(|item| item.text(253).map(str::to_owned)).collect()
    })
}

/// The value of a key, or the default.
fn optional<T>(node: &Node, key: &str, default: T, read: impl FnOnce(&Node) -> Result<T, String>) -> Result<T, String> {
    node.get(key).map_or(Ok(default), |value| read(&value))
}
