"""What `build` does with what cargo gives. The real cargo is asked in the integration tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.diagnostics import MeshError
from lateen.filterkit import build, manifest
from lateen.filterkit.catalog import Filter, read_filter

DESCRIPTION = """\
name: probe
summary: A filter of a test.
kind: wasm
phase: UNSPECIFIED
failure_policy: FAIL_RELOAD
config: {type: object}
budget: {module_bytes: 8}
"""

CARGO = """\
#!/bin/sh
case "$1" in
  metadata) echo '{"packages": [{"manifest_path": "/crates/serde-1/Cargo.toml"}]}' ;;
  build)
    printf '%s' "$CARGO_ENCODED_RUSTFLAGS" > FLAGS
    [ -e refuse ] && { echo "error: expected one of" >&2; exit 101; }
    echo '{"reason": "compiler-artifact", "target": {"name": "probe"}, "filenames": ["OUTPUT", "OUTPUT.d"]}'
    echo '{"reason": "build-finished", "success": true}' ;;
esac
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filter:
    """A filter, in a workspace whose cargo hands out `output.wasm`."""
    workspace, programs = tmp_path / "filters", tmp_path / "bin"
    for folder in (workspace / "probe" / "src", workspace / "sdk" / "src", programs):
        folder.mkdir(parents=True)
    for name in ("Cargo.toml", "Cargo.lock", "probe/Cargo.toml", "sdk/Cargo.toml", "probe/src/lib.rs"):
        (workspace / name).write_text(name)
    (workspace / "probe" / "filter.yaml").write_text(DESCRIPTION)
    (workspace / "output.wasm").write_bytes(b"module")
    cargo = CARGO.replace("OUTPUT", str(workspace / "output.wasm"))
    for name, text in (("cargo", cargo), ("rustc", "#!/bin/sh\necho rustc 1.0\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(build, "_ENVIRONMENT_SCRIPT", tmp_path / "no-script")
    return read_filter(workspace / "probe")


def output(suite: Filter, module: bytes) -> None:
    (suite.directory.parent / "output.wasm").write_bytes(module)


def test_a_stale_module_is_built_and_described(suite: Filter) -> None:
    (built,), findings = build.build([suite])
    assert (built.name, built.size, built.toolchain, built.rebuilt) == ("probe", 6, "rustc 1.0", True)
    assert findings == []
    assert suite.module() == b"module"
    assert build.stale([suite]) == []


def test_a_module_that_fits_is_left_alone(suite: Filter) -> None:
    build.build([suite])
    output(suite, b"other")
    (built,), findings = build.build([suite])
    assert (built.rebuilt, built.sha256, findings) == (False, suite.sha256, [])
    assert suite.module() == b"module"


def test_a_rebuild_with_other_bytes_of_the_same_source_and_compiler_is_reported(suite: Filter) -> None:
    build.build([suite])
    output(suite, b"other")
    (built,), findings = build.build([suite], rebuild=True)
    assert built.rebuilt
    assert [finding.code for finding in findings] == ["LAT0614"]


def test_a_rebuild_by_another_compiler_may_give_other_bytes(suite: Filter) -> None:
    build.build([suite])
    before = manifest.read(suite)
    assert before is not None
    manifest.write(suite, manifest.Manifest(before.sha256, before.size, before.source, "rustc 0.9", before.target))
    output(suite, b"other")
    assert build.build([suite], rebuild=True)[1] == []


def test_a_module_over_its_budget_is_reported(suite: Filter) -> None:
    output(suite, b"too large")
    _, (finding,) = build.build([suite])
    assert finding.code == "LAT0613"
    assert "has 9 bytes, 8 are its budget" in finding.message


def test_what_cargo_refuses_leaves_the_module_alone(suite: Filter) -> None:
    build.build([suite])
    (suite.directory.parent / "refuse").touch()
    with pytest.raises(MeshError) as raised:
        build.build([suite], rebuild=True)
    (finding,) = raised.value.diagnostics
    assert (finding.code, "expected one of" in finding.message) == ("LAT0612", True)
    assert suite.module() == b"module"


def test_without_a_toolchain_it_is_said_what_to_install(suite: Filter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MeshError) as raised:
        build.build([suite])
    (finding,) = raised.value.diagnostics
    assert finding.code == "LAT0611"
    assert "rustup target add wasm32-unknown-unknown" in finding.hint


def test_the_script_of_a_checkout_decides_the_environment(
    suite: Filter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "rust-env.sh"
    monkeypatch.setattr(build, "_ENVIRONMENT_SCRIPT", script)
    script.write_text("echo export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=--sysroot=/std\n")
    build.build([suite])
    flags = (suite.directory.parent / "FLAGS").read_text().split("\x1f")
    assert flags == ["--sysroot=/std", "--remap-path-prefix=/crates=crates"]
    script.write_text("echo install something >&2; exit 1\n")
    with pytest.raises(MeshError, match="install something"):
        build.build([suite], rebuild=True)


def test_a_filter_without_a_module_is_not_built(suite: Filter) -> None:
    (suite.directory / "filter.yaml").write_text(DESCRIPTION.replace("wasm", "lua"))
    assert build.build([read_filter(suite.directory)], rebuild=True) == ([], [])
