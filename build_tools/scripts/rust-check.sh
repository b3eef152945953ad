#!/bin/sh
# Format, lints (natively and for wasm32) and native tests of the filters.
set -eu
cd "$(dirname "$0")/../.."
environment=$(.venv/bin/python -m lateen.filterkit.toolchain)
eval "$environment"
# cargo prefers the clippy and rustfmt of a rustup that is installed as well, so that one has to know Debian's toolchain.
if [ -n "$environment" ] && command -v rustup >/dev/null; then
  rustup toolchain list | grep -q '^debian' || rustup toolchain link debian /usr >&2
  export RUSTUP_TOOLCHAIN=debian
fi
cd filters
cargo fmt --all --check
cargo clippy --quiet --locked --all-targets -- -D warnings
cargo clippy --quiet --locked --target wasm32-unknown-unknown -- -D warnings
cargo test --quiet --locked
