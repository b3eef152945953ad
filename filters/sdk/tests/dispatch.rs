//! What a filter sees of the host's contexts.

use lateen_sdk::fake::FakeHost;
use lateen_sdk::{Action, Dispatcher, Filter, Host, Level, Map, MAX_STREAMS};

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
fn a_callback_for_a_stream_that_nobody_made_does_nothing() {
    let (dispatcher, host) = configured("a");
    assert_eq!(dispatcher.response_headers(&host, 77), Action::Continue);
    dispatcher.log(&host, 77);
    dispatcher.delete(77);
    assert!(host.log.borrow().is_empty());
}
