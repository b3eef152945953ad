//! A thin, typed layer over the proxy-wasm ABI 0.2.1.
//!
//! A filter implements [`Filter`] and names the callbacks that it wants in [`export!`]; a module imports and exports
//! nothing else, so that what it may do can be read off it. Every call to the host goes through [`Host`], which is
//! implemented by the ABI in a module and by the feature `fake`'s `FakeHost` in native tests. A host status is a value
//! ([`Status`]), never a panic.
//!
//! [ABI]: https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1

// A module carries neither std's way to tell of a panic, which nobody would see, nor its formatting.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[macro_use]
extern crate alloc;

/// The README's filter, run as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(target_arch = "wasm32")]
pub mod abi;
mod call;
mod dispatch;
mod export;
#[cfg(feature = "fake")]
pub mod fake;
mod filter;
pub mod foreign;
mod host;
pub mod intake;
pub mod json;
pub mod node;
mod numbered;
pub mod pairs;
pub mod property;
mod shared;
mod streams;
pub mod wire;

pub use call::{Answer, Call, Calls, GrpcAnswer, GrpcCall, HttpCall};
pub use dispatch::{Dispatcher, MAX_STREAMS};
#[doc(hidden)]
pub use export::ends_are_seen;
pub use filter::{Action, Filter};
pub use foreign::declare;
pub use host::{Body, Counter, Headers, Host, Level, LocalResponse, Map, Status};
pub use pairs::Pairs;
pub use shared::{Eviction, Inserted, SharedTable, Slot, LONGEST_ENTRY, WAYS};
pub use streams::{StreamId, Streams};
