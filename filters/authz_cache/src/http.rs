//! The authorizer as an HTTP server, in the form of Envoy's ext_authz.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use lateen_sdk::{Call, Host, HttpCall, Pairs, Status};

use crate::config::{Answers, Config, Keeping};
use crate::decision::{fits_header, Decision, Failure, Fields, Judged};
use crate::inputs::{first, Inputs};

/// Ask: the request's method, host and path if they are inputs, its declared headers and attributes. An attribute that
/// cannot stand in a header cannot be asked about.
pub fn ask<H: Host>(host: &H, config: &Config, path_prefix: &str, inputs: &Inputs<'_>) -> Result<Call, Status> {
    let path = [path_prefix.as_bytes(), inputs.path.unwrap_or_default()].concat();
    let mut headers: Vec<(&str, &[u8])> = vec![
        (":method", inputs.method.unwrap_or(b"GET")),
        (":path", if path.is_empty() { b"/" } else { &path }),
        (":authority", inputs.host.unwrap_or(config.cluster.as_bytes())),
    ];
    for (name, values) in &inputs.headers {
        headers.extend(values.iter().map(|value| (*name, *value)));
    }
    for (name, value) in &inputs.attributes {
        match value {
            Some(value) if fits_header(value) => headers.push((name, value)),
            Some(_) => return Err(Status::BAD_ARGUMENT),
            None => {}
        }
    }
    host.dispatch_http(&HttpCall {
        cluster: &config.cluster,
        headers: &headers,
        timeout: config.timeout,
        ..HttpCall::default()
    })
}

/// What the answer means: 200 allows, 3xx and 4xx refuse, 5xx is none. `body` is asked for only if it is handed on.
pub fn judge(
    answers: &Answers,
    keeping: &Keeping,
    headers: &Pairs,
    body: impl FnOnce() -> Vec<u8>,
) -> Result<Judged, Failure> {
    let status = core::str::from_utf8(first(headers, ":status")).ok().and_then(|status| status.parse::<u32>().ok());
    let decision = match status {
        Some(200) => Decision {
            allowed: true,
            set: selected(headers, &answers.to_upstream),
            client: selected(headers, &answers.to_client),
            ..Decision::default()
        },
        Some(status @ 300..=499) => Decision {
            status,
            body: body(),
            client: selected(headers, &answers.to_client_on_deny),
            ..Decision::default()
        },
        Some(500..=599) => return Err(Failure::Unavailable),
        _ => return Err(Failure::Invalid),
    };
    Ok(Judged { decision, lifetime: lifetime(keeping, headers), stale: stale(headers) })
}

fn selected(headers: &Pairs, names: &[String]) -> Fields {
    let values = |name: &str| headers.values(name).map(<[u8]>::to_vec).collect::<Vec<_>>();
    names.iter().flat_map(|name| values(name).into_iter().map(|value| (name.clone(), value))).collect()
}

/// Directives that leave nothing for a shared cache to keep.
const UNKEPT: [&str; 3] = ["no-store", "no-cache", "private"];

/// What the answer says of its lifetime: the configured header first, then `cache-control` as for a shared cache.
fn lifetime(keeping: &Keeping, headers: &Pairs) -> Option<Duration> {
    if let Some(name) = &keeping.ttl_header {
        if let Some(value) = headers.values(name).next() {
            // What cannot be read is not taken for leave to keep.
            return Some(seconds(value.trim_ascii()).unwrap_or_default());
        }
    }
    if UNKEPT.iter().any(|forbids| directive(headers, forbids).is_some()) {
        return Some(Duration::ZERO);
    }
    let age = directive(headers, "s-maxage").or_else(|| directive(headers, "max-age"))?;
    Some(seconds(age).unwrap_or_default())
}

/// Whether the answer may be used beyond its lifetime, however that was said. Source: RFC 9111, 4.2.4; of `s-maxage`
/// 5.2.2.10.
fn stale(headers: &Pairs) -> bool {
    let revalidated = ["must-revalidate", "proxy-revalidate", "s-maxage"];
    UNKEPT.iter().chain(&revalidated).all(|forbids| directive(headers, forbids).is_none())
}

/// The value of a directive of `cache-control`, if there is one of this name.
fn directive<'a>(headers: &'a Pairs, wanted: &str) -> Option<&'a [u8]> {
    let directives = headers.values("cache-control").flat_map(|value| value.split(|byte| *byte == b','));
    directives
        .filter_map(|directive| {
            let mut parts = directive.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
            parts.next()?.eq_ignore_ascii_case(wanted.as_bytes()).then(|| parts.next().unwrap_or_default())
        })
        .next()
}

fn seconds(value: &[u8]) -> Option<Duration> {
    let digits = core::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    // More digits than a number of seconds can have are as long as can be.
    Some(Duration::from_secs(if digits.len() > 9 { u32::MAX.into() } else { digits.parse().ok()? }))
}
