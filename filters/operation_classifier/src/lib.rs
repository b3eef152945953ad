//! Names the operation of a request.

mod classify;
mod config;
mod graphql;
mod names;
mod query;
mod table;
