//! Requests say which version of the API they speak; what the service does not speak never reaches it.
//!
//! This file is the shell: it moves bytes between Envoy and `decision`, which decides and knows nothing of Envoy.

mod config;
mod decision;
#[cfg(test)]
mod tests;

use lateen_sdk::{declare, export, Action, Filter, Host, Level, LocalResponse, Map, Status};

use crate::config::{Config, Mode};
use crate::decision::{decide, Decision};

export!(VersionGate: on_request_headers);

const VERSION: &str = "{{name}}.version";
const DECISION: &str = "{{name}}.decision";
const REASON: &str = "{{name}}.reason";

/// The filter, configured.
pub struct VersionGate {
    config: Config,
}

impl Filter for VersionGate {
    type Stream = ();

    fn configure<H: Host>(host: &H, configuration: &[u8]) -> Result<Self, String> {
        let config = Config::parse(configuration)?;
        for key in [VERSION, DECISION, REASON] {
            declare(host, key).map_err(|status| format!("{key} cannot be declared: {status:?}"))?;
        }
        Ok(Self { config })
    }

    fn on_request_headers<H: Host>(&mut self, (): &mut (), host: &H) -> Action {
        if self.config.mode == Mode::Off {
            return Action::Continue;
        }
        self.judge(host).unwrap_or_else(|status| {
            host.log(Level::Error, &format!("{{name}} cannot decide: {status:?}"));
            self.enforce(host, "error")
        })
    }

    fn without_room<H: Host>(&self, _host: &H) -> Action {
        match self.config.mode {
            Mode::Enforce => Action::Pause,
            Mode::Shadow | Mode::Off => Action::Continue,
        }
    }
}

impl VersionGate {
    /// Decide, publish the decision and carry it out. An error of the host is the caller's to refuse.
    fn judge<H: Host>(&self, host: &H) -> Result<Action, Status> {
        let headers = host.headers(Map::RequestHeaders)?;
        let name = self.config.header.as_bytes();
        let values: Vec<&[u8]> = headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_slice()).collect();
        match decide(&self.config, &values) {
            Decision::Accept(version) => {
                host.set_filter_state(VERSION, version.as_bytes())?;
                host.set_filter_state(DECISION, b"allow")?;
                host.replace_header(Map::RequestHeaders, &self.config.header, version.as_bytes())?;
                Ok(Action::Continue)
            }
            Decision::Refuse(reason) => {
                host.set_filter_state(DECISION, b"deny")?;
                host.set_filter_state(REASON, reason.as_bytes())?;
                Ok(self.enforce(host, reason))
            }
        }
    }

    fn enforce<H: Host>(&self, host: &H, reason: &str) -> Action {
        match self.config.mode {
            Mode::Enforce => refuse(host, reason),
            Mode::Shadow | Mode::Off => Action::Continue,
        }
    }
}

/// Answer 406; the reason stands in the body for the client and in the response code details for logs.
fn refuse<H: Host>(host: &H, reason: &str) -> Action {
    let body = format!("{reason}\n");
    let response = LocalResponse {
        status: 406,
        headers: &[("content-type", b"text/plain")],
        body: body.as_bytes(),
        details: &format!("{{name}}_{reason}"),
        grpc_status: None,
    };
    // Where not even an answer is possible, the request stays where it is until Envoy's own timeout ends it.
    let _ = host.send_local_response(&response);
    Action::Pause
}
