//! What a filter may ask of the host.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::call::{Call, GrpcCall, HttpCall};
use crate::pairs::Pairs;
use crate::shared::Slot;

/// The answer of the host to a call that it did not carry out.
///
/// A number, not an enumeration: hosts add values, and an unknown one must not end the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// There is no such property, header or function.
    pub const NOT_FOUND: Self = Self(1);
    /// The host cannot do that with these arguments, or at this time.
    pub const BAD_ARGUMENT: Self = Self(2);
    /// The value exists but has no form in which it can be handed over.
    pub const SERIALIZATION_FAILURE: Self = Self(3);
    /// What the host handed over is not in the form that the ABI gives it.
    pub const PARSE_FAILURE: Self = Self(4);
    /// Somebody else has changed the value since it was read.
    pub const CAS_MISMATCH: Self = Self(8);
    /// The host failed, or the call is not among the module's capabilities.
    pub const INTERNAL_FAILURE: Self = Self(10);
}

impl Status {
    /// A line about what the host did not do, and the status. It does without Rust's formatting, whose parts are larger
    /// than some filters.
    #[must_use]
    pub fn line(self, what: &str) -> String {
        let mut line = String::from(what);
        line.push_str(": host status ");
        let mut power = 1_000_000_000;
        while power > 0 {
            if self.0 >= power || power == 1 {
                line.extend(char::from_digit(self.0 / power % 10, 10));
            }
            power /= 10;
        }
        line
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "host status {}", self.0)
    }
}

/// How grave a log message is; Envoy's component `wasm` filters by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// For those who debug the filter.
    Debug = 1,
    /// Something that happens rarely and is no fault.
    Info = 2,
    /// A fault that the filter has dealt with.
    Warn = 3,
    /// A fault that keeps the filter from its work.
    Error = 4,
}

/// A map of names to values. Each is there while a callback runs that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Map {
    /// What the client sent.
    RequestHeaders = 0,
    /// What the client sent behind the body.
    RequestTrailers = 1,
    /// What the client gets.
    ResponseHeaders = 2,
    /// What the client gets behind the body.
    ResponseTrailers = 3,
    /// What a gRPC server said before its message; streams only, Envoy does not hand it over for single calls.
    GrpcInitialMetadata = 4,
    /// What a gRPC server said behind its message; streams only.
    GrpcTrailingMetadata = 5,
    /// Headers of the answer to an HTTP call; only in `on_callout`.
    CalloutHeaders = 6,
    /// Trailers of the answer to an HTTP call; only in `on_callout`.
    CalloutTrailers = 7,
}

/// Bytes that the host holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Body {
    /// The request's: in `on_request_body` what has arrived and was not let through yet.
    Request = 0,
    /// The response's: in `on_response_body` what has arrived and was not let through yet.
    Response = 1,
    /// That of the answer to an HTTP call; only in `on_callout`.
    Callout = 4,
    /// The message that a gRPC call was answered with; only in `on_grpc`.
    GrpcMessage = 5,
}

/// Names and values in the order of the message; a repeated header stands there as often as it was sent.
pub type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// A counter that the host keeps, by the number that it gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(pub(crate) u32);

/// An answer that the client gets in place of the upstream's.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalResponse<'a> {
    /// The HTTP status.
    pub status: u32,
    /// Headers beside those that the host sets itself.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body; for a gRPC request Envoy makes it the status message.
    pub body: &'a [u8],
    /// What access logs show as response code details: a reason code without spaces.
    pub details: &'a str,
    /// The status that a gRPC request is answered with; without one Envoy derives it from the HTTP status.
    pub grpc_status: Option<u32>,
}

/// The host's side of the ABI, about the stream (or plugin) whose callback runs.
///
/// Filters take it as a type parameter, not as a trait object: what a filter does not call is then not imported.
pub trait Host {
    /// Write a line to the host's log. A log that cannot be written is nobody's concern.
    fn log(&self, level: Level, message: &str);

    /// The time, in nanoseconds since 1970.
    fn now(&self) -> Result<u64, Status>;

    /// The configuration of the plugin; only while it is configured. `size` is what the callback was told.
    fn configuration(&self, size: usize) -> Result<Vec<u8>, Status>;

