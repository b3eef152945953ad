#!/bin/sh
# Finds a Rust that builds the filters, or installs Debian's (as root). Elsewhere says what to install.
set -eu
cd "$(dirname "$0")/../.."

if ! .venv/bin/python -m lateen.filterkit.toolchain >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "setup: installing Debian's Rust with its sources, and a linker for wasm (filters are rebuilt and tested)" >&2
  apt-get update -qq
  # The newest linker there is: which one a Debian 12 has depends on its security updates, as does the compiler.
  linker=$(apt-cache pkgnames lld- | grep -E '^lld-[0-9]+$' | sort -V | tail -n 1)
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
    rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web "$linker" gcc libc6-dev >/dev/null
fi
.venv/bin/python -m lateen.filterkit.toolchain >/dev/null
