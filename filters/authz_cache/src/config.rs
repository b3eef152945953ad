//! The filter's configuration.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use lateen_sdk::json;
use lateen_sdk::node::{Faults, Node};

const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(86_400);
const MOST_ENTRIES: i64 = 16_384;
const MOST_NAMES: usize = 32;
const LONGEST_NAME: usize = 256;

/// Headers that frame a message or name its connection: they cannot be handed on as they are.
pub const FRAMING: [&str; 8] =
    ["connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// What becomes of decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are carried out.
    Enforce,
    /// They are told, and every request passes as it came.
    Shadow,
    /// Nobody is asked.
    Off,
}

/// How the authorizer is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The request without its body, its path behind a prefix; 200 allows.
    Http { path_prefix: String },
    /// `envoy.service.auth.v3.Authorization/Check`.
    Grpc,
}

/// How much of the path is an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    Full,
    WithoutQuery,
    None,
}

/// What of a request the authorizer sees. Nothing else can matter to its answer, so nothing else is part of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    pub method: bool,
    pub host: bool,
    pub path: Path,
    pub headers: Vec<String>,
    /// Names, with the paths of the properties that they stand for.
    pub attributes: Vec<(String, Vec<String>)>,
}

/// Which headers of an HTTP answer go where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Of an answer that allows, to the upstream; a client's own ones never get there.
    pub to_upstream: Vec<String>,
    /// Of an answer that allows, to the client.
    pub to_client: Vec<String>,
    /// Of an answer that refuses, to the client.
    pub to_client_on_deny: Vec<String>,
}

/// For how long decisions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    pub entries: usize,
    pub allowed: Duration,
    pub denied: Duration,
    pub longest: Duration,
    pub stale_if_error: Duration,
    /// Whether what is allowed holds in all workers.
    pub shared: bool,
    /// A header of an HTTP answer that says it in seconds.
    pub ttl_header: Option<String>,
    /// A number of a gRPC answer's dynamic metadata that says it in seconds.
    pub ttl_field: String,
}

/// Which decisions are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    All,
    Denied,
    None,
}

/// The configuration of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub mode: Mode,
    pub protocol: Protocol,
    pub cluster: String,
    pub timeout: Duration,
    pub inputs: Inputs,
    pub answers: Answers,
    pub keeping: Keeping,
    pub unavailable_status: u32,
    pub logged: Logged,
}

impl Config {
    /// The configuration in `text`, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let value = json::parse(text)?;
        let faults = Faults::default();
        let config = Self::read(&Node::root(&value, &faults));
        faults.or(config)
    }

    fn read(node: &Node<'_>) -> Self {
        node.object(&["mode", "authorizer", "inputs", "answer", "cache", "unavailable_status", "log"]);
        let (protocol, authorizer) = authorizer(&node.required("authorizer"));
        let timeout = authorizer.required("timeout");
        let wait = timeout.duration(LONGEST_TIMEOUT);
        if wait.is_zero() {
            timeout.wrong("a request cannot wait for no time");
        }
        Self {
            mode: match node.get("mode").map_or(0, |mode| mode.word(&["enforce", "shadow", "off"])) {
                0 => Mode::Enforce,
                1 => Mode::Shadow,
                _ => Mode::Off,
            },
            protocol,
            cluster: authorizer.required("cluster").text(LONGEST_NAME),
            timeout: wait,
            inputs: inputs(&node.required("inputs")),
            answers: answers(node.get("answer")),
            keeping: keeping(node.get("cache")),
            unavailable_status: node.get("unavailable_status").map_or(503, |status| status.integer(400..=599) as u32),
            logged: match node.get("log").map_or(0, |log| log.word(&["denied", "all", "none"])) {
                0 => Logged::Denied,
                1 => Logged::All,
                _ => Logged::None,
            },
        }
    }
}

