//! What a filter sees of the host's contexts.

use lateen_sdk::fake::FakeHost;
use lateen_sdk::{
    ends_are_seen, Action, Answer, Call, Calls, Dispatcher, Filter, GrpcAnswer, Host, HttpCall, Level, Map, Status,
    StreamId, Streams, MAX_STREAMS,
};

const PLUGIN: u32 = 1;

/// Counts the callbacks of each stream; its configuration is its name.
struct Counter {
    name: String,
}

impl Filter for Counter {
    type Stream = u32;

    fn configure<H: Host>(_host: &H, configuration: &[u8]) -> Result<Self, String> {
        match std::str::from_utf8(configuration) {
            Ok(name) if !name.is_empty() => Ok(Self { name: name.into() }),
            _ => Err("a name is needed".into()),
        }
    }

    fn on_request_headers<H: Host>(&mut self, count: &mut u32, host: &H) -> Action {
        *count += 1;
        let value = format!("{} {count}", self.name);
        match host.replace_header(Map::RequestHeaders, "x-seen", value.as_bytes()) {
            Ok(()) => Action::Continue,
            Err(_) => Action::Pause,
        }
    }

    fn on_log<H: Host>(&mut self, count: &mut u32, host: &H) {
        host.log(Level::Info, &format!("{} {count}", self.name));
    }
}

fn configured(name: &str) -> (Dispatcher<Counter>, FakeHost) {
    let (dispatcher, host) = (Dispatcher::new(), FakeHost::default());
    dispatcher.create(PLUGIN, 0);
    assert!(configure(&dispatcher, &host, PLUGIN, name));
    (dispatcher, host)
}

fn configure(dispatcher: &Dispatcher<Counter>, host: &FakeHost, plugin: u32, text: &str) -> bool {
    host.configuration.replace(text.into());
    dispatcher.configure(host, plugin, text.len())
}

fn seen(host: &FakeHost) -> Option<String> {
    host.header(Map::RequestHeaders, "x-seen")
}

#[test]
fn each_stream_has_a_state_of_its_own() {
    let (dispatcher, host) = configured("a");
    for stream in [2, 3] {
        dispatcher.create(stream, PLUGIN);
        dispatcher.request_headers(&host, stream);
        assert_eq!(seen(&host).unwrap(), "a 1");
    }
    dispatcher.request_headers(&host, 2);
    assert_eq!(seen(&host).unwrap(), "a 2");
}

#[test]
fn a_stream_belongs_to_the_plugin_that_it_was_made_for() {
    let (dispatcher, host) = configured("a");
    dispatcher.create(9, 0);
    assert!(configure(&dispatcher, &host, 9, "b"));
    dispatcher.create(10, 9);
    dispatcher.request_headers(&host, 10);
    assert_eq!(seen(&host).unwrap(), "b 1");
}

