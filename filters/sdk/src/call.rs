//! Calls to other servers.

use core::time::Duration;

use crate::numbered::Numbered;

/// The number of a call that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call(pub(crate) u32);

/// An HTTP request to a cluster of the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpCall<'a> {
    /// The cluster; [`crate::Status::BAD_ARGUMENT`] if the host has none of this name.
    pub cluster: &'a str,
    /// `:method`, `:path` and `:authority` among them.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: &'a [u8],
    /// What follows the body.
    pub trailers: &'a [(&'a str, &'a [u8])],
    /// How long to wait for the whole answer; in milliseconds.
    pub timeout: Duration,
}

/// A gRPC call with one message each way.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcCall<'a> {
    /// The cluster, which speaks HTTP/2; [`crate::Status::PARSE_FAILURE`] if the host has none of this name.
    pub cluster: &'a str,
    /// The service with its package, `envoy.service.auth.v3.Authorization`.
    pub service: &'a str,
    /// The method, `Check`.
    pub method: &'a str,
    /// Metadata that is sent before the message.
    pub metadata: &'a [(&'a str, &'a [u8])],
    /// The encoded message.
    pub message: &'a [u8],
    /// How long to wait for the answer; in milliseconds.
    pub timeout: Duration,
}

/// What came of an HTTP call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which call.
    pub call: Call,
    /// How many headers there are.
    pub headers: usize,
    /// How many bytes the body has.
    pub body: usize,
    /// How many trailers there are.
    pub trailers: usize,
}

impl Answer {
    /// Whether there is none: the server was not reached, did not answer in time, or broke off.
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.headers == 0
    }
}

/// What came of a gRPC call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcAnswer {
    /// Which call.
    pub call: Call,
    /// How many bytes the message has; else the gRPC status, of the server or of the host that did not reach it.
    pub message: Result<usize, u32>,
}

/// Calls that are not answered yet, each with what has to be known when it is.
#[derive(Default)]
pub struct Calls<T>(Numbered<T>);

impl<T> Calls<T> {
    /// No call.
    #[must_use]
    pub const fn new() -> Self {
        Self(Numbered::new())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Remember what belongs to a call.
    pub fn insert(&mut self, call: Call, value: T) {
        self.0.insert(call.0, value);
    }

    /// What belongs to a call that is answered now; nothing if it was not remembered.
    pub fn take(&mut self, call: Call) -> Option<T> {
        self.0.remove(call.0)
    }

    /// What belongs to a call.
    pub fn get_mut(&mut self, call: Call) -> Option<&mut T> {
        self.0.get_mut(call.0)
    }
}
