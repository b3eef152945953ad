//! Does on a real Envoy what the SDK says that it does there. Each request says in `x-do` what is to be done; the answer
//! is the body of a local reply, or what the upstream and the client get (`integration_tests/test_sdk.py`).

use core::time::Duration;

use lateen_sdk::foreign::{self, Expression, PublicKey, Span, Verdict};
use lateen_sdk::intake::{self, Intake};
use lateen_sdk::{
    export, property, Action, Body, Eviction, Filter, Host, LocalResponse, Map, SharedTable, Status, Streams,
};

export!(Probe: on_request_headers, on_request_body, on_request_trailers, on_response_headers, on_response_body,
    on_response_trailers, on_tick);

const LIMIT: usize = 100_000;
const LIFETIME: Duration = Duration::from_secs(60);

/// What the requests ask.
pub struct Probe {
    table: SharedTable,
    ticks: u32,
}

/// What one request asks for.
#[derive(Default)]
pub struct Stream {
    order: String,
}

impl Filter for Probe {
    type Stream = Stream;

    fn configure<H: Host>(host: &H, _configuration: &[u8]) -> Result<Self, String> {
        host.set_tick_period(Duration::from_millis(50)).map_err(|status| format!("{status:?}"))?;
        Ok(Self { table: SharedTable::new("probe", 1, 16, Eviction::Never), ticks: 0 })
    }

    fn on_request_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        stream.order = text(host, "x-do");
        match stream.order.as_str() {
            "body" | "verify" => {
                let _ = host.remove_header(Map::RequestHeaders, "content-length");
                self.read(stream, host, intake::headers(host, LIMIT))
            }
            "response" => Action::Continue,
            order => {
                let result = self.answer(host, order);
                reply(host, &result.unwrap_or_else(|status| format!("{status:?}")))
            }
        }
    }

    fn on_request_body<H: Host>(&mut self, stream: &mut Stream, host: &H, size: usize) -> Action {
        match stream.order.as_str() {
            "body" | "verify" => self.read(stream, host, intake::body(host, size, LIMIT)),
            _ => Action::Continue,
        }
    }

    fn on_request_trailers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        match stream.order.as_str() {
            "body" | "verify" => self.read(stream, host, intake::trailers(host, LIMIT)),
            _ => Action::Continue,
        }
    }

    fn on_response_headers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        if stream.order == "response" && !host.end_of_stream() {
            let _ = host.remove_header(Map::ResponseHeaders, "content-length");
            return Action::Pause;
        }
        Action::Continue
    }

    fn on_response_body<H: Host>(&mut self, stream: &mut Stream, host: &H, size: usize) -> Action {
        if stream.order != "response" {
            return Action::Continue;
        }
        if !host.end_of_stream() {
            return Action::Pause;
        }
        self.shout(host, Map::ResponseHeaders, Body::Response, size)
    }

    fn on_response_trailers<H: Host>(&mut self, stream: &mut Stream, host: &H) -> Action {
        if stream.order != "response" {
            return Action::Continue;
        }
        self.shout(host, Map::ResponseHeaders, Body::Response, LIMIT)
    }

    fn on_tick<H: Host>(&mut self, _streams: &mut Streams<'_, Stream>, _host: &H) {
        self.ticks += 1;
    }
}

impl Probe {
    fn answer<H: Host>(&self, host: &H, order: &str) -> Result<String, Status> {
        let key = text(host, "x-key");
        Ok(match order {
            "insert" => format!("{:?}", self.table.insert(host, key.as_bytes(), b"", LIFETIME)?),
            "count" => loop {
                match self.table.update(host, key.as_bytes(), LIFETIME, |value| Some(next(value))) {
                    Err(Status::CAS_MISMATCH) => {}
                    result => break format!("{}", result?),
                }
            },
            "get" => {
                let value = self.table.get(host, key.as_bytes())?.unwrap_or_default();
                value.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)).to_string()
            }
            "tick" => self.ticks.to_string(),
            "expression" => {
                let broken = Expression::create(host, "request.");
                let expression = Expression::create(host, "request.method + ' ' + request.protocol")?;
                let value = expression.evaluate(host)?;
                expression.delete(host)?;
                format!("{} {broken:?}", String::from_utf8_lossy(&value))
            }
            "state" => {
                foreign::set_envoy_filter_state(host, "envoy.tcp_proxy.cluster", "c", Span::Request)?;
                format!("{:?}", foreign::set_envoy_filter_state(host, "no.factory", "c", Span::Request))
            }
            "properties" => format!(
                "{:?} {:?} {:?} {}",
                property::text(host, &["request", "method"]),
                property::boolean(host, &["connection", "mtls"]),
                property::integer(host, &["request", "size"]),
                property::duration(host, &["request", "time"]).is_some_and(|time| time.as_secs() > 1_700_000_000),
            ),
            _ => {
                foreign::clear_route_cache(host)?;
                format!("{:?}", host.property(&["no", "such"])?)
            }
        })
    }

    fn read<H: Host>(&self, stream: &Stream, host: &H, intake: Intake) -> Action {
        intake.then(|body| {
            if stream.order == "body" {
                return self.shout(host, Map::RequestHeaders, Body::Request, body.len());
            }
            let key = hexadecimal(&text(host, "x-public-key"));
            let signature = hexadecimal(&text(host, "x-signature"));
            let verdict = foreign::verify_signature(host, "sha256", PublicKey::Der(&key), &signature, body);
            reply(host, if verdict == Ok(Verdict::Valid) { "valid" } else { "invalid" })
        })
    }

    /// Put the body in capital letters in its place, and its length in a header.
    fn shout<H: Host>(&self, host: &H, map: Map, body: Body, size: usize) -> Action {
        let bytes = host.body(body, 0, size).unwrap_or_default().to_ascii_uppercase();
        let _ = host.replace_header(map, "x-length", bytes.len().to_string().as_bytes());
        if !bytes.is_empty() {
            let _ = host.replace_body(body, &bytes);
        }
        Action::Continue
    }
}

fn next(value: Option<&[u8]>) -> Vec<u8> {
    let count = value.and_then(|value| value.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes));
    (count + 1).to_le_bytes().to_vec()
}

fn text<H: Host>(host: &H, name: &str) -> String {
    let value = host.first_header(Map::RequestHeaders, name).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&value).into_owned()
}

fn hexadecimal(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

fn reply<H: Host>(host: &H, body: &str) -> Action {
    let _ = host.send_local_response(&LocalResponse {
        status: 200,
        headers: &[("x-probe", b"\xff"), ("x-probe", b"2")],
        body: body.as_bytes(),
        details: "probe",
        ..LocalResponse::default()
    });
    Action::Pause
}
