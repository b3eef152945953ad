//! Which requests a rule is about.

use alloc::string::String;
use alloc::vec::Vec;

use crate::encoding::percent_decoded;
use crate::request::{split, Request};

/// What a path must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// This one.
    Exact(String),
    /// This one or one below it: `/hooks` is the prefix of `/hooks/a` but not of `/hooksmith`.
    Prefix(String),
}

/// The requests of a rule; what it does not say does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    pub path: Option<Path>,
    pub methods: Vec<String>,
    pub hosts: Vec<String>,
}

impl Scope {
    /// Whether a request is one of them.
    pub fn covers(&self, request: &Request) -> bool {
        let path = request.path();
        let at = match &self.path {
            None => true,
            Some(Path::Exact(exact)) => path == exact.as_bytes(),
            Some(Path::Prefix(prefix)) => {
                let prefix = prefix.strip_suffix('/').unwrap_or(prefix).as_bytes();
                path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            }
        };
        at && (self.methods.is_empty() || self.by_method(request)) && (self.hosts.is_empty() || self.at_host(request))
    }

    fn by_method(&self, request: &Request) -> bool {
        let method = request.method();
        self.methods.iter().any(|one| one.as_bytes() == method)
    }

    fn at_host(&self, request: &Request) -> bool {
        let authority = request.single(":authority").unwrap_or_default();
        let host = split(authority, b':').0;
        let host = host.strip_suffix(b".").unwrap_or(host);
        self.hosts.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(host))
    }
}

/// Whether a path means the same to everybody. One that a server behind could read as another path must not choose a
/// rule: `//`, a backslash, a fragment, dot segments (with parameters as well), and any of their signs encoded, or one
/// that nobody has to encode: `/%61pi` is `/api` to most servers.
pub fn is_normal(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/") else {
        return path == b"*";
    };
    let dots = |segment: &[u8]| matches!(split(segment, b';').0, b"." | b"..");
    !rest.split(|byte| *byte == b'/').any(dots)
        && !path.windows(2).any(|pair| pair == b"//")
        && !path.iter().any(|byte| matches!(byte, b'\\' | b'#'))
        && !path
            .windows(3)
            .filter(|part| part.starts_with(b"%"))
            .filter_map(percent_decoded)
            .flatten()
            .any(needs_no_code)
}

fn needs_no_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/\\\0".contains(&byte)
}

#[cfg(test)]
mod tests {
    use lateen_sdk::pairs::{encode, Pairs};

    use super::*;

    fn covers(scope: &Scope, method: &str, path: &str, host: &str) -> bool {
        let headers = Pairs::new(encode(&[(":method", method), (":path", path), (":authority", host)])).unwrap();
        scope.covers(&Request::new(&headers))
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        for prefix in ["/hooks", "/hooks/"] {
            let scope = Scope { path: Some(Path::Prefix(prefix.into())), ..Scope::default() };
            for path in ["/hooks", "/hooks/", "/hooks/a", "/hooks?x=/y"] {
                assert!(covers(&scope, "GET", path, "h"), "{path}");
            }
            for path in ["/hooksmith", "/", "/Hooks", "/a/hooks"] {
                assert!(!covers(&scope, "GET", path, "h"), "{path}");
            }
        }
        let all = Scope { path: Some(Path::Prefix("/".into())), ..Scope::default() };
        assert!(covers(&all, "GET", "/anything", "h"));
    }

    #[test]
    fn everything_that_a_rule_names_must_fit() {
        let scope = Scope {
            path: Some(Path::Exact("/a".into())),
            methods: vec!["POST".into(), "PUT".into()],
            hosts: vec!["api.example".into()],
        };
        assert!(covers(&scope, "PUT", "/a?b", "API.example:443"));
        assert!(covers(&scope, "PUT", "/a?b", "api.example."));
        assert!(!covers(&scope, "GET", "/a", "api.example"));
        assert!(!covers(&scope, "PUT", "/a/", "api.example"));
        assert!(!covers(&scope, "PUT", "/a", "other.example"));
        assert!(covers(&Scope::default(), "GET", "/", "h"));
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_not_normal() {
        for path in ["/", "/a", "/a/", "/a/b.c/..d", "/a;x=1/b", "/%C3%A9%20", "/100%", "*"] {
            assert!(is_normal(path.as_bytes()), "{path}");
        }
        for path in [
            "",
            "a",
            "//",
            "/a//b",
            "/./a",
            "/a/..",
            "/a/../b",
            "/a/..;x/b",
            "/a\\b",
            "/a#b",
            "/%2e%2E/a",
            "/a%2Fb",
            "/a%5cb",
            "/a%00",
            "/%61pi",
            "/a%2Db",
        ] {
            assert!(!is_normal(path.as_bytes()), "{path}");
        }
    }
}
