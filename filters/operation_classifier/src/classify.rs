//! What a request is: by gRPC's content type, by a GraphQL path, else by the table.

use alloc::string::String;

use crate::config::{Config, Graphql};
use crate::names::Refusal;
use crate::query::{Query, Wanted};
use crate::table::{Found, GRPC};

/// The answer: `kind` and `reason` are of the fixed sets in this folder's README.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    pub operation: String,
    pub kind: &'static str,
    pub reason: &'static str,
}

/// What of the request's headers decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    pub method: &'a str,
    /// With what stands behind `?`.
    pub path: &'a str,
    pub content_type: &'a str,
    pub encoded: bool,
    /// Whether no body follows.
    pub ends: bool,
    /// Of the body, as far as it was said.
    pub length: Option<usize>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: the request is known.
    Done(Class),
    /// Its body of up to so many bytes; what kind of body it is.
    Body(Media, usize),
}

/// How a body carries GraphQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Json,
    Document,
}

/// The kinds.
const OPENAPI: &str = "openapi";
const KIND_GRPC: &str = "grpc";
const GRAPHQL: &str = "graphql";
const NONE: &str = "none";

impl Config {
    /// Classify by the headers, or say that the body is needed.
    pub fn head(&mut self, head: &Head<'_>) -> Step {
        let (path, parameters) = split(head.path, b'?');
        let path = split(path, b'#').0;
        if self.grpc.is_some() && is_grpc(head.content_type) {
            return Step::Done(self.grpc(path));
        }
        match self.graphql.as_ref().filter(|graphql| graphql.paths.iter().any(|known| known == path)) {
            Some(graphql) => match graphql_step(graphql, head) {
                Ok(None) => Step::Done(self.query(Query::of_parameters(parameters))),
                Ok(Some((media, limit))) => Step::Body(media, limit),
                Err(reason) => Step::Done(self.unknown(GRAPHQL, reason)),
            },
            None => Step::Done(self.template(head.method, path)),
        }
    }

    /// Classify by the whole body.
    pub fn body(&mut self, media: Media, body: &[u8]) -> Class {
        if media == Media::Json && body.trim_ascii_start().starts_with(b"[") {
            return self.unknown(GRAPHQL, "batch");
        }
        self.query(match media {
            Media::Json => Query::of_json(body),
            Media::Document => Query::of_document(body),
        })
    }

    /// The body is larger than what is read.
    pub fn too_large(&self) -> Class {
        self.unknown(GRAPHQL, "body_too_large")
    }

    /// The request was answered before anything was known of it.
    pub fn unseen(&self) -> Class {
        self.unknown(NONE, "not_classified")
    }

    fn template(&self, method: &str, path: &str) -> Class {
        match self.table.find(method, path) {
            Found::Operation(name) => class(name, OPENAPI, "matched"),
            Found::OtherMethod => self.unknown(OPENAPI, "no_method"),
            Found::Nothing => self.unknown(NONE, "no_path"),
        }
    }

    fn grpc(&mut self, path: &str) -> Class {
        if let Found::Operation(name) = self.table.find(GRPC, path) {
            return class(name, KIND_GRPC, "matched");
        }
        let Some(name) = path.strip_prefix("/").filter(|name| is_grpc_method(name)) else {
            return self.unknown(KIND_GRPC, "bad_path");
        };
        match self.grpc.as_mut().map(|names| names.take(name)) {
            Some(Ok(())) => class(name, KIND_GRPC, "matched"),
            Some(Err(refusal)) => self.unknown(KIND_GRPC, reason(refusal)),
            None => self.unknown(KIND_GRPC, "not_listed"),
        }
    }

    fn query(&mut self, query: Option<Query>) -> Class {
        let Some(graphql) = &mut self.graphql else { return self.unseen() };
        let (name, how) = match query.as_ref().map(Query::wanted) {
            None => return self.unknown(GRAPHQL, "bad_request"),
            Some(Wanted::Nothing) => return self.unknown(GRAPHQL, "no_operation"),
            Some(Wanted::Anonymous) => return self.unknown(GRAPHQL, "anonymous"),
            Some(Wanted::Persisted(hash)) => match graphql.persisted.get(&hash.to_ascii_lowercase()) {
                Some(name) => return class(name, GRAPHQL, "persisted"),
                None => return self.unknown(GRAPHQL, "not_persisted"),
            },
            Some(Wanted::Named(name)) => (name, graphql.names.take(name)),
        };
        match how {
            Ok(()) => class(name, GRAPHQL, "matched"),
            Err(refusal) => self.unknown(GRAPHQL, reason(refusal)),
        }
    }

    fn unknown(&self, kind: &'static str, reason: &'static str) -> Class {
        class(&self.unknown, kind, reason)
    }
}

/// `None`: the parameters of the path say it; else which body does. An error is the reason why nothing will.
fn graphql_step(graphql: &Graphql, head: &Head<'_>) -> Result<Option<(Media, usize)>, &'static str> {
    if matches!(head.method, "GET" | "HEAD") {
        return Ok(None);
    }
    if head.method != "POST" {
        return Err("no_method");
    }
    let is = |media: &str| media_type(head.content_type).eq_ignore_ascii_case(media);
    let media = match (is("application/json"), is("application/graphql")) {
        (true, _) => Media::Json,
        (_, true) => Media::Document,
        _ => return Err("content_type"),
    };
    match head {
        Head { ends: true, .. } => Err("no_operation"),
        Head { encoded: true, .. } => Err("encoded_body"),
        Head { length: Some(length), .. } if *length > graphql.max_body => Err("body_too_large"),
        _ => Ok(Some((media, graphql.max_body))),
    }
}

fn class(operation: &str, kind: &'static str, reason: &'static str) -> Class {
    Class { operation: operation.into(), kind, reason }
}

fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotListed => "not_listed",
        Refusal::Limit => "limit",
    }
}

/// The type before its parameters.
fn media_type(content_type: &str) -> &str {
    split(content_type, b';').0.trim_ascii()
}

/// gRPC and gRPC-Web, with whatever they carry: `application/grpc`, `application/grpc+proto`, `application/grpc-web-text`.
fn is_grpc(content_type: &str) -> bool {
    let Some((start, rest)) = media_type(content_type).split_at_checked(GRPC.len()) else { return false };
    start.eq_ignore_ascii_case(GRPC) && matches!(rest.as_bytes().first(), None | Some(b'+' | b'-'))
}

/// `package.Service/Method`.
fn is_grpc_method(name: &str) -> bool {
    let word = |text: &[u8]| {
        text.first().is_some_and(|first| !first.is_ascii_digit())
            && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let (service, method) = split(name, b'/');
    service.as_bytes().split(|byte| *byte == b'.').all(word) && word(method.as_bytes())
}

/// What stands before and behind the first such sign, which is one of ASCII.
fn split(text: &str, sign: u8) -> (&str, &str) {
    let place = text.bytes().position(|byte| byte == sign).unwrap_or(text.len());
    (text.get(..place).unwrap_or_default(), text.get(place + 1..).unwrap_or_default())
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