#[test]
fn a_configuration_that_the_filter_refuses_is_refused_with_a_reason() {
    let (dispatcher, host) = (Dispatcher::new(), FakeHost::default());
    assert!(!configure(&dispatcher, &host, PLUGIN, ""));
    assert_eq!(*host.log.borrow(), [(Level::Error, "a name is needed".into())]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused() {
    let (dispatcher, host) = (Dispatcher::<Counter>::new(), FakeHost::default());
    assert!(!dispatcher.configure(&host, PLUGIN, 7));
    assert_eq!(host.log.borrow().len(), 1);
}

#[test]
fn log_runs_without_any_other_callback() {
    let (dispatcher, host) = configured("a");
    dispatcher.create(2, PLUGIN);
    dispatcher.log(&host, 2);
    assert_eq!(host.log.borrow()[0].1, "a 0");
}

#[test]
fn a_deleted_stream_is_gone_and_its_number_can_come_again() {
    let (dispatcher, host) = configured("a");
    dispatcher.create(2, PLUGIN);
    dispatcher.request_headers(&host, 2);
    dispatcher.delete(2);
    dispatcher.log(&host, 2);
    assert!(host.log.borrow().is_empty());
    dispatcher.create(2, PLUGIN);
    dispatcher.request_headers(&host, 2);
    assert_eq!(seen(&host).unwrap(), "a 1");
}

#[test]
fn requests_beyond_the_bound_are_refused_until_a_stream_ends() {
    let (dispatcher, host) = configured("a");
    let last = 2 + u32::try_from(MAX_STREAMS).unwrap();
    for stream in 2..=last {
        dispatcher.create(stream, PLUGIN);
    }
    assert_eq!(dispatcher.request_headers(&host, last), Action::Pause);
    let reply = host.replies.borrow()[0].clone();
    assert_eq!((reply.status, reply.details.as_str()), (503, "lateen_too_many_streams"));
    dispatcher.delete(2);
    dispatcher.create(last + 1, PLUGIN);
    assert_eq!(dispatcher.request_headers(&host, last + 1), Action::Continue);
}

#[test]
fn nothing_of_a_request_passes_for_which_there_was_no_room() {
    let (dispatcher, host) = configured("a");
    host.faults.borrow_mut().insert("proxy_send_local_response", Status::INTERNAL_FAILURE);
    assert_eq!(dispatcher.request_headers(&host, 77), Action::Pause);
    assert_eq!(dispatcher.request_body(&host, 77, 3), Action::Pause);
    assert_eq!(dispatcher.request_trailers(&host, 77), Action::Pause);
}

#[test]
fn a_callback_for_a_stream_that_nobody_made_does_nothing() {
    let (dispatcher, host) = configured("a");
    assert_eq!(dispatcher.response_headers(&host, 77), Action::Continue);
    dispatcher.log(&host, 77);
    dispatcher.delete(77);
    assert!(host.log.borrow().is_empty());
}

/// Lets requests pass that it cannot see, and marks them, if that is its configuration.
struct Lenient(Action);

impl Filter for Lenient {
    type Stream = ();

    fn configure<H: Host>(_host: &H, configuration: &[u8]) -> Result<Self, String> {
        Ok(Self(if configuration == b"lenient" { Action::Continue } else { Action::Pause }))
    }

    fn without_room<H: Host>(&self, host: &H) -> Action {
        host.replace_header(Map::RequestHeaders, "x-seen", b"no").map_or(Action::Pause, |()| self.0)
    }
}

#[test]
fn a_request_without_room_passes_if_every_plugin_lets_it() {
    let (dispatcher, host) = (Dispatcher::<Lenient>::new(), FakeHost::default());
    let plugin = |context, configuration: &str| {
        host.configuration.replace(configuration.into());
        assert!(dispatcher.configure(&host, context, configuration.len()));
    };
    let parts = || {
        let (headers, body) = (dispatcher.request_headers(&host, 77), dispatcher.request_body(&host, 77, 3));
        assert_eq!((body, dispatcher.request_trailers(&host, 77)), (headers, headers));
        headers
    };
    assert_eq!((parts(), host.replies.borrow().len()), (Action::Pause, 1), "there is no plugin");
    plugin(PLUGIN, "lenient");
    assert_eq!((parts(), host.replies.borrow().len()), (Action::Continue, 1));
    assert_eq!(seen(&host).unwrap(), "no");
    plugin(9, "strict");
    plugin(10, "lenient");
    assert_eq!((parts(), host.replies.borrow().len()), (Action::Pause, 2));
    dispatcher.delete(9);
    assert_eq!(parts(), Action::Continue);
}

/// Asks another server about each request; answers are headers of all requests that wait.
#[derive(Default)]
struct Asking {
    waiting: Calls<Vec<StreamId>>,
    shared: Option<Call>,
    ticks: usize,
}

#[derive(Default)]
struct Asked {
    id: StreamId,
    answered: bool,
}

impl Filter for Asking {
    type Stream = Asked;

    fn configure<H: Host>(_host: &H, _configuration: &[u8]) -> Result<Self, String> {
        Ok(Self::default())
    }

    fn begin(id: StreamId) -> Asked {
        Asked { id, answered: false }
    }

    fn on_request_headers<H: Host>(&mut self, stream: &mut Asked, host: &H) -> Action {
        if let Some(waiting) = self.shared.and_then(|call| self.waiting.get_mut(call)) {
            waiting.push(stream.id);
            return Action::Pause;
        }
        match host.dispatch_http(&HttpCall { cluster: "judge", ..HttpCall::default() }) {
            Ok(call) => {
                self.shared = Some(call);
                self.waiting.insert(call, vec![stream.id]);
                Action::Pause
            }
            Err(_) => Action::Continue,
        }
    }

    fn on_callout<H: Host>(&mut self, streams: &mut Streams<'_, Asked>, host: &H, answer: &Answer) {
        self.resume(streams, host, answer.call);
    }

    fn on_grpc<H: Host>(&mut self, streams: &mut Streams<'_, Asked>, host: &H, answer: &GrpcAnswer) {
        self.resume(streams, host, answer.call);
    }

    fn on_tick<H: Host>(&mut self, _streams: &mut Streams<'_, Asked>, _host: &H) {
        self.ticks += 1;
    }

    fn on_log<H: Host>(&mut self, stream: &mut Asked, host: &H) {
        host.log(Level::Info, &format!("answered {}, ticks {}", stream.answered, self.ticks));
    }
}

impl Asking {
    fn resume<H: Host>(&mut self, streams: &mut Streams<'_, Asked>, host: &H, call: Call) {
        for id in self.waiting.take(call).unwrap_or_default() {
            streams.enter(host, id, |stream| {
                stream.answered = host.resume_request().is_ok();
            });
        }
    }
}

fn asking(streams: &[u32]) -> (Dispatcher<Asking>, FakeHost) {
    let (dispatcher, host) = (Dispatcher::new(), FakeHost::default());
    dispatcher.create(PLUGIN, 0);
    assert!(dispatcher.configure(&host, PLUGIN, 0));
    for stream in streams {
        dispatcher.create(*stream, PLUGIN);
        assert_eq!(dispatcher.request_headers(&host, *stream), Action::Pause);
    }
    (dispatcher, host)
}

fn resumed(host: &FakeHost) -> Vec<u32> {
    host.resumed.borrow().iter().filter_map(|(context, _)| *context).collect()
}

#[test]
fn one_answer_reaches_all_streams_that_wait_for_it() {
    let (dispatcher, host) = asking(&[2, 3, 4]);
    assert_eq!(host.calls.borrow().len(), 1);
    dispatcher.callout(&host, PLUGIN, 0, [1, 0, 0]);
    assert_eq!(resumed(&host), [2, 3, 4]);
    assert_eq!(host.context.get(), Some(PLUGIN), "what follows is about the plugin again");
    dispatcher.log(&host, 3);
    assert_eq!(host.log.borrow()[0].1, "answered true, ticks 0");
}

#[test]
fn a_stream_that_is_gone_is_not_reached_and_the_others_are() {
    let (dispatcher, host) = asking(&[2, 3]);
    dispatcher.delete(2);
    dispatcher.grpc(&host, PLUGIN, 0, Err(14));
    assert_eq!(resumed(&host), [3]);
}

#[test]
fn a_stream_that_the_host_does_not_know_is_not_entered() {
    let (dispatcher, host) = asking(&[2]);
    host.faults.borrow_mut().insert("proxy_set_effective_context", Status::BAD_ARGUMENT);
    dispatcher.callout(&host, PLUGIN, 0, [1, 0, 0]);
    assert!(resumed(&host).is_empty());
}

#[test]
fn an_answer_that_nobody_waits_for_or_comes_twice_does_nothing() {
    let (dispatcher, host) = asking(&[2]);
    dispatcher.callout(&host, PLUGIN, 9, [1, 0, 0]);
    dispatcher.callout(&host, 77, 0, [1, 0, 0]);
    assert!(resumed(&host).is_empty());
    dispatcher.callout(&host, PLUGIN, 0, [1, 0, 0]);
    dispatcher.callout(&host, PLUGIN, 0, [1, 0, 0]);
    assert_eq!(resumed(&host), [2]);
}

#[test]
fn a_plugin_does_not_reach_the_streams_of_another() {
    let (dispatcher, host) = asking(&[]);
    dispatcher.create(9, 0);
    assert!(dispatcher.configure(&host, 9, 0));
    dispatcher.create(10, 9);
    dispatcher.request_headers(&host, 10);
    dispatcher.callout(&host, PLUGIN, 0, [1, 0, 0]);
    assert!(resumed(&host).is_empty());
    dispatcher.callout(&host, 9, 0, [1, 0, 0]);
    assert_eq!(resumed(&host), [10]);
}

#[test]
fn a_timer_wakes_its_plugin() {
    let (dispatcher, host) = asking(&[2]);
    dispatcher.tick(&host, PLUGIN);
    dispatcher.tick(&host, 77);
    dispatcher.log(&host, 2);
    assert_eq!(host.log.borrow()[0].1, "answered false, ticks 1");
}

#[test]
fn an_answer_without_headers_is_none() {
    let call = FakeHost::default().dispatch_http(&HttpCall::default()).unwrap();
    let answer = |headers| Answer { call, headers, body: 0, trailers: 0 };
    assert!(answer(0).failed());
    assert!(!answer(1).failed());
}

#[test]
fn what_reads_a_body_must_see_trailers_too() {
    assert!(ends_are_seen(&["on_request_headers", "on_log"]));
    assert!(ends_are_seen(&["on_request_body", "on_request_trailers"]));
    assert!(ends_are_seen(&["on_response_trailers", "on_response_body"]));
    assert!(!ends_are_seen(&["on_request_headers", "on_request_body"]));
    assert!(!ends_are_seen(&["on_response_body", "on_request_trailers"]));
}
