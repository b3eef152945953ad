//! Reading a whole request before it goes on, within a bound.
//!
//! The filter calls one of these functions in each of its three callbacks for requests and decides when it gets
//! [`Intake::Whole`]. Until then nothing has left: `filter.yaml` says `reads_body: true`, so that Envoy holds headers
//! back when `on_request_headers` pauses and goes on with the body.

use alloc::vec::Vec;

use crate::{Action, Body, Host, LocalResponse, Map, Status};

/// How far a request has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intake {
    /// This is its body. The callback continues, or answers and pauses.
    Whole(Vec<u8>),
    /// There is more to come, or the request was answered. The callback pauses.
    Pause,
}

/// For `on_request_headers`. A body that is said to be over `limit` bytes is answered with 413, one with a
/// `content-encoding` with 415: what the filter cannot read must not pass as if it had been read.
pub fn headers<H: Host>(host: &H, limit: usize) -> Intake {
    if host.end_of_stream() {
        return Intake::Whole(Vec::new());
    }
    let Ok(headers) = host.pairs(Map::RequestHeaders) else {
        return refuse(host, 500, "lateen_request_unreadable");
    };
    let mut encodings = headers.values("content-encoding").map(<[u8]>::trim_ascii);
    if encodings.any(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return refuse(host, 415, "lateen_request_body_encoded");
    }
    let length = headers.values("content-length").next().and_then(|value| core::str::from_utf8(value).ok());
    let length = length.and_then(|value| value.trim().parse::<u64>().ok());
    match length {
        Some(length) if length > limit as u64 => too_large(host),
        _ => Intake::Pause,
    }
}

/// For `on_request_body`; `size` is what the callback was told.
pub fn body<H: Host>(host: &H, size: usize, limit: usize) -> Intake {
    if size > limit {
        return too_large(host);
    }
    if host.end_of_stream() {
        return whole(host, limit);
    }
    Intake::Pause
}

/// For `on_request_trailers`: the body has ended before them.
pub fn trailers<H: Host>(host: &H, limit: usize) -> Intake {
    whole(host, limit)
}

fn whole<H: Host>(host: &H, limit: usize) -> Intake {
    match host.body(Body::Request, 0, limit.saturating_add(1)) {
        Ok(bytes) if bytes.len() > limit => too_large(host),
        Ok(bytes) => Intake::Whole(bytes),
        // Envoy has no buffer where trailers follow the headers at once.
        Err(Status::NOT_FOUND) => Intake::Whole(Vec::new()),
        Err(_) => refuse(host, 500, "lateen_request_unreadable"),
    }
}

fn too_large<H: Host>(host: &H) -> Intake {
    refuse(host, 413, "lateen_request_body_too_large")
}

fn refuse<H: Host>(host: &H, status: u32, details: &str) -> Intake {
    // A request that cannot be answered stays where it is until Envoy's timeouts end it.
    let _ = host.send_local_response(&LocalResponse { status, details, ..LocalResponse::default() });
    Intake::Pause
}

impl Intake {
    /// The action of a callback that lets a body pass after `read` has seen it.
    pub fn then(self, read: impl FnOnce(&[u8]) -> Action) -> Action {
        match self {
            Self::Whole(body) => read(&body),
            Self::Pause => Action::Pause,
        }
    }
}
