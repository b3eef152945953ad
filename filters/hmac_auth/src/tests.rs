//! The filter as a whole, on a host in memory. Signatures are made by Python's hmac where they are not published vectors.

mod arbitrary;
mod configuration;
mod page;
mod recipes;
mod webhooks;

use std::collections::BTreeMap;

use lateen_sdk::fake::FakeHost;
use lateen_sdk::{Action, Body, Filter, Map, Status};

use crate::encoding::Encoding;
use crate::mac::{Algorithm, Mac};
use crate::{HmacAuth, Stream};

/// 2021-02-25T15:02:10Z, the time of Standard Webhooks' vector.
const NOW: i64 = 1_614_265_330;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = r#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const WEBHOOKS: &str = r#"{"rules": [{"name": "hooks", "standard_webhooks": {"keys": [
    {"id": "one", "secret": {"inline": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}]}}]}"#;
const TEXT: &str = "a secret of the tests";

/// A plugin, and the Envoy that it is in.
struct Plugin {
    filter: HmacAuth,
    host: FakeHost,
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: Option<u32>,
    reason: String,
    key_id: Option<String>,
    waited: bool,
}

impl Plugin {
    fn new(config: &str) -> Self {
        Self::with(config, FakeHost::default())
    }

    fn with(config: &str, host: FakeHost) -> Self {
        let filter = HmacAuth::configure(&host, config.as_bytes()).unwrap();
        host.now.set(NOW as u64 * 1_000_000_000);
        Self { filter, host }
    }

    fn at(&mut self, seconds: i64) -> &mut Self {
        self.host.now.set(seconds as u64 * 1_000_000_000);
        self
    }

    /// A POST to `/hooks` with these headers and the pieces of a body, in the way in which Envoy tells of it.
    fn call(&mut self, headers: &[(&str, &str)], body: &[&[u8]]) -> Outcome {
        let mut all = vec![(":method", "POST"), (":path", "/hooks"), (":authority", "api.example")];
        all.retain(|(name, _)| !headers.iter().any(|(other, _)| name == other));
        all.extend(headers);
        self.send(&all, body, false)
    }

    fn send(&mut self, headers: &[(&str, &str)], body: &[&[u8]], trailers: bool) -> Outcome {
        let host = &self.host;
        host.replies.borrow_mut().clear();
        host.filter_state.borrow_mut().clear();
        host.request.borrow_mut().clear();
        for (name, value) in headers {
            host.add(Map::RequestHeaders, name, value);
        }
        let mut stream = Stream::default();
        host.end_of_stream.set(body.is_empty() && !trailers);
        let mut action = self.filter.on_request_headers(&mut stream, host);
        let waited = matches!(stream, Stream::Waiting(_));
        let mut held: Vec<u8> = Vec::new();
        for (place, piece) in body.iter().enumerate() {
            if action == Action::Continue {
                held.clear();
            }
            held.extend(*piece);
            host.set_body(Body::Request, &held);
            host.end_of_stream.set(place + 1 == body.len() && !trailers);
            action = self.filter.on_request_body(&mut stream, host, held.len());
        }
        if trailers {
            action = self.filter.on_request_trailers(&mut stream, host);
        }
        let status = host.replies.borrow().first().map(|reply| reply.status);
        assert_eq!(status.is_some(), action == Action::Pause, "what is not answered goes on, and nothing else does");
        let reason = host.filter_state.borrow().get("hmac_auth.reason").cloned().unwrap_or_default();
        if let Some(reply) = host.replies.borrow().first() {
            assert_eq!(reply.details, format!("lateen_hmac_auth_{reason}"));
        }
        Outcome { status, reason, key_id: host.header(Map::RequestHeaders, "x-hmac-key-id"), waited }
    }

    fn webhook(&mut self, changes: &[(&str, &str)], body: &str) -> Outcome {
        let mut headers = BTreeMap::from([
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", SIGNATURE),
        ]);
        headers.extend(changes.iter().copied());
        headers.retain(|_, value| !value.is_empty());
        self.call(&headers.into_iter().collect::<Vec<_>>(), &[body.as_bytes()])
    }
}

fn denied(status: u32, reason: &str) -> (Option<u32>, String) {
    (Some(status), reason.into())
}

fn verdict(outcome: Outcome) -> (Option<u32>, String) {
    (outcome.status, outcome.reason)
}

/// The signature of a text by `TEXT`, in hexadecimal digits.
fn sign(text: &str) -> String {
    let mut mac = Mac::new(Algorithm::Sha256, TEXT.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    Encoding::Hex.encode(&mac.finish().into_bytes())
}

/// A plugin with one recipe for one key.
fn recipe(text: &str) -> Plugin {
    Plugin::new(&recipe_text(text))
}

fn recipe_text(text: &str) -> String {
    format!(
        r#"{{"rules": [{{"name": "r", "recipe": {{"keys": [{{"id": "k", "secret": {{"inline": "{TEXT}"}}}}], {text}}}}}]}}"#
    )
}
