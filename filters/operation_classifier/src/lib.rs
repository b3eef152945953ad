//! Names the operation of a request: by the path templates of OpenAPI documents, by gRPC method, or by the name of a
//! GraphQL operation.
//!
//! The name, how it was found and why become filter state, for metrics, logs, RBAC and rate limits. They are names of
//! the configuration, or a bounded number of others. The rules are written in this folder's README.

mod classify;
mod config;
mod graphql;
mod json;
mod names;
mod query;
mod table;
#[cfg(test)]
mod tests;

use lateen_sdk::{declare, export, Action, Body, Filter, Host, Level, Map};

use crate::classify::{Class, Head, Media, Step};
use crate::config::Config;

export!(OperationClassifier: on_request_headers, on_request_body, on_request_trailers, on_log);

/// Keys of filter state; Envoy puts `wasm.` in front.
const OPERATION: &str = "operation_classifier.operation";
const KIND: &str = "operation_classifier.kind";
const REASON: &str = "operation_classifier.reason";

/// The filter, with what it holds requests against.
pub struct OperationClassifier {
    config: Config,
}

/// How far a request has been looked at.
#[derive(Default)]
pub enum Stream {
    /// Not at all.
    #[default]
    Unseen,
    /// Its headers wait for the body of this kind, of up to so many bytes.
    Reading(Media, usize),
    /// It is classified.
    Done,
}

impl Filter for OperationClassifier {
    type Stream = Stream;

    fn configure<H: Host>(host: &H, configuration: &[u8]) -> Result<Self, String> {
        let config = Config::parse(configuration)?;
        for key in [OPERATION, KIND, REASON] {
            declare(host, key).map_err(|status| format!("filter state {key} cannot be declared: {status:?}"))?;
        }
        Ok(Self { config })
    }

    fn on_request_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        match self.config.head(&Received::new(host).head()) {
            Step::Done(class) => publish(host, stream, &class),
            Step::Body(media, limit) => {
                *stream = Stream::Reading(media, limit);
                Action::Pause
            }
        }
    }

    fn on_request_body<H: Host>(&mut self, stream: &mut Stream, host: &H, size: usize) -> Action {
        match *stream {
            Stream::Reading(_, limit) if size > limit => publish(host, stream, &self.config.too_large()),
            Stream::Reading(..) if !host.end_of_stream() => Action::Pause,
            _ => self.read(stream, host),
        }
    }

    fn on_request_trailers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        self.read(stream, host)
    }

    fn on_log<H: Host>(&mut self, stream: &mut Stream, host: &H) {
        if !matches!(stream, Stream::Done) {
            publish(host, stream, &self.config.unseen());
        }
    }
}

impl OperationClassifier {
    /// All of the body has arrived.
    fn read<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        let Stream::Reading(media, limit) = *stream else { return Action::Continue };
        let body = host.body(Body::Request, 0, limit).unwrap_or_default();
        let class = self.config.body(media, &body);
        publish(host, stream, &class)
    }
}

/// Lets the request go on with what is known of it.
fn publish<H: Host>(host: &H, stream: &mut Stream, class: &Class) -> Action {
    for (key, value) in [(OPERATION, &*class.operation), (KIND, class.kind), (REASON, class.reason)] {
        if let Err(status) = host.set_filter_state(key, value.as_bytes()) {
            host.log(Level::Error, &format!("filter state {key} cannot be set: {status:?}"));
        }
    }
    *stream = Stream::Done;
    Action::Continue
}

/// The headers that decide; one that is there more than once has no value.
struct Received {
    method: String,
    path: String,
    content_type: String,
    encoded: bool,
    ends: bool,
    length: Option<usize>,
}

impl Received {
    fn new<H: Host>(host: &H) -> Self {
        let headers = host.headers(Map::RequestHeaders).unwrap_or_default();
        let single = |wanted: &str| {
            let mut values = headers.iter().filter(|(name, _)| name == wanted.as_bytes());
            match (values.next(), values.next()) {
                (Some((_, value)), None) => String::from_utf8(value.clone()).unwrap_or_default(),
                _ => String::new(),
            }
        };
        Self {
            method: single(":method"),
            path: single(":path"),
            content_type: single("content-type"),
            encoded: headers.iter().any(|(name, value)| name == b"content-encoding" && value != b"identity"),
            ends: host.end_of_stream(),
            length: single("content-length").parse().ok(),
        }
    }

    fn head(&self) -> Head<'_> {
        Head {
            method: &self.method,
            path: &self.path,
            content_type: &self.content_type,
            encoded: self.encoded,
            ends: self.ends,
            length: self.length,
        }
    }
}
