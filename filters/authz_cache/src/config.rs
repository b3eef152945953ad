//! The filter's configuration.

use core::time::Duration;

use lateen_sdk::json;
use lateen_sdk::node::Node;

const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(86_400);
const MOST_ENTRIES: i64 = 16_384;
const MOST_NAMES: usize = 32;
const LONGEST_NAME: usize = 256;

/// Headers that frame a message or name its connection: they cannot be handed on as they are.
const FRAMING: [&str; 8] =
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
        let root = Node::root(&value);
        root.object(&["mode", "authorizer", "inputs", "answer", "cache", "unavailable_status", "log"])?;
        let modes = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow), ("off", Mode::Off)];
        let logs = [("all", Logged::All), ("denied", Logged::Denied), ("none", Logged::None)];
        let (protocol, cluster, timeout) = authorizer(&root.required("authorizer")?)?;
        Ok(Self {
            mode: root.get("mode").map_or(Ok(Mode::Enforce), |node| node.word(&modes))?,
            protocol,
            cluster,
            timeout,
            inputs: inputs(&root.required("inputs")?)?,
            answers: answers(root.get("answer"))?,
            keeping: keeping(root.get("cache"))?,
            unavailable_status: match root.get("unavailable_status") {
                Some(node) => u32::try_from(node.integer(400..=599)?).unwrap_or(503),
                None => 503,
            },
            logged: root.get("log").map_or(Ok(Logged::Denied), |node| node.word(&logs))?,
        })
    }
}

fn authorizer(node: &Node<'_>) -> Result<(Protocol, String, Duration), String> {
    node.object(&["http", "grpc"])?;
    let (kind, node) = node.one_of(&["http", "grpc"])?;
    let protocol = if kind == "http" {
        node.object(&["cluster", "timeout", "path_prefix"])?;
        let path_prefix = node.get("path_prefix").map_or(Ok(""), |prefix| path_prefix(&prefix))?;
        Protocol::Http { path_prefix: path_prefix.into() }
    } else {
        node.object(&["cluster", "timeout"])?;
        Protocol::Grpc
    };
    let timeout = time(Some(node.required("timeout")?), Duration::ZERO, LONGEST_TIMEOUT)?;
    if timeout.is_zero() {
        return node.wrong("timeout: a request cannot wait for no time");
    }
    Ok((protocol, node.required("cluster")?.text(LONGEST_NAME)?.into(), timeout))
}

fn path_prefix<'a>(node: &Node<'a>) -> Result<&'a str, String> {
    let prefix = node.text(LONGEST_NAME)?;
    if prefix.starts_with('/') && !prefix.ends_with('/') && prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(prefix)
    } else {
        node.wrong("a path that begins with / and does not end with it is expected")
    }
}

fn inputs(node: &Node<'_>) -> Result<Inputs, String> {
    node.object(&["method", "host", "path", "headers", "attributes"])?;
    let flag = |key| node.get(key).map_or(Ok(false), |node| node.boolean());
    let paths = [("full", Path::Full), ("without_query", Path::WithoutQuery), ("none", Path::None)];
    let inputs = Inputs {
        method: flag("method")?,
        host: flag("host")?,
        path: node.get("path").map_or(Ok(Path::None), |node| node.word(&paths))?,
        headers: names(node.get("headers"))?,
        attributes: attributes(node.get("attributes"))?,
    };
    if let Some(header) = inputs.headers.iter().find(|header| FRAMING.contains(&header.as_str())) {
        return node.wrong(&format!("headers: {header} belongs to the connection, not to the request"));
    }
    if let Some((name, _)) = inputs.attributes.iter().find(|(name, _)| inputs.headers.contains(name)) {
        return node.wrong(&format!("attributes: {name} is one of the headers as well"));
    }
    Ok(inputs)
}

fn attributes(node: Option<Node<'_>>) -> Result<Vec<(String, Vec<String>)>, String> {
    let Some(node) = node else {
        return Ok(Vec::new());
    };
    let mut attributes: Vec<(String, Vec<String>)> = Vec::new();
    for item in node.items(1..=MOST_NAMES)? {
        item.object(&["name", "path"])?;
        let name = item.required("name")?.header_name()?;
        if FRAMING.contains(&name.as_str()) || attributes.iter().any(|(known, _)| *known == name) {
            return item.wrong(&format!("name: {name} cannot be used, or not twice"));
        }
        let path = item.required("path")?.items(1..=MOST_NAMES)?;
        let path: Result<_, String> = path.iter().map(|step| step.text(LONGEST_NAME).map(String::from)).collect();
        attributes.push((name, path?));
    }
    Ok(attributes)
}

fn answers(node: Option<Node<'_>>) -> Result<Answers, String> {
    let denied = ["content-type", "location", "retry-after", "set-cookie", "www-authenticate"];
    let mut answers = Answers {
        to_upstream: Vec::new(),
        to_client: Vec::new(),
        to_client_on_deny: denied.map(String::from).to_vec(),
    };
    if let Some(node) = node {
        node.object(&["to_upstream", "to_client", "to_client_on_deny"])?;
        answers.to_upstream = names(node.get("to_upstream"))?;
        answers.to_client = names(node.get("to_client"))?;
        if let Some(names_on_deny) = node.get("to_client_on_deny") {
            answers.to_client_on_deny = names(Some(names_on_deny))?;
        }
        let mut all = answers.to_upstream.iter().chain(&answers.to_client).chain(&answers.to_client_on_deny);
        if let Some(name) = all.find(|name| FRAMING.contains(&name.as_str())) {
            return node.wrong(&format!("{name} belongs to the connection, not to the answer"));
        }
    }
    Ok(answers)
}

fn keeping(node: Option<Node<'_>>) -> Result<Keeping, String> {
    let mut keeping = Keeping {
        entries: 1024,
        allowed: Duration::ZERO,
        denied: Duration::ZERO,
        longest: Duration::from_secs(300),
        stale_if_error: Duration::ZERO,
        ttl_header: None,
        ttl_field: "cache_ttl".into(),
    };
    if let Some(node) = node {
        node.object(&["entries", "allowed", "denied", "longest", "stale_if_error", "ttl_header", "ttl_field"])?;
        let lifetime = |key, default| time(node.get(key), default, LONGEST_LIFETIME);
        if let Some(entries) = node.get("entries") {
            keeping.entries = usize::try_from(entries.integer(4..=MOST_ENTRIES)?).unwrap_or(keeping.entries);
        }
        keeping.allowed = lifetime("allowed", keeping.allowed)?;
        keeping.denied = lifetime("denied", keeping.denied)?;
        keeping.longest = lifetime("longest", keeping.longest)?;
        keeping.stale_if_error = lifetime("stale_if_error", keeping.stale_if_error)?;
        keeping.ttl_header = node.get("ttl_header").map(|name| name.header_name()).transpose()?;
        if let Some(field) = node.get("ttl_field") {
            keeping.ttl_field = field.text(LONGEST_NAME)?.into();
        }
    }
    Ok(keeping)
}

fn time(node: Option<Node<'_>>, default: Duration, longest: Duration) -> Result<Duration, String> {
    node.map_or(Ok(default), |node| node.duration(longest))
}

/// Names of headers.
fn names(node: Option<Node<'_>>) -> Result<Vec<String>, String> {
    let Some(node) = node else {
        return Ok(Vec::new());
    };
    node.items(0..=MOST_NAMES)?.iter().map(Node::header_name).collect()
}
