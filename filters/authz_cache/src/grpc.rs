//! The authorizer as a gRPC server: `envoy.service.auth.v3.Authorization/Check`, with the fields that matter here.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use lateen_sdk::wire::{fields, Message, Value};
use lateen_sdk::{Call, GrpcCall, Host, Status};

use crate::config::{Config, FRAMING};
use crate::decision::{fits_header, Decision, Failure, Fields, Judged, LONGEST_BODY};
use crate::inputs::Inputs;

const FORBIDDEN: u32 = 403;

/// Ask.
pub fn ask<H: Host>(host: &H, config: &Config, inputs: &Inputs<'_>) -> Result<Call, Status> {
    host.dispatch_grpc(&GrpcCall {
        cluster: &config.cluster,
        service: "envoy.service.auth.v3.Authorization",
        method: "Check",
        message: &check_request(inputs),
        timeout: config.timeout,
        ..GrpcCall::default()
    })
}

/// `CheckRequest` with the declared inputs: those of the request as `attributes.request.http`, attributes as
/// `attributes.context_extensions`.
pub fn check_request(inputs: &Inputs<'_>) -> Vec<u8> {
    let mut http = Message::default();
    if let Some(method) = inputs.method {
        http = http.bytes(2, &utf8(method));
    }
    for (name, values) in inputs.headers.iter().filter(|(_, values)| !values.is_empty()) {
        http = http.message(3, &entry(name, &values.join(&b","[..])));
    }
    if let Some(path) = inputs.path {
        http = http.bytes(4, &utf8(path));
    }
    if let Some(host) = inputs.host {
        http = http.bytes(5, &utf8(host));
    }
    let mut attributes = Message::default().message(4, &Message::default().message(2, &http));
    for (name, value) in &inputs.attributes {
        if let Some(value) = value {
            attributes = attributes.message(10, &entry(name, value));
        }
    }
    Message::default().message(1, &attributes).encoded()
}

fn entry(name: &str, value: &[u8]) -> Message {
    Message::default().bytes(1, name.as_bytes()).bytes(2, &utf8(value))
}

/// Strings of protobuf are UTF-8; what is not gets Envoy's `!`.
fn utf8(value: &[u8]) -> Vec<u8> {
    match core::str::from_utf8(value) {
        Ok(_) => value.to_vec(),
        Err(_) => value.iter().map(|byte| if byte.is_ascii() { *byte } else { b'!' }).collect(),
    }
}

/// What a `CheckResponse` means. `ttl_field` is the number of its dynamic metadata that says for how many seconds.
pub fn judge(ttl_field: &str, message: &[u8]) -> Result<Judged, Failure> {
    read(ttl_field, message).ok_or(Failure::Invalid)?
}

fn read(ttl_field: &str, message: &[u8]) -> Option<Result<Judged, Failure>> {
    let (mut code, mut denied, mut ok, mut metadata) = (0, None, None, None);
    if message.is_empty() {
        return None; // For protobuf that is the status OK; for an answer about access it is too little.
    }
    for (field, value) in fields(message)? {
        match field {
            1 => code = number(value.bytes()?, 1)?,
            2 => denied = Some(value.bytes()?),
            3 => ok = Some(value.bytes()?),
            4 => metadata = Some(value.bytes()?),
            // What the authorizer answers when it could not decide.
            5 => return Some(Err(Failure::Unavailable)),
            _ => {}
        }
    }
    if code == 0 && denied.is_some() {
        return None; // It refuses in one field and, perhaps because that one was forgotten, allows in the other.
    }
    let decision = if code == 0 { allowed(ok.unwrap_or_default())? } else { refused(denied.unwrap_or_default())? };
    let lifetime = match metadata {
        Some(metadata) => lifetime(ttl_field, metadata)?,
        None => None,
    };
    Some(Ok(Judged { decision, lifetime, stale: true }))
}

/// `OkHttpResponse`.
fn allowed(message: &[u8]) -> Option<Decision> {
    let mut decision = Decision { allowed: true, ..Decision::default() };
    for (field, value) in fields(message)? {
        match field {
            2 => {
                let (header, append) = header_option(value.bytes()?)?;
                if append { &mut decision.append } else { &mut decision.set }.extend(header);
            }
            5 => decision.remove.extend(header_name(value.bytes()?)),
            6 => decision.client.extend(header_option(value.bytes()?)?.0),
            _ => {}
        }
    }
    Some(decision)
}

/// `DeniedHttpResponse`.
fn refused(message: &[u8]) -> Option<Decision> {
    let mut decision = Decision::refusal(FORBIDDEN);
    for (field, value) in fields(message)? {
        match field {
            1 => {
                let status = number(value.bytes()?, 1)?;
                if (300..=599).contains(&status) {
                    decision.status = u32::try_from(status).ok()?;
                }
            }
            2 => decision.client.extend(header_option(value.bytes()?)?.0),
            3 => decision.body = value.bytes().filter(|body| body.len() <= LONGEST_BODY).unwrap_or_default().to_vec(),
            _ => {}
        }
    }
    Some(decision)
}

/// `HeaderValueOption`: the header, unless its name cannot be used, and whether it is an additional one.
fn header_option(message: &[u8]) -> Option<(Fields, bool)> {
    let (mut header, mut append) = (Fields::new(), false);
    for (field, value) in fields(message)? {
        match field {
            1 => {
                let (mut name, mut content) = (None, Vec::new());
                for (field, part) in fields(value.bytes()?)? {
                    match field {
                        1 => name = header_name(part.bytes()?),
                        2 | 3 => content = part.bytes().filter(|value| fits_header(value))?.to_vec(),
                        _ => {}
                    }
                }
                header = name.map(|name| (name, content)).into_iter().collect();
            }
            2 => append = number(value.bytes()?, 1)? != 0,
            _ => {}
        }
    }
    Some((header, append))
}

/// The name in lower case. What names the request's target or frames a message is not the authorizer's to change.
fn header_name(name: &[u8]) -> Option<String> {
    let name = String::from_utf8(name.to_ascii_lowercase()).ok()?;
    let sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (!name.is_empty() && name.bytes().all(sign) && !FRAMING.contains(&name.as_str())).then_some(name)
}

/// The number of a field of a message; 0 if it is not there.
fn number(message: &[u8], wanted: u32) -> Option<u64> {
    let fields = fields(message)?;
    match fields.iter().rfind(|(field, _)| *field == wanted) {
        Some((_, value)) => value.number(),
        None => Some(0),
    }
}

/// `Struct`: the number of an entry, if there is one. Outer nothing: this is no `Struct`.
fn lifetime(wanted: &str, message: &[u8]) -> Option<Option<Duration>> {
    for (field, value) in fields(message)? {
        let entry = fields(value.bytes()?)?;
        let part = |wanted| entry.iter().find(|(field, _)| *field == wanted).and_then(|(_, value)| value.bytes());
        if field == 1 && part(1) == Some(wanted.as_bytes()) {
            let number = fields(part(2)?)?.into_iter().find_map(|(field, value)| match (field, value) {
                (2, Value::Fixed(bytes)) => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
                _ => None,
            });
            // What cannot be read, or is negative, is not taken for leave to keep.
            return Some(Some(Duration::from_secs(number.map_or(0, |number| number as u32).into())));
        }
    }
    Some(None)
}
