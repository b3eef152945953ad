#!/bin/sh
# Builds Rust's standard library for wasm32 once, from the sources that Debian's rustc carries, into
# .toolchain/wasm-sysroot. That folder serves as the sysroot of the wasm target; with it, building filters is plain,
# stable cargo. Takes under a minute; does nothing when the folder fits the compiler.
set -eu
cd "$(dirname "$0")/../.."

target=wasm32-unknown-unknown
sysroot=$PWD/.toolchain/wasm-sysroot
stamp=$sysroot/$(/usr/bin/rustc -V | tr -c 'a-zA-Z0-9.\n' _)
[ -e "$stamp" ] && exit 0

echo "setup: building Rust's standard library for $target (once, under a minute)" >&2
work=.toolchain/std
rm -rf "$work" "$sysroot" .toolchain/target
mkdir -p "$work/src" "$sysroot/lib/rustlib/$target/lib"
: > "$work/src/lib.rs"
cat > "$work/Cargo.toml" <<'TOML'
[package]
name = "std-only"
version = "0.0.0"
edition = "2021"

[workspace]

[profile.release]
panic = "abort"
opt-level = "s"
codegen-units = 1
TOML
# The one place that needs an unstable flag: std is built here and never again. Its dependencies lie beside its sources.
# Paths of this machine would otherwise stand in the messages of every module; bitcode is what link-time optimization of
# a module works on.
sources=$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust
set -- # older packages of the sources come without the dependencies; cargo then fetches them
if [ -d "$sources/library/vendor" ]; then
  set -- --config 'source.crates-io.replace-with="vendored"' --config "source.vendored.directory=\"$sources/library/vendor\""
fi
(cd "$work" && env -u RUSTUP_TOOLCHAIN RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc \
  RUSTFLAGS="-C embed-bitcode=yes --remap-path-prefix=$PWD=std --remap-path-prefix=$sources=rust" \
  /usr/bin/cargo build -q --release -Zbuild-std=std,panic_abort --target $target "$@")
cp "$work/target/$target/release/deps/"*.rlib "$sysroot/lib/rustlib/$target/lib/"
rm -rf "$work" "$sysroot/lib/rustlib/$target/lib/"libstd_only*
: > "$stamp"
