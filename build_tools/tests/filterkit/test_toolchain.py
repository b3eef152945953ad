"""A Rust that can build for wasm32 is found, or it is said what to install. The real one is asked in other tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.diagnostics import MeshError
from lateen.filterkit import toolchain

RUSTC = """\
#!/bin/sh
case "$1$2" in
  --version) echo "rustc {version} (abc 2026-01-01)" ;;
  --printtarget-libdir) echo "{libraries}" ;;
  --printsysroot) echo "{root}" ;;
esac
"""

CARGO = """\
#!/bin/sh
PATH=/usr/bin:/bin
echo built >> LOG
mkdir -p ../target/wasm32-unknown-unknown/release/deps
touch ../target/wasm32-unknown-unknown/release/deps/libstd-1.rlib
touch ../target/wasm32-unknown-unknown/release/deps/libstd_only-1.rlib
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Rust; programs lie in `bin`, Debian's in `debian`."""
    for name in ("bin", "debian", "libraries"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain, "_BIN", tmp_path / "debian")
    return tmp_path


def program(path: Path, text: str = "#!/bin/sh\n") -> None:
    path.write_text(text)
    path.chmod(0o755)


def rustc(machine: Path, folder: str, version: str = "1.96.0") -> None:
    text = RUSTC.format(version=version, libraries=machine / "libraries", root=machine / "root")
    program(machine / folder / "rustc", text)
    program(machine / folder / "cargo")


def refusal() -> tuple[str, str]:
    with pytest.raises(MeshError) as raised:
        toolchain.environment()
    (finding,) = raised.value.diagnostics
    assert finding.code == "LAT0611"
    return finding.message, finding.hint


def test_a_toolchain_that_has_the_target_is_used_as_it_is(machine: Path) -> None:
    rustc(machine, "bin")
    (machine / "libraries" / "libstd-1.rlib").touch()
    assert toolchain.environment() == {}


def test_one_without_the_target_gets_it_by_rustup(machine: Path) -> None:
    rustc(machine, "bin")
    program(machine / "bin" / "rustup")
    message, hint = refusal()
    assert "there is no Rust 1.85 or later with the target wasm32-unknown-unknown" in message
    assert hint.startswith("install one of: rustup target add wasm32-unknown-unknown; ")


def test_an_old_compiler_is_none(machine: Path) -> None:
    rustc(machine, "bin", version="1.84.1")
    (machine / "libraries" / "libstd-1.rlib").touch()
    assert "Rust from https://rustup.rs, then rustup target add" in refusal()[1]


def test_what_is_missing_of_debians_is_named_and_nothing_else(machine: Path) -> None:
    assert refusal()[1].endswith("apt-get install rustc-web cargo-web rust-web-src lld-19")
    rustc(machine, "debian", version="1.63.0")
    assert refusal()[1].endswith("apt-get install rustc-web rust-web-src lld-19")
    rustc(machine, "debian")
    assert refusal()[1].endswith("apt-get install rust-web-src lld-19")
    program(machine / "debian" / "wasm-ld-19")
    assert refusal()[1].endswith("apt-get install rust-web-src")


def test_debians_gets_a_standard_library_once(machine: Path) -> None:
    rustc(machine, "debian")
    for linker in ("wasm-ld-9", "wasm-ld-19"):
        program(machine / "debian" / linker)
    (machine / "root/lib/rustlib/src/rust/library").mkdir(parents=True)
    (machine / "root/lib/rustlib/src/rust/library/Cargo.lock").touch()
    program(machine / "debian" / "cargo", CARGO.replace("LOG", str(machine / "log")))
    found = toolchain.environment()
    assert found["RUSTC"] == str(machine / "debian" / "rustc")
    assert found["PATH"].split(":")[0] == str(machine / "debian")
    assert found[toolchain.LINKER] == str(machine / "debian" / "wasm-ld-19")
    sysroot = Path(found[toolchain.FLAGS].removeprefix("--sysroot="))
    assert sysroot == machine / "cache/lateen/rust/rustc_1.96.0_abc_2026_01_01_"
    assert [path.name for path in sysroot.rglob("*.rlib")] == ["libstd-1.rlib"]
    assert [path.name for path in sysroot.parent.iterdir()] == [sysroot.name]
    toolchain.environment()
    assert (machine / "log").read_text() == "built\n"


def test_a_standard_library_that_does_not_build_leaves_nothing(machine: Path) -> None:
    rustc(machine, "debian")
    program(machine / "debian" / "wasm-ld-19")
    (machine / "root/lib/rustlib/src/rust/library").mkdir(parents=True)
    (machine / "root/lib/rustlib/src/rust/library/Cargo.lock").touch()
    program(machine / "debian" / "cargo", "#!/bin/sh\necho 'error: no space' >&2\nexit 101\n")
    with pytest.raises(MeshError, match="no space"):
        toolchain.environment()
    assert list((machine / "cache/lateen/rust").iterdir()) == []


def test_a_shell_gets_it_as_exports(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(toolchain, "environment", lambda: {"RUSTC": "/a b/rustc"})
    assert toolchain._main() == 0
    assert capsys.readouterr().out == "export RUSTC='/a b/rustc'\n"


def test_a_shell_is_told_what_to_install(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert toolchain._main() == 1
    assert "apt-get install rustc-web" in capsys.readouterr().err
