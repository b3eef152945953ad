//! The ABI itself: the functions of the host, and the memory in which it hands over its answers.
//!
//! All unsafe code of the workspace is here.
#![allow(unsafe_code)]

use core::ops::Deref;
use core::ptr;
use core::time::Duration;

use alloc::alloc::{alloc, Layout};
use alloc::string::String;
use alloc::vec::Vec;

pub use dlmalloc::GlobalDlmalloc as Memory;

use crate::pairs::Pairs;
use crate::shared::Slot;
use crate::wire::Message;
use crate::{pairs, Body, Call, Counter, GrpcCall, Host, HttpCall, Level, LocalResponse, Map, Status};

#[link(wasm_import_module = "env")]
extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_set_buffer_bytes(buffer: u32, start: usize, length: usize, data: *const u8, size: usize) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, length: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_milliseconds: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_grpc_call(
        target: *const u8,
        target_size: usize,
        service: *const u8,
        service_size: usize,
        method: *const u8,
        method_size: usize,
        metadata: *const u8,
        metadata_size: usize,
        message: *const u8,
        message_size: usize,
        timeout_milliseconds: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_grpc_cancel(token: u32) -> u32;
    fn proxy_get_status(code: *mut u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_size: usize, data: *const u8, size: usize, version: u32) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
extern "C" {
    fn environ_sizes_get(count: *mut usize, size: *mut usize) -> u32;
    fn environ_get(places: *mut *mut u8, text: *mut u8) -> u32;
}

const PLUGIN_CONFIGURATION: u32 = 7;
const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const COUNTER: u32 = 0;
const NO_GRPC_STATUS: i32 = -1;

/// Memory for an answer of the host; null if there is none. What the host fills, [`Envoy`]'s methods take over.
#[must_use]
pub fn allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        // SAFETY: the layout is not empty.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        _ => ptr::null_mut(),
    }
}

/// A value that is used by one thread only, as everything in a module is: the target has no others.
pub struct Single<T>(T);

// SAFETY: wasm32-unknown-unknown has no threads.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    /// The value, for a static variable.
    pub const fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Single<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The host that runs this module, while one of its callbacks runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envoy {
    /// What the callback was told about the end of the message.
    pub end_of_stream: bool,
}

// SAFETY of every call below: pointers and sizes are those of live slices, which the host reads before it returns.
impl Host for Envoy {
    fn log(&self, level: Level, message: &str) {
        let _ = unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
    }

    fn now(&self) -> Result<u64, Status> {
        let mut time = 0;
        done(unsafe { proxy_get_current_time_nanoseconds(&mut time) })?;
        Ok(time)
    }

    fn variable(&self, name: &str) -> Result<Option<String>, Status> {
        let (mut count, mut size) = (0, 0);
        done(unsafe { environ_sizes_get(&mut count, &mut size) })?;
        let (mut places, mut text) = (vec![ptr::null_mut(); count], vec![0; size]);
        // SAFETY: the host fills as many places and bytes as it has just counted.
        done(unsafe { environ_get(places.as_mut_ptr(), text.as_mut_ptr()) })?;
        let mut entries = text.split(|byte| *byte == 0);
        let value = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        Ok(value.and_then(|value| String::from_utf8(value.to_vec()).ok()))
    }

