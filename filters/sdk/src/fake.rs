//! A host in memory, for native tests (feature `fake`).

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::{Headers, Host, Level, Map, Status};

/// A host whose state a test sets up and looks at. It answers as Envoy does; keys of filter state stand here without
/// Envoy's `wasm.`.
#[derive(Default)]
pub struct FakeHost {
    /// The plugin's configuration.
    pub configuration: RefCell<Vec<u8>>,
    /// Request headers.
    pub request: RefCell<Headers>,
    /// Response headers.
    pub response: RefCell<Headers>,
    /// Properties by their dotted path, in the ABI's encoding.
    pub properties: RefCell<BTreeMap<String, Vec<u8>>>,
    /// What was set.
    pub filter_state: RefCell<BTreeMap<String, String>>,
    /// Names of foreign functions that were called, with their arguments.
    pub foreign: RefCell<Vec<(String, Vec<u8>)>>,
    /// What foreign functions answer, if not success.
    pub foreign_status: RefCell<Option<Status>>,
    /// Local replies: status and details.
    pub replies: RefCell<Vec<(u32, String)>>,
    /// Log lines.
    pub log: RefCell<Vec<(Level, String)>>,
}

impl FakeHost {
    /// Set a header, in addition to those that are there.
    pub fn add(&self, map: Map, name: &str, value: &str) {
        self.map(map).borrow_mut().push((name.into(), value.into()));
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

    /// All values of a header, joined by commas; nothing if it is not there.
    pub fn header(&self, map: Map, name: &str) -> Option<String> {
        let headers = self.map(map).borrow();
        let values = headers.iter().filter(|(n, _)| n == name.as_bytes());
        let texts: Vec<_> = values.map(|(_, v)| String::from_utf8_lossy(v)).collect();
        (!texts.is_empty()).then(|| texts.join(","))
    }

    fn map(&self, map: Map) -> &RefCell<Headers> {
        match map {
            Map::RequestHeaders => &self.request,
            Map::ResponseHeaders => &self.response,
        }
    }
}

impl Host for FakeHost {
    fn log(&self, level: Level, message: &str) {
        self.log.borrow_mut().push((level, message.into()));
    }

    fn configuration(&self, size: usize) -> Result<Vec<u8>, Status> {
        let configuration = self.configuration.borrow();
        configuration.get(..size).map(<[u8]>::to_vec).ok_or(Status::BAD_ARGUMENT)
    }

    fn headers(&self, map: Map) -> Result<Headers, Status> {
        Ok(self.map(map).borrow().clone())
    }

    fn first_header(&self, map: Map, name: &str) -> Result<Option<Vec<u8>>, Status> {
        let headers = self.map(map).borrow();
        let first = headers.iter().find(|(n, _)| n == name.as_bytes());
        Ok(first.map(|(_, value)| value.clone()))
    }

    fn replace_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status> {
        self.remove_header(map, name)?;
        self.map(map).borrow_mut().push((name.into(), value.into()));
        Ok(())
    }

    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status> {
        self.map(map).borrow_mut().retain(|(n, _)| n != name.as_bytes());
        Ok(())
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, Status> {
        Ok(self.properties.borrow().get(&path.join(".")).cloned())
    }

    fn set_filter_state(&self, key: &str, value: &[u8]) -> Result<(), Status> {
        let value = String::from_utf8_lossy(value).into_owned();
        self.filter_state.borrow_mut().insert(key.into(), value);
        Ok(())
    }

    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
        self.foreign.borrow_mut().push((name.into(), argument.into()));
        self.foreign_status.borrow().map_or_else(|| Ok(Vec::new()), Err)
    }

    fn send_local_response(
        &self,
        status: u32,
        _headers: &[(&str, &str)],
        _body: &[u8],
        details: &str,
    ) -> Result<(), Status> {
        self.replies.borrow_mut().push((status, details.into()));
        Ok(())
    }
}
