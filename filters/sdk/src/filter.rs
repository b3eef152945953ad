//! What a filter is.

use alloc::string::String;

use crate::{Answer, GrpcAnswer, Host, StreamId, Streams};

/// What happens to the stream after a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Action {
    /// The next filter gets it.
    Continue = 0,
    /// It stops here: this filter has answered it, waits for the rest of the body, or will resume it.
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

    /// A stream begins. A filter that resumes it later, in a callback that is not the stream's, keeps its `id`.
    fn begin(id: StreamId) -> Self::Stream {
        let _ = id;
        Self::Stream::default()
    }

    /// The request's headers have arrived; [`Host::end_of_stream`] says whether a body follows.
    fn on_request_headers<H: Host>(&mut self, stream: &mut Self::Stream, host: &H) -> Action {
        let _ = (stream, host);
        Action::Continue
    }

    /// Some of the request's body has arrived. `size` is that of all that was not let through: a filter that pauses
    /// sees the same bytes again, with more behind them, in [`crate::Body::Request`].
    fn on_request_body<H: Host>(&mut self, stream: &mut Self::Stream, host: &H, size: usize) -> Action {
        let _ = (stream, host, size);
        Action::Continue
    }

    /// The request's trailers have arrived, and with them its end.
    fn on_request_trailers<H: Host>(&mut self, stream: &mut Self::Stream, host: &H) -> Action {
        let _ = (stream, host);
        Action::Continue
    }

    /// The headers of a request have arrived for whose state there is no room ([`crate::MAX_STREAMS`]), or more of such
    /// a request. [`Action::Pause`] refuses it with 503; a filter that enforces nothing lets it pass.
    fn without_room<H: Host>(&self, host: &H) -> Action {
        let _ = host;
        Action::Pause
    }

    /// The response's headers have arrived, or those of an answer that Envoy gives itself.
    fn on_response_headers<H: Host>(&mut self, stream: &mut Self::Stream, host: &H) -> Action {
        let _ = (stream, host);
        Action::Continue
    }

    /// Some of the response's body has arrived; see [`Filter::on_request_body`].
    fn on_response_body<H: Host>(&mut self, stream: &mut Self::Stream, host: &H, size: usize) -> Action {
        let _ = (stream, host, size);
        Action::Continue
    }

    /// The response's trailers have arrived, and with them its end.
    fn on_response_trailers<H: Host>(&mut self, stream: &mut Self::Stream, host: &H) -> Action {
        let _ = (stream, host);
        Action::Continue
    }

    /// An HTTP call is answered, or will not be. Answers belong to the plugin: the stream that made the call may be
    /// gone, or others may wait for it as well ([`crate::Calls`] remembers, [`Streams::enter`] reaches them).
    fn on_callout<H: Host>(&mut self, streams: &mut Streams<'_, Self::Stream>, host: &H, answer: &Answer) {
        let _ = (streams, host, answer);
    }

    /// A gRPC call is answered, or will not be.
    fn on_grpc<H: Host>(&mut self, streams: &mut Streams<'_, Self::Stream>, host: &H, answer: &GrpcAnswer) {
        let _ = (streams, host, answer);
    }

    /// The period of [`Host::set_tick_period`] is over.
    fn on_tick<H: Host>(&mut self, streams: &mut Streams<'_, Self::Stream>, host: &H) {
        let _ = (streams, host);
    }

    /// The stream is over; access logs are written next.
    fn on_log<H: Host>(&mut self, stream: &mut Self::Stream, host: &H) {
        let _ = (stream, host);
    }
}
