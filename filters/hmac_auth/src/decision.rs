//! What was decided of a request, and how it is told.

use alloc::string::String;

use lateen_sdk::{Host, Level, LocalResponse};

use crate::reason::Reason;

const DECISION: &str = "hmac_auth.decision";
const REASON: &str = "hmac_auth.reason";
const RULE: &str = "hmac_auth.rule";
const KEY_ID: &str = "hmac_auth.key_id";

/// Why a request passed, where that was not a signature.
const EXEMPT: &str = "exempt";
const VERIFIED: &str = "verified";

/// A decision, as its attributes say it. What does not apply is empty.
pub struct Decision<'a> {
    decision: &'static str,
    reason: &'static str,
    rule: &'a str,
    key_id: &'a str,
}

impl<'a> Decision<'a> {
    /// The rule asks for no signature.
    pub fn exempt(rule: &'a str) -> Self {
        Self { decision: "allow", reason: EXEMPT, rule, key_id: "" }
    }

    /// The signature is one of that key.
    pub fn verified(rule: &'a str, key_id: &'a str) -> Self {
        Self { decision: "allow", reason: VERIFIED, rule, key_id }
    }

    /// The request is refused, or in shadow mode would be.
    pub fn refused(reason: Reason) -> Self {
        Self { decision: "deny", reason: reason.code(), rule: "", key_id: "" }
    }

    /// Set one filter state per attribute.
    pub fn publish<H: Host>(&self, host: &H) {
        let values = [(DECISION, self.decision), (REASON, self.reason), (RULE, self.rule), (KEY_ID, self.key_id)];
        for (key, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
            if let Err(status) = host.set_filter_state(key, value.as_bytes()) {
                host.log(Level::Error, &status.line(&[key, " cannot be published"].concat()));
            }
        }
    }
}

/// Declare the attributes as strings, so that policy can read them.
pub fn declare<H: Host>(host: &H) -> Result<(), String> {
    for key in [DECISION, REASON, RULE, KEY_ID] {
        lateen_sdk::declare(host, key).map_err(|status| status.line(&[key, " cannot be declared"].concat()))?;
    }
    Ok(())
}

/// Refuse the request. The client learns the status and nothing else: what exactly is wrong helps to forge.
pub fn answer<H: Host>(host: &H, reason: Reason) {
    let (challenge, body): (&[(&str, &[u8])], &[u8]) = match reason.status() {
        401 => (&[("www-authenticate", b"HMAC")], b"a valid signature is required\n"),
        413 => (&[], b"the body is too large\n"),
        503 => (&[], b"the signature cannot be checked now\n"),
        _ => (&[], b"the request is refused\n"),
    };
    let details = ["lateen_hmac_auth_", reason.code()].concat();
    let response =
        LocalResponse { status: reason.status(), headers: challenge, body, details: &details, grpc_status: None };
    if let Err(status) = host.send_local_response(&response) {
        host.log(Level::Error, &status.line("a request cannot be refused and waits"));
    }
}