fn authorizer<'a>(node: &Node<'a>) -> (Protocol, Node<'a>) {
    node.object(&["http", "grpc"]);
    let (kind, node) = node.one_of(&["http", "grpc"]);
    if kind == 1 {
        node.object(&["cluster", "timeout"]);
        return (Protocol::Grpc, node);
    }
    node.object(&["cluster", "timeout", "path_prefix"]);
    let path_prefix = node.get("path_prefix").map(|prefix| path_prefix(&prefix)).unwrap_or_default();
    (Protocol::Http { path_prefix }, node)
}

fn path_prefix(node: &Node<'_>) -> String {
    let prefix = node.text(LONGEST_NAME);
    if !prefix.starts_with('/') || prefix.ends_with('/') || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        node.wrong("a path that begins with / and does not end with it is expected");
    }
    prefix
}

fn inputs(node: &Node<'_>) -> Inputs {
    node.object(&["method", "host", "path", "headers", "attributes"]);
    let flag = |key| node.get(key).is_some_and(|flag| flag.flag());
    let headers = names(node.get("headers"));
    Inputs {
        method: flag("method"),
        host: flag("host"),
        path: match node.get("path").map_or(2, |path| path.word(&["full", "without_query", "none"])) {
            0 => Path::Full,
            1 => Path::WithoutQuery,
            _ => Path::None,
        },
        attributes: node.get("attributes").map(|list| attributes(&list, &headers)).unwrap_or_default(),
        headers,
    }
}

fn attributes(node: &Node<'_>, headers: &[String]) -> Vec<(String, Vec<String>)> {
    let mut attributes: Vec<(String, Vec<String>)> = Vec::new();
    for item in node.items(MOST_NAMES) {
        item.object(&["name", "path"]);
        let node = item.required("name");
        let name = name(&node);
        if headers.contains(&name) || attributes.iter().any(|(known, _)| *known == name) {
            node.wrong("another input has this name");
        }
        let path = item.required("path").items(MOST_NAMES);
        attributes.push((name, path.iter().map(|step| step.text(LONGEST_NAME)).collect()));
    }
    attributes
}

fn answers(node: Option<Node<'_>>) -> Answers {
    if let Some(node) = &node {
        node.object(&["to_upstream", "to_client", "to_client_on_deny"]);
    }
    let get = |key| node.as_ref().and_then(|node| node.get(key));
    let on_deny = ["content-type", "location", "retry-after", "set-cookie", "www-authenticate"];
    Answers {
        to_upstream: names(get("to_upstream")),
        to_client: names(get("to_client")),
        to_client_on_deny: match get("to_client_on_deny") {
            None => on_deny.map(String::from).to_vec(),
            own => names(own),
        },
    }
}

fn keeping(node: Option<Node<'_>>) -> Keeping {
    if let Some(node) = &node {
        let times = ["allowed", "denied", "longest", "stale_if_error"];
        node.object(&[&times[..], &["entries", "shared", "ttl_header", "ttl_field"]].concat());
    }
    let get = |key| node.as_ref().and_then(|node| node.get(key));
    let time = |key, seconds| get(key).map_or(Duration::from_secs(seconds), |time| time.duration(LONGEST_LIFETIME));
    Keeping {
        entries: get("entries").map_or(1024, |entries| entries.integer(4..=MOST_ENTRIES) as usize),
        allowed: time("allowed", 0),
        denied: time("denied", 0),
        longest: time("longest", 300),
        stale_if_error: time("stale_if_error", 0),
        shared: get("shared").is_none_or(|shared| shared.flag()),
        ttl_header: get("ttl_header").map(|name| name.header_name()),
        ttl_field: get("ttl_field").map_or_else(|| "cache_ttl".into(), |field| field.text(LONGEST_NAME)),
    }
}

/// Names of headers.
fn names(node: Option<Node<'_>>) -> Vec<String> {
    node.map(|node| node.list(0..=MOST_NAMES).iter().map(name).collect()).unwrap_or_default()
}

/// The name of a header that can be handed on.
fn name(node: &Node<'_>) -> String {
    let name = node.header_name();
    if FRAMING.contains(&name.as_str()) {
        node.wrong("a header that belongs to the connection cannot be handed on");
    }
    name
}
