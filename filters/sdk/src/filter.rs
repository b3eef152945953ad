//! What a filter is.

use crate::Host;

/// What happens to the stream after a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Action {
    /// The next filter gets it.
    Continue = 0,
    /// It stops here, because this filter has answered it.
    Pause = 1,
}

/// A configured plugin; one value serves all streams of a worker.
///
/// A callback that is not named in [`crate::export!`] never runs. `on_log` may run for a stream that had no other
/// callback (Envoy answered it before it reached the filters).
pub trait Filter: Sized {
    /// What is kept of one request and its response.
    type Stream: Default;

    /// Make a plugin of its configuration. With an error, which is logged, Envoy rejects the configuration.
    fn configure<H: Host>(host: &H, configuration: &[u8]) -> Result<Self, String>;

    /// The request's headers have arrived.
    fn on_request_headers<H: Host>(&mut self, stream: &mut Self::Stream, host: &H) -> Action {
        let _ = (stream, host);
        Action::Continue
    }

    /// The response's headers have arrived, or those of an answer that Envoy gives itself.
    fn on_response_headers<H: Host>(&mut self, stream: &mut Self::Stream, host: &H) -> Action {
        let _ = (stream, host);
        Action::Continue
    }

    /// The stream is over; access logs are written next.
    fn on_log<H: Host>(&mut self, stream: &mut Self::Stream, host: &H) {
        let _ = (stream, host);
    }
}
