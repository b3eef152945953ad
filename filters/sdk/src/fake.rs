//! A host in memory, for native tests (feature `fake`).

use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::pairs::{encode, Pairs};
use crate::shared::Slot;
use crate::{Body, Call, Counter, GrpcCall, Headers, Host, HttpCall, Level, LocalResponse, Map, Status};

/// What workers share: values with their versions.
pub type SharedData = Arc<Mutex<BTreeMap<String, (Vec<u8>, u32)>>>;

/// A host whose state a test sets up and looks at. It answers as Envoy does; keys of filter state stand here without
/// Envoy's `wasm.`. Its maps and bodies are those of one stream.
#[derive(Default)]
pub struct FakeHost {
    /// The plugin's configuration.
    pub configuration: RefCell<Vec<u8>>,
    /// The environment.
    pub variables: RefCell<BTreeMap<String, String>>,
    /// The time, in nanoseconds since 1970.
    pub now: Cell<u64>,
    /// What was set as the period of `on_tick`.
    pub tick_period: Cell<Duration>,
    /// Whether the message ends with what the callback is about.
    pub end_of_stream: Cell<bool>,
    /// Request headers.
    pub request: RefCell<Headers>,
    /// Response headers.
    pub response: RefCell<Headers>,
    /// The other maps, by their number.
    pub maps: RefCell<BTreeMap<u32, Headers>>,
    /// Bodies, by their number.
    pub bodies: RefCell<BTreeMap<u32, Vec<u8>>>,
    /// Properties by their dotted path, in the ABI's encoding.
    pub properties: RefCell<BTreeMap<String, Vec<u8>>>,
    /// What was set.
    pub filter_state: RefCell<BTreeMap<String, String>>,
    /// Names of foreign functions that were called, with their arguments.
    pub foreign: RefCell<Vec<(String, Vec<u8>)>>,
    /// What foreign functions answer, if not success.
    pub foreign_status: RefCell<Option<Status>>,
    /// What foreign functions answer, by their name; nothing else.
    pub foreign_answers: RefCell<BTreeMap<String, Vec<u8>>>,
    /// The effective context, if one was set.
    pub context: Cell<Option<u32>>,
    /// Local replies.
    pub replies: RefCell<Vec<Reply>>,
    /// Requests and responses that were resumed: effective context, and whether it is the request.
    pub resumed: RefCell<Vec<(Option<u32>, bool)>>,
    /// Calls that were made; the number of a call is its place.
    pub calls: RefCell<Vec<Made>>,
    /// Calls that were given up.
    pub cancelled: RefCell<Vec<Call>>,
    /// The status of the gRPC call that is answered.
    pub grpc_status: RefCell<(u32, Vec<u8>)>,
    /// Counters by name; the number of a counter is its place.
    pub counters: RefCell<Vec<(String, u64)>>,
    /// What workers share: hosts with the same one are workers of one Envoy.
    pub shared: SharedData,
    /// Log lines.
    pub log: RefCell<Vec<(Level, String)>>,
    /// Functions of the ABI that fail, by name (`proxy_get_property`).
    pub faults: RefCell<BTreeMap<&'static str, Status>>,
}

/// A local reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The effective context, if one was set.
    pub context: Option<u32>,
    /// The HTTP status.
    pub status: u32,
    /// Its own headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Response code details.
    pub details: String,
    /// The gRPC status, if one was given.
    pub grpc_status: Option<u32>,
}

/// A call that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The cluster.
    pub cluster: String,
    /// `SERVICE/METHOD` of a gRPC call, else nothing.
    pub method: Option<String>,
    /// Headers, or metadata.
    pub headers: Vec<(String, String)>,
    /// The body, or the message.
    pub body: Vec<u8>,
    /// How long it may take.
    pub timeout: Duration,
}

impl FakeHost {
    /// Set a header, in addition to those that are there.
    pub fn add(&self, map: Map, name: &str, value: &str) {
        self.with(map, |headers| headers.push((name.into(), value.into())));
    }

    /// Set a property of type string.
    pub fn set_text(&self, path: &str, value: &str) {
        self.properties.borrow_mut().insert(path.into(), value.into());
    }

    /// Set a property of type bool.
    pub fn set_boolean(&self, path: &str, value: bool) {
        self.properties.borrow_mut().insert(path.into(), vec![value.into()]);
    }

