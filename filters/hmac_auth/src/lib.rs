//! Requests are signed by somebody who holds a key.
#![allow(dead_code)]

mod config;
mod content_digest;
mod encoding;
mod json;
mod key;
mod mac;
mod node;
mod reason;
mod recipe;
mod request;
mod scope;
mod time;
mod verification;
