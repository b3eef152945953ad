#!/bin/sh
# Format, lints (natively and for wasm32) and native tests of the filters.
set -eu
cd "$(dirname "$0")/../.."
environment=$(sh build_tools/scripts/rust-env.sh)
eval "$environment"
cd filters
cargo fmt --all --check
cargo clippy --quiet --locked --all-targets -- -D warnings
cargo clippy --quiet --locked --target wasm32-unknown-unknown -- -D warnings
cargo test --quiet --locked