    /// A variable of the machine's environment (Envoy's `environment_variables`), if it is set.
    fn variable(&self, name: &str) -> Result<Option<String>, Status>;

    /// Have `on_tick` called again and again, or with zero no longer. Milliseconds count; the first call comes after
    /// one period. Only while the plugin is configured, and in its other callbacks, not in a stream's.
    fn set_tick_period(&self, period: Duration) -> Result<(), Status>;

    /// Whether the message ends with what the callback is about: headers that no body follows, or the last part of a
    /// body that no trailers follow.
    fn end_of_stream(&self) -> bool;

    /// All headers, every value of a repeated one included, as the host hands them over.
    fn pairs(&self, map: Map) -> Result<Pairs, Status>;

    /// All headers, every value of a repeated one included, each a copy: to keep, or to change others by.
    fn headers(&self, map: Map) -> Result<Headers, Status> {
        self.pairs(map).map(|pairs| pairs.to_headers())
    }

    /// The first value of a header. A client that sends a header twice decides which one this is: a decision about
    /// access must look at [`Host::headers`].
    fn first_header(&self, map: Map, name: &str) -> Result<Option<Vec<u8>>, Status>;

    /// Set a header in addition to the values that it has.
    fn add_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status>;

    /// Set a header to one value in place of all that it had.
    fn replace_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status>;

    /// Remove every value of a header.
    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status>;

    /// At most `max` bytes of a body from `start` on; fewer, or none, where it ends.
    fn body(&self, body: Body, start: usize, max: usize) -> Result<Vec<u8>, Status>;

    /// Put other bytes in place of all of a body that the host holds. The message's `content-length` is the filter's
    /// concern: it goes, in the callback for headers, before the body is known.
    fn replace_body(&self, body: Body, bytes: &[u8]) -> Result<(), Status>;

    /// A property by its path (`["connection", "mtls"]`), in the encoding of its type; see [`crate::property`].
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, Status>;

    /// Set filter state. Envoy's key is `wasm.` and this one.
    fn set_filter_state(&self, key: &str, value: &[u8]) -> Result<(), Status>;

    /// Call a function that the ABI does not name; see [`crate::foreign`].
    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status>;

    /// Answer the request in place of the upstream; the callback then pauses.
    fn send_local_response(&self, response: &LocalResponse<'_>) -> Result<(), Status>;

    /// Let a request go on that a callback has paused. It must not be called for one that is not paused.
    fn resume_request(&self) -> Result<(), Status>;

    /// Let a response go on that a callback has paused. It must not be called for one that is not paused.
    fn resume_response(&self) -> Result<(), Status>;

    /// Make the calls that follow be about another stream or plugin; [`crate::Streams::enter`] is how filters do it.
    fn set_effective_context(&self, context: u32) -> Result<(), Status>;

    /// Send an HTTP request; `on_callout` gets what comes of it. The call outlives the stream that made it.
    fn dispatch_http(&self, call: &HttpCall<'_>) -> Result<Call, Status>;

    /// Make a gRPC call with one message each way; `on_grpc` gets what comes of it. It outlives the stream that made it.
    fn dispatch_grpc(&self, call: &GrpcCall<'_>) -> Result<Call, Status>;

    /// Give up a gRPC call; it is not answered then. HTTP calls cannot be given up.
    fn cancel_grpc(&self, call: Call) -> Result<(), Status>;

    /// The status of the gRPC call that `on_grpc` is about, and the server's message.
    fn grpc_status(&self) -> Result<(u32, Vec<u8>), Status>;

    /// Define a counter; Prometheus sees it under this name. Envoy gives a new number each time: once per plugin.
    fn define_counter(&self, name: &str) -> Result<Counter, Status>;

    /// Count.
    fn increment(&self, counter: Counter, by: u32) -> Result<(), Status>;

    /// The bytes of a slot of a [`crate::SharedTable`], and the number of its version; nothing if it was never set.
    fn shared_data(&self, slot: &Slot) -> Result<Option<(Vec<u8>, u32)>, Status>;

    /// Set a slot of a [`crate::SharedTable`] unless it has another version by now ([`Status::CAS_MISMATCH`]).
    fn set_shared_data(&self, slot: &Slot, bytes: &[u8], version: u32) -> Result<(), Status>;
}