    /// Set a property of an integer type.
    pub fn set_integer(&self, path: &str, value: i64) {
        let bytes = value.to_le_bytes().to_vec();
        self.properties.borrow_mut().insert(path.into(), bytes);
    }

    /// Set the bytes of a body.
    pub fn set_body(&self, body: Body, bytes: &[u8]) {
        self.bodies.borrow_mut().insert(body as u32, bytes.into());
    }

    /// All values of a header, joined by commas; nothing if it is not there.
    pub fn header(&self, map: Map, name: &str) -> Option<String> {
        self.with(map, |headers| {
            let values = headers.iter().filter(|(n, _)| n == name.as_bytes());
            let texts: Vec<_> = values.map(|(_, v)| String::from_utf8_lossy(v)).collect();
            (!texts.is_empty()).then(|| texts.join(","))
        })
    }

    /// What a counter has counted; nothing if it was not defined.
    pub fn counted(&self, name: &str) -> Option<u64> {
        self.counters.borrow().iter().find(|(n, _)| n == name).map(|(_, count)| *count)
    }

    fn with<R>(&self, map: Map, visit: impl FnOnce(&mut Headers) -> R) -> R {
        match map {
            Map::RequestHeaders => visit(&mut self.request.borrow_mut()),
            Map::ResponseHeaders => visit(&mut self.response.borrow_mut()),
            other => visit(self.maps.borrow_mut().entry(other as u32).or_default()),
        }
    }

    fn may(&self, function: &'static str) -> Result<(), Status> {
        self.faults.borrow().get(function).map_or(Ok(()), |status| Err(*status))
    }

    fn make(&self, call: Made) -> Call {
        let mut calls = self.calls.borrow_mut();
        calls.push(call);
        Call(number(calls.len() - 1))
    }
}

impl Host for FakeHost {
    fn log(&self, level: Level, message: &str) {
        self.log.borrow_mut().push((level, message.into()));
    }

    fn now(&self) -> Result<u64, Status> {
        self.may("proxy_get_current_time_nanoseconds")?;
        Ok(self.now.get())
    }

    fn variable(&self, name: &str) -> Result<Option<String>, Status> {
        self.may("environ_get")?;
        Ok(self.variables.borrow().get(name).cloned())
    }

    fn configuration(&self, size: usize) -> Result<Vec<u8>, Status> {
        self.may("proxy_get_buffer_bytes")?;
        let configuration = self.configuration.borrow();
        configuration.get(..size).map(<[u8]>::to_vec).ok_or(Status::BAD_ARGUMENT)
    }

    fn set_tick_period(&self, period: Duration) -> Result<(), Status> {
        self.may("proxy_set_tick_period_milliseconds")?;
        self.tick_period.set(period);
        Ok(())
    }

    fn end_of_stream(&self) -> bool {
        self.end_of_stream.get()
    }

    fn pairs(&self, map: Map) -> Result<Pairs, Status> {
        self.may("proxy_get_header_map_pairs")?;
        Pairs::new(self.with(map, |headers| encode(headers))).ok_or(Status::PARSE_FAILURE)
    }

    fn first_header(&self, map: Map, name: &str) -> Result<Option<Vec<u8>>, Status> {
        self.may("proxy_get_header_map_value")?;
        Ok(self.with(map, |headers| {
            let first = headers.iter().find(|(n, _)| n == name.as_bytes());
            first.map(|(_, value)| value.clone())
        }))
    }

    fn add_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status> {
        self.may("proxy_add_header_map_value")?;
        self.with(map, |headers| headers.push((name.into(), value.into())));
        Ok(())
    }

    fn replace_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status> {
        self.may("proxy_replace_header_map_value")?;
        self.with(map, |headers| {
            headers.retain(|(n, _)| n != name.as_bytes());
            headers.push((name.into(), value.into()));
        });
        Ok(())
    }

    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status> {
        self.may("proxy_remove_header_map_value")?;
        self.with(map, |headers| headers.retain(|(n, _)| n != name.as_bytes()));
        Ok(())
    }

    fn body(&self, body: Body, start: usize, max: usize) -> Result<Vec<u8>, Status> {
        self.may("proxy_get_buffer_bytes")?;
        let bodies = self.bodies.borrow();
        let bytes = bodies.get(&(body as u32)).ok_or(Status::NOT_FOUND)?;
        Ok(bytes.iter().skip(start).take(max).copied().collect())
    }

