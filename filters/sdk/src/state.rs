//! Filter state that native filters and access logs can read.

use crate::{Host, Status};

/// `envoy.source.extensions.common.wasm.DeclarePropertyArguments`: field numbers and enumeration values.
const NAME: u8 = 0x0a;
const TYPE: u8 = 0x18;
const SPAN: u8 = 0x28;
const STRING: u8 = 1;
const DOWNSTREAM_REQUEST: u8 = 1;

/// Declare filter state `key` to be a string of the request; once per plugin, before it is set.
///
/// Undeclared state is bytes: access logs print it, but string matchers (RBAC) do not see it. Envoy answers
/// BAD_ARGUMENT for a key that is declared already, which is no fault.
pub fn declare<H: Host>(host: &H, key: &str) -> Result<(), Status> {
    let Ok(size @ 0..=127) = u8::try_from(key.len()) else {
        return Err(Status::BAD_ARGUMENT);
    };
    let mut arguments = vec![NAME, size];
    arguments.extend(key.as_bytes());
    arguments.extend([TYPE, STRING, SPAN, DOWNSTREAM_REQUEST]);
    match host.call_foreign("declare_property", &arguments) {
        Ok(_) | Err(Status::BAD_ARGUMENT) => Ok(()),
        Err(status) => Err(status),
    }
}
