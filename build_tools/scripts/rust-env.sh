#!/bin/sh
# Prints the environment under which cargo can build for wasm32-unknown-unknown: eval "$(sh rust-env.sh)".
# Prints nothing where the toolchain in use has that target. Where Debian's compiler is installed with its sources, the
# standard library is built from them. Otherwise says what to install and fails.
set -eu
cd "$(dirname "$0")/../.."

target=wasm32-unknown-unknown
if command -v rustc >/dev/null && ls "$(rustc --print target-libdir --target $target)"/libstd-*.rlib >/dev/null 2>&1; then
  exit 0
fi

linker=$(ls /usr/bin/wasm-ld-* 2>/dev/null | sort -V | tail -n 1)
sources=$(/usr/bin/rustc --print sysroot 2>/dev/null || true)/lib/rustlib/src/rust/library/Cargo.lock
if [ -e "$sources" ] && [ -x /usr/bin/cargo ] && [ -n "$linker" ]; then
  sh build_tools/scripts/rust-std.sh
  # cargo prefers the clippy and rustfmt of a rustup that is installed as well, so it has to know this toolchain.
  if command -v rustup >/dev/null; then
    rustup toolchain list | grep -q '^debian' || rustup toolchain link debian /usr >&2
    echo "export RUSTUP_TOOLCHAIN=debian"
  fi
  echo "export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker"
  echo "export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=--sysroot=$PWD/.toolchain/wasm-sysroot"
  exit 0
fi

echo "the filters are built by Rust 1.85 or later with the target $target; install one of" >&2
echo "  rustup target add $target" >&2
echo "  apt-get install rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web lld-19   (Debian, as root)" >&2
exit 1