    fn configuration(&self, size: usize) -> Result<Vec<u8>, Status> {
        answer(|data, length| unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, data, length) })
    }

    fn set_tick_period(&self, period: Duration) -> Result<(), Status> {
        done(unsafe { proxy_set_tick_period_milliseconds(milliseconds(period)) })
    }

    fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    fn pairs(&self, map: Map) -> Result<Pairs, Status> {
        let data = answer(|data, size| unsafe { proxy_get_header_map_pairs(map as u32, data, size) })?;
        Pairs::new(data).ok_or(Status::PARSE_FAILURE)
    }

    fn first_header(&self, map: Map, name: &str) -> Result<Option<Vec<u8>>, Status> {
        optional(answer(|data, size| unsafe {
            proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size)
        }))
    }

    fn add_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status> {
        done(unsafe { proxy_add_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
    }

    fn replace_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status> {
        done(unsafe {
            proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
        })
    }

    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status> {
        done(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
    }

    fn body(&self, body: Body, start: usize, max: usize) -> Result<Vec<u8>, Status> {
        answer(|data, size| unsafe { proxy_get_buffer_bytes(body as u32, start, max, data, size) })
    }

    fn replace_body(&self, body: Body, bytes: &[u8]) -> Result<(), Status> {
        done(unsafe { proxy_set_buffer_bytes(body as u32, 0, usize::MAX, bytes.as_ptr(), bytes.len()) })
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, Status> {
        let path = path.join("\0");
        optional(answer(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) }))
    }

    fn set_filter_state(&self, key: &str, value: &[u8]) -> Result<(), Status> {
        done(unsafe { proxy_set_property(key.as_ptr(), key.len(), value.as_ptr(), value.len()) })
    }

    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
        answer(|data, size| unsafe {
            proxy_call_foreign_function(name.as_ptr(), name.len(), argument.as_ptr(), argument.len(), data, size)
        })
    }

    fn send_local_response(&self, response: &LocalResponse<'_>) -> Result<(), Status> {
        let headers = pairs::encode(response.headers);
        let grpc_status = response.grpc_status.and_then(|status| i32::try_from(status).ok());
        done(unsafe {
            proxy_send_local_response(
                response.status,
                response.details.as_ptr(),
                response.details.len(),
                response.body.as_ptr(),
                response.body.len(),
                headers.as_ptr(),
                headers.len(),
                grpc_status.unwrap_or(NO_GRPC_STATUS),
            )
        })
    }

    fn resume_request(&self) -> Result<(), Status> {
        done(unsafe { proxy_continue_stream(REQUEST) })
    }

    fn resume_response(&self) -> Result<(), Status> {
        done(unsafe { proxy_continue_stream(RESPONSE) })
    }

    fn set_effective_context(&self, context: u32) -> Result<(), Status> {
        done(unsafe { proxy_set_effective_context(context) })
    }

    fn dispatch_http(&self, call: &HttpCall<'_>) -> Result<Call, Status> {
        let (headers, trailers) = (pairs::encode(call.headers), pairs::encode(call.trailers));
        let mut token = 0;
        done(unsafe {
            proxy_http_call(
                call.cluster.as_ptr(),
                call.cluster.len(),
                headers.as_ptr(),
                headers.len(),
                call.body.as_ptr(),
                call.body.len(),
                trailers.as_ptr(),
                trailers.len(),
                milliseconds(call.timeout),
                &mut token,
            )
        })?;
        Ok(Call(token))
    }

    /// The target is a `GrpcService`; a bare name of a cluster could be taken for an encoded one.
    fn dispatch_grpc(&self, call: &GrpcCall<'_>) -> Result<Call, Status> {
        let envoy_grpc = Message::default().bytes(1, call.cluster.as_bytes());
        let target = Message::default().bytes(1, &envoy_grpc.encoded()).encoded();
        let metadata = pairs::encode(call.metadata);
        let mut token = 0;
        done(unsafe {
            proxy_grpc_call(
                target.as_ptr(),
                target.len(),
                call.service.as_ptr(),
                call.service.len(),
                call.method.as_ptr(),
                call.method.len(),
                metadata.as_ptr(),
                metadata.len(),
                call.message.as_ptr(),
                call.message.len(),
                milliseconds(call.timeout),
                &mut token,
            )
        })?;
        Ok(Call(token))
    }

    fn cancel_grpc(&self, call: Call) -> Result<(), Status> {
        done(unsafe { proxy_grpc_cancel(call.0) })
    }

    fn grpc_status(&self) -> Result<(u32, Vec<u8>), Status> {
        let mut code = 0;
        let message = answer(|data, size| unsafe { proxy_get_status(&mut code, data, size) })?;
        Ok((code, message))
    }

    fn define_counter(&self, name: &str) -> Result<Counter, Status> {
        let mut id = 0;
        done(unsafe { proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &mut id) })?;
        Ok(Counter(id))
    }

    fn increment(&self, counter: Counter, by: u32) -> Result<(), Status> {
        done(unsafe { proxy_increment_metric(counter.0, by.into()) })
    }

    fn shared_data(&self, slot: &Slot) -> Result<Option<(Vec<u8>, u32)>, Status> {
        let (key, mut version) = (slot.key(), 0);
        let bytes = optional(answer(|data, size| unsafe {
            proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut version)
        }))?;
        Ok(bytes.map(|bytes| (bytes, version)))
    }

    fn set_shared_data(&self, slot: &Slot, bytes: &[u8], version: u32) -> Result<(), Status> {
        let key = slot.key();
        done(unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), bytes.as_ptr(), bytes.len(), version) })
    }
}

/// A period that is longer than the ABI can say is the longest that it can say.
fn milliseconds(period: Duration) -> u32 {
    u32::try_from(period.as_millis()).unwrap_or(u32::MAX)
}

fn done(status: u32) -> Result<(), Status> {
    match status {
        0 => Ok(()),
        other => Err(Status(other)),
    }
}

fn optional(answer: Result<Vec<u8>, Status>) -> Result<Option<Vec<u8>>, Status> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Status::NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
    }
}

/// The bytes that a call hands over.
fn answer(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Status> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    done(call(&mut data, &mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the host got `data` from `allocate(size)`, filled it, and has given it up.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}
