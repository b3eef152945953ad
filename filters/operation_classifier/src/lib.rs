//! Names the operation of a request: by the path templates of OpenAPI documents, by gRPC method, or by the name of a
//! GraphQL operation.
//!
//! The name, how it was found and why become filter state, for metrics, logs, RBAC and rate limits. They are names of
//! the configuration, or a bounded number of others. The rules are written in this folder's README.

#![cfg_attr(target_arch = "wasm32", no_std)]

#[macro_use]
extern crate alloc;

mod classify;
mod config;
mod graphql;
mod json;
mod names;
mod query;
mod table;
#[cfg(test)]
mod tests;

use alloc::string::String;

use lateen_sdk::{declare, export, Action, Body, Filter, Host, Level, Map, Pairs};

use crate::classify::{Class, Head, Media, Step};
use crate::config::Config;

lateen_sdk::without_std!();
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
            declare(host, key)
                .map_err(|status| status.line(&["filter state ", key, " cannot be declared"].concat()))?;
        }
        Ok(Self { config })
    }

    fn on_request_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        let headers = host.pairs(Map::RequestHeaders).unwrap_or_default();
        match self.config.head(&head(&headers, host.end_of_stream())) {
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
            host.log(Level::Error, &status.line(&["filter state ", key, " cannot be set"].concat()));
        }
    }
    *stream = Stream::Done;
    Action::Continue
}

/// The headers that decide; one that is there more than once has no value.
fn head(headers: &Pairs, ends: bool) -> Head<'_> {
    let (mut method, mut path, mut content_type, mut length, mut encoded) = (None, None, None, None, false);
    for (name, value) in headers.iter() {
        let place = match name {
            b":method" => &mut method,
            b":path" => &mut path,
            b"content-type" => &mut content_type,
            b"content-length" => &mut length,
            b"content-encoding" => {
                encoded |= value != b"identity";
                continue;
            }
            _ => continue,
        };
        *place = Some(if place.is_none() { core::str::from_utf8(value).unwrap_or_default() } else { "" });
    }
    Head {
        method: method.unwrap_or_default(),
        path: path.unwrap_or_default(),
        content_type: content_type.unwrap_or_default(),
        encoded,
        ends,
        length: length.and_then(|length| length.parse().ok()),
    }
}
