//! From the host's context numbers to a filter's plugins and streams.

use core::cell::RefCell;

use crate::call::{Answer, Call, GrpcAnswer};
use crate::numbered::Numbered;
use crate::{Action, Filter, Host, Level, LocalResponse, StreamId, Streams};

/// How many streams of a worker a module keeps state for. Beyond it requests are refused with 503, unless
/// [`Filter::without_room`] lets them pass: state that is bounded by nothing but the clients' patience is none of a
/// filter's business.
pub const MAX_STREAMS: usize = 65_536;

/// The plugins and streams of one machine. [`crate::export!`] makes one; nothing else needs to.
///
/// The cell is never borrowed twice, because the host calls back only after a callback has returned. Should a host do
/// so all the same, the inner call leaves the stream alone.
pub struct Dispatcher<F: Filter> {
    contexts: RefCell<Contexts<F>>,
}

struct Contexts<F: Filter> {
    plugins: Numbered<F>,
    streams: Numbered<(u32, F::Stream)>,
}

impl<F: Filter> Dispatcher<F> {
    /// No plugin, no stream.
    #[must_use]
    pub const fn new() -> Self {
        let contexts = Contexts { plugins: Numbered::new(), streams: Numbered::new() };
        Self { contexts: RefCell::new(contexts) }
    }

    /// A plugin (no parent) or a stream of the plugin `parent` begins.
    pub fn create(&self, context: u32, parent: u32) {
        if let Ok(mut contexts) = self.contexts.try_borrow_mut() {
            if parent != 0 && contexts.streams.len() < MAX_STREAMS {
                let stream = (parent, F::begin(StreamId(context)));
                contexts.streams.insert(context, stream);
            }
        }
    }

    /// A plugin gets its configuration; false makes the host reject it.
    pub fn configure<H: Host>(&self, host: &H, context: u32, size: usize) -> bool {
        let configured = host
            .configuration(size)
            .map_err(|status| status.line("the configuration cannot be read"))
            .and_then(|configuration| F::configure(host, &configuration));
        match (configured, self.contexts.try_borrow_mut()) {
            (Ok(plugin), Ok(mut contexts)) => {
                contexts.plugins.insert(context, plugin);
                true
            }
            (Err(problem), _) => {
                host.log(Level::Error, &problem);
                false
            }
            (Ok(_), Err(_)) => false,
        }
    }

    /// Request headers: a stream for which there was no room is refused, or passes unseen.
    pub fn request_headers<H: Host>(&self, host: &H, context: u32) -> Action {
        self.with(context, |filter, stream| filter.on_request_headers(stream, host)).unwrap_or_else(|| {
            let action = self.without_room(host, context);
            if action == Action::Pause {
                refuse(host);
            }
            action
        })
    }

    /// A part of the request's body. Of a stream that was refused nothing passes, nor of one whose plugin has ended.
    pub fn request_body<H: Host>(&self, host: &H, context: u32, size: usize) -> Action {
        self.with(context, |filter, stream| filter.on_request_body(stream, host, size))
            .unwrap_or_else(|| self.without_room(host, context))
    }

    /// Request trailers.
    pub fn request_trailers<H: Host>(&self, host: &H, context: u32) -> Action {
        self.with(context, |filter, stream| filter.on_request_trailers(stream, host))
            .unwrap_or_else(|| self.without_room(host, context))
    }

    /// Response headers.
    pub fn response_headers<H: Host>(&self, host: &H, context: u32) -> Action {
        self.with(context, |filter, stream| filter.on_response_headers(stream, host)).unwrap_or(Action::Continue)
    }

    /// A part of the response's body.
    pub fn response_body<H: Host>(&self, host: &H, context: u32, size: usize) -> Action {
        self.with(context, |filter, stream| filter.on_response_body(stream, host, size)).unwrap_or(Action::Continue)
    }

    /// Response trailers.
    pub fn response_trailers<H: Host>(&self, host: &H, context: u32) -> Action {
        self.with(context, |filter, stream| filter.on_response_trailers(stream, host)).unwrap_or(Action::Continue)
    }

    /// The answer to an HTTP call of the plugin; `sizes` are those of headers, body and trailers.
    pub fn callout<H: Host>(&self, host: &H, plugin: u32, token: u32, sizes: [usize; 3]) {
        let [headers, body, trailers] = sizes;
        let answer = Answer { call: Call(token), headers, body, trailers };
        self.with_plugin(plugin, |filter, streams| filter.on_callout(streams, host, &answer));
    }

    /// The message that answers a gRPC call of the plugin, or the status if there is none.
    pub fn grpc<H: Host>(&self, host: &H, plugin: u32, token: u32, message: Result<usize, u32>) {
        let answer = GrpcAnswer { call: Call(token), message };
        self.with_plugin(plugin, |filter, streams| filter.on_grpc(streams, host, &answer));
    }

    /// The plugin's timer.
    pub fn tick<H: Host>(&self, host: &H, plugin: u32) {
        self.with_plugin(plugin, |filter, streams| filter.on_tick(streams, host));
    }

    /// The end of a stream.
    pub fn log<H: Host>(&self, host: &H, context: u32) {
        self.with(context, |filter, stream| filter.on_log(stream, host));
    }

    /// A plugin or stream ends.
    pub fn delete(&self, context: u32) {
        if let Ok(mut contexts) = self.contexts.try_borrow_mut() {
            if contexts.streams.remove(context).is_none() {
                contexts.plugins.remove(context);
            }
        }
    }

    /// A request for which there was no room passes if all plugins of the machine let it: whose it is was not kept.
    fn without_room<H: Host>(&self, host: &H, context: u32) -> Action {
        let Ok(mut contexts) = self.contexts.try_borrow_mut() else {
            return Action::Pause;
        };
        if contexts.streams.get_mut(context).is_some() {
            return Action::Pause;
        }
        let verdicts = contexts.plugins.values().map(|filter| filter.without_room(host));
        verdicts.reduce(|one, other| if one == Action::Pause { one } else { other }).unwrap_or(Action::Pause)
    }

    fn with<R>(&self, context: u32, callback: impl FnOnce(&mut F, &mut F::Stream) -> R) -> Option<R> {
        let mut contexts = self.contexts.try_borrow_mut().ok()?;
        let Contexts { plugins, streams } = &mut *contexts;
        let (plugin, stream) = streams.get_mut(context)?;
        Some(callback(plugins.get_mut(*plugin)?, stream))
    }

    fn with_plugin(&self, plugin: u32, callback: impl FnOnce(&mut F, &mut Streams<'_, F::Stream>)) {
        if let Ok(mut contexts) = self.contexts.try_borrow_mut() {
            let Contexts { plugins, streams } = &mut *contexts;
            if let Some(filter) = plugins.get_mut(plugin) {
                callback(filter, &mut Streams { plugin, streams });
            }
        }
    }
}

impl<F: Filter> Default for Dispatcher<F> {
    fn default() -> Self {
        Self::new()
    }
}

fn refuse<H: Host>(host: &H) {
    let response = LocalResponse { status: 503, details: "lateen_too_many_streams", ..LocalResponse::default() };
    // A request that cannot be answered stays where it is, until Envoy's timeouts end it.
    let _ = host.send_local_response(&response);
}