    fn replace_body(&self, body: Body, bytes: &[u8]) -> Result<(), Status> {
        self.may("proxy_set_buffer_bytes")?;
        self.set_body(body, bytes);
        Ok(())
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, Status> {
        self.may("proxy_get_property")?;
        Ok(self.properties.borrow().get(&path.join(".")).cloned())
    }

    fn set_filter_state(&self, key: &str, value: &[u8]) -> Result<(), Status> {
        self.may("proxy_set_property")?;
        let value = String::from_utf8_lossy(value).into_owned();
        self.filter_state.borrow_mut().insert(key.into(), value);
        Ok(())
    }

    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
        self.may("proxy_call_foreign_function")?;
        self.foreign.borrow_mut().push((name.into(), argument.into()));
        match *self.foreign_status.borrow() {
            Some(status) => Err(status),
            None => Ok(self.foreign_answers.borrow().get(name).cloned().unwrap_or_default()),
        }
    }

    fn send_local_response(&self, response: &LocalResponse<'_>) -> Result<(), Status> {
        self.may("proxy_send_local_response")?;
        self.replies.borrow_mut().push(Reply {
            context: self.context.get(),
            status: response.status,
            headers: texts(response.headers),
            body: response.body.into(),
            details: response.details.into(),
            grpc_status: response.grpc_status,
        });
        Ok(())
    }

    fn resume_request(&self) -> Result<(), Status> {
        self.may("proxy_continue_stream")?;
        self.resumed.borrow_mut().push((self.context.get(), true));
        Ok(())
    }

    fn resume_response(&self) -> Result<(), Status> {
        self.may("proxy_continue_stream")?;
        self.resumed.borrow_mut().push((self.context.get(), false));
        Ok(())
    }

    fn set_effective_context(&self, context: u32) -> Result<(), Status> {
        self.may("proxy_set_effective_context")?;
        self.context.set(Some(context));
        Ok(())
    }

    fn dispatch_http(&self, call: &HttpCall<'_>) -> Result<Call, Status> {
        self.may("proxy_http_call")?;
        let cluster = call.cluster.into();
        let made =
            Made { cluster, method: None, headers: texts(call.headers), body: call.body.into(), timeout: call.timeout };
        Ok(self.make(made))
    }

    fn dispatch_grpc(&self, call: &GrpcCall<'_>) -> Result<Call, Status> {
        self.may("proxy_grpc_call")?;
        Ok(self.make(Made {
            cluster: call.cluster.into(),
            method: Some(format!("{}/{}", call.service, call.method)),
            headers: texts(call.metadata),
            body: call.message.into(),
            timeout: call.timeout,
        }))
    }

    fn cancel_grpc(&self, call: Call) -> Result<(), Status> {
        self.may("proxy_grpc_cancel")?;
        self.cancelled.borrow_mut().push(call);
        Ok(())
    }

    fn grpc_status(&self) -> Result<(u32, Vec<u8>), Status> {
        self.may("proxy_get_status")?;
        Ok(self.grpc_status.borrow().clone())
    }

    fn define_counter(&self, name: &str) -> Result<Counter, Status> {
        self.may("proxy_define_metric")?;
        let mut counters = self.counters.borrow_mut();
        counters.push((name.into(), 0));
        Ok(Counter(number(counters.len() - 1)))
    }

    fn increment(&self, counter: Counter, by: u32) -> Result<(), Status> {
        self.may("proxy_increment_metric")?;
        let mut counters = self.counters.borrow_mut();
        let (_, count) = counters.get_mut(counter.0 as usize).ok_or(Status::NOT_FOUND)?;
        *count += u64::from(by);
        Ok(())
    }

    fn shared_data(&self, slot: &Slot) -> Result<Option<(Vec<u8>, u32)>, Status> {
        self.may("proxy_get_shared_data")?;
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(shared.get(slot.key()).cloned())
    }

    fn set_shared_data(&self, slot: &Slot, bytes: &[u8], version: u32) -> Result<(), Status> {
        self.may("proxy_set_shared_data")?;
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let next = 1 + shared.values().map(|(_, version)| *version).max().unwrap_or(0);
        match shared.get(slot.key()) {
            Some((_, current)) if version != 0 && version != *current => Err(Status::CAS_MISMATCH),
            _ => {
                shared.insert(slot.key().into(), (bytes.into(), next));
                Ok(())
            }
        }
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn texts(headers: &[(&str, &[u8])]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| ((*name).into(), text(value))).collect()
}
