//! What a filter may ask of the host.

use core::fmt;

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
    /// The host failed, or the call is not among the module's capabilities.
    pub const INTERNAL_FAILURE: Self = Self(10);
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

/// A header map of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Map {
    /// What the client sent.
    RequestHeaders = 0,
    /// What the client gets.
    ResponseHeaders = 2,
}

/// Names and values in the order of the message; a repeated header stands there as often as it was sent.
pub type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// The host's side of the ABI, about the stream (or plugin) whose callback runs.
///
/// Filters take it as a type parameter, not as a trait object: what a filter does not call is then not imported.
pub trait Host {
    /// Write a line to the host's log. A log that cannot be written is nobody's concern.
    fn log(&self, level: Level, message: &str);

    /// The configuration of the plugin; only while it is configured. `size` is what the callback was told.
    fn configuration(&self, size: usize) -> Result<Vec<u8>, Status>;

    /// All headers, every value of a repeated one included.
    fn headers(&self, map: Map) -> Result<Headers, Status>;

    /// The first value of a header. A client that sends a header twice decides which one this is: a decision about
    /// access must look at [`Host::headers`].
    fn first_header(&self, map: Map, name: &str) -> Result<Option<Vec<u8>>, Status>;

    /// Set a header to one value in place of all that it had.
    fn replace_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status>;

    /// Remove every value of a header.
    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status>;

    /// A property by its path (`["connection", "mtls"]`), in the encoding of its type; see [`crate::property`].
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, Status>;

    /// Set filter state. Envoy's key is `wasm.` and this one.
    fn set_filter_state(&self, key: &str, value: &[u8]) -> Result<(), Status>;

    /// Call a function that the ABI does not name, such as `declare_property`.
    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status>;

    /// Answer the request in place of the upstream. `details` appear as the response code details of access logs.
    fn send_local_response(
        &self,
        status: u32,
        headers: &[(&str, &str)],
        body: &[u8],
        details: &str,
    ) -> Result<(), Status>;
}
