//! The ABI itself: the functions of the host, and the memory in which it hands over its answers.
//!
//! All unsafe code of the workspace is here.
#![allow(unsafe_code)]

use core::ptr;
use std::alloc::{alloc, Layout};

use crate::{pairs, Headers, Host, Level, Map, Status};

#[link(wasm_import_module = "env")]
extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, length: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
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
}

const PLUGIN_CONFIGURATION: u32 = 7;
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

/// The host that runs this module.
#[derive(Clone, Copy, Debug)]
pub struct Envoy;

// SAFETY of every call below: pointers and sizes are those of live slices, which the host reads before it returns.
impl Host for Envoy {
    fn log(&self, level: Level, message: &str) {
        let _ = unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
    }

    fn configuration(&self, size: usize) -> Result<Vec<u8>, Status> {
        answer(|data, length| unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, data, length) })
    }

    fn headers(&self, map: Map) -> Result<Headers, Status> {
        let data = answer(|data, size| unsafe { proxy_get_header_map_pairs(map as u32, data, size) })?;
        pairs::decode(&data).ok_or(Status::PARSE_FAILURE)
    }

    fn first_header(&self, map: Map, name: &str) -> Result<Option<Vec<u8>>, Status> {
        optional(answer(|data, size| unsafe {
            proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size)
        }))
    }

    fn replace_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status> {
        done(unsafe {
            proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
        })
    }

    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status> {
        done(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
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

    fn send_local_response(
        &self,
        status: u32,
        headers: &[(&str, &str)],
        body: &[u8],
        details: &str,
    ) -> Result<(), Status> {
        let headers = pairs::encode(headers);
        done(unsafe {
            proxy_send_local_response(
                status,
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                headers.as_ptr(),
                headers.len(),
                NO_GRPC_STATUS,
            )
        })
    }
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
