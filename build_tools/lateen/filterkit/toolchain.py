"""A Rust that builds for wasm32: the one in use, Debian's with a standard library built for it, or what to install.

`python -m lateen.filterkit.toolchain` prints the environment for a shell (`export NAME=VALUE`).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes import filterkit as codes

TARGET = "wasm32-unknown-unknown"
OLDEST = (1, 85)
"""The oldest compiler for which the filters are written."""

LINKER = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER"
FLAGS = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS"

_BIN = Path("/usr/bin")
_SOURCES = Path("lib/rustlib/src/rust")
_VERSION = re.compile(r"rustc (\d+)\.(\d+)")
_CRATE = """\
[package]
name = "std-only"
version = "0.0.0"
edition = "2021"

[workspace]

[profile.release]
panic = "abort"
opt-level = "s"
codegen-units = 1
"""


def environment() -> dict[str, str]:
    """What cargo has to find in its environment to build for `TARGET`; nothing where the toolchain in use has it.

    Where it has not, and Debian's compiler is installed with its sources, the standard library is built from them:
    once for each compiler, in under a minute, into the user's cache. Raises MeshError (LAT0611) with what to install,
    or LAT0612 if the standard library does not build.
    """
    if shutil.which("cargo") and _has_target("rustc"):
        return {}
    if missing := list(_missing_of_debian()):
        raise _cannot_build(missing)
    linker = _linkers()[-1]
    return {
        "PATH": os.pathsep.join((str(_BIN), os.environ.get("PATH", ""))),
        "RUSTC": str(_BIN / "rustc"),
        LINKER: str(linker),
        FLAGS: f"--sysroot={_standard_library()}",
    }


def _has_target(rustc: str) -> bool:
    folder = _ask(rustc, "--print", "target-libdir", "--target", TARGET)
    return bool(folder) and any(Path(folder).glob("libstd-*.rlib")) and _version(rustc) >= OLDEST


def _missing_of_debian() -> Iterator[str]:
    """The packages that Debian's toolchain lacks here."""
    rustc = str(_BIN / "rustc")
    if _version(rustc) < OLDEST:
        yield "rustc-web"
    if not (_BIN / "cargo").exists():
        yield "cargo-web"
    if not (_sources() / "library" / "Cargo.lock").exists():
        yield "rust-web-src"
    if not _linkers():
        yield "lld-19"


def _linkers() -> list[Path]:
    """Debian installs the linker of wasm under its version's name only; the newest is the last."""
    return sorted(_BIN.glob("wasm-ld-*"), key=lambda path: int(re.sub(r"\D", "", path.name) or 0))


def _sources() -> Path:
    return Path(_ask(str(_BIN / "rustc"), "--print", "sysroot") or _BIN.parent) / _SOURCES


def _version(rustc: str) -> tuple[int, int]:
    found = _VERSION.match(_ask(rustc, "--version"))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _ask(*command: str) -> str:
    """What a command prints, or nothing if it fails or does not exist."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _standard_library() -> Path:
    """The folder that serves as the sysroot of the wasm target. It appears whole, so that builds may run side by side.

    Building it is the one step that needs an unstable flag; with it, building a filter is plain, stable cargo.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lateen" / "rust"
    sysroot = cache / re.sub(r"[^A-Za-z0-9.]+", "_", _ask(str(_BIN / "rustc"), "--version"))
    if not sysroot.exists():
        sys.stderr.write(f"building Rust's standard library for {TARGET} (once, under a minute)\n")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="std-", dir=cache) as work:
            built = _build_standard_library(Path(work))
            try:
                built.rename(sysroot)
            except OSError:  # another build was there first; theirs is as good
                if not sysroot.exists():
                    raise
    return sysroot


def _build_standard_library(work: Path) -> Path:
    crate, sources = work / "crate", _sources()
    (crate / "src").mkdir(parents=True)
    (crate / "src" / "lib.rs").touch()
    (crate / "Cargo.toml").write_text(_CRATE)
    command = [str(_BIN / "cargo"), "build", "-q", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET]
    if (vendored := sources / "library" / "vendor").is_dir():  # older packages come without; cargo then fetches
        command += ["--config", 'source.crates-io.replace-with="vendored"']
        command += ["--config", f'source.vendored.directory="{vendored}"']
    # Paths of this machine would otherwise stand in the messages of every module; bitcode is what link-time
    # optimization of a module works on.
    flags = f"-C embed-bitcode=yes --remap-path-prefix={crate}=std --remap-path-prefix={sources}=rust"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RUSTUP_", "CARGO_ENCODED"))}
    settings = {"RUSTC_BOOTSTRAP": "1", "RUSTC": str(_BIN / "rustc"), "RUSTFLAGS": flags}
    settings["CARGO_TARGET_DIR"] = str(work / "target")
    answer = subprocess.run(command, cwd=crate, env=inherited | settings, capture_output=True, text=True, check=False)
    if answer.returncode:
        reason = f"Rust's standard library: {answer.stderr.strip()}"
        raise MeshError((codes.BUILD_FAILED.at(Origin(str(sources)), reason=reason),))
    libraries = work / "sysroot" / "lib" / "rustlib" / TARGET / "lib"
    libraries.mkdir(parents=True)
    for library in (work / "target" / TARGET / "release" / "deps").glob("*.rlib"):
        if not library.name.startswith("libstd_only"):
            shutil.copy(library, libraries)
    return work / "sysroot"


def _cannot_build(missing: list[str]) -> MeshError:
    rustup = f"rustup target add {TARGET}"
    if not shutil.which("rustup"):
        rustup = f"Rust from https://rustup.rs, then {rustup}"
    version = ".".join(map(str, OLDEST))
    reason = f"there is no Rust {version} or later with the target {TARGET}"
    hint = f"install one of: {rustup}; on Debian, as root, apt-get install {' '.join(missing)}"
    return MeshError((codes.NO_TOOLCHAIN.at(Origin(), reason=reason, hint=hint),))


def _main() -> int:
    try:
        found = environment()
    except MeshError as error:
        sys.stderr.write("".join(f"{finding.message}\n  {finding.hint}\n" for finding in error.diagnostics))
        return 1
    sys.stdout.write("".join(f"export {name}={shlex.quote(value)}\n" for name, value in found.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(_main())
