"""What `build` does with what cargo gives. The real cargo is asked in the integration tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.diagnostics import MeshError
from lateen.filterkit import build, manifest, toolchain
from lateen.filterkit.catalog import Filter, noop_module, read_filter

MODULE = noop_module()
CUSTOM = b"\x00\x05\x04name"
"""A custom section, empty but for its own name."""

OTHER = MODULE + b"\x0b\x01\x00"
"""Another module: it has an empty data section."""

DESCRIPTION = """\
name: probe
summary: A filter of a test.
kind: wasm
phase: UNSPECIFIED
failure_policy: FAIL_RELOAD
config: {type: object}
budget: {module_bytes: 300}
"""

CARGO = """\
#!/bin/sh
case "$1" in
  metadata) echo '{"packages": [{"manifest_path": "/crates/serde-1/Cargo.toml"}], "target_directory": "PLACE"}' ;;
  build)
    printf '%s\n' "$CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS" "$RUSTFLAGS" "$@" > FLAGS
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
        (workspace / name).write_text(f"# {name}")
    (workspace / "probe" / "filter.yaml").write_text(DESCRIPTION)
    (workspace / "output.wasm").write_bytes(MODULE + CUSTOM)
    cargo = CARGO.replace("OUTPUT", str(workspace / "output.wasm")).replace("PLACE", str(tmp_path / "target"))
    for name, text in (("cargo", cargo), ("rustc", "#!/bin/sh\necho rustc 1.0\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(toolchain, "environment", dict)
    return read_filter(workspace / "probe")


def output(suite: Filter, module: bytes) -> None:
    (suite.directory.parent / "output.wasm").write_bytes(module)


def test_a_stale_module_is_built_and_described(suite: Filter) -> None:
    (built,), findings = build.build([suite])
    assert (built.name, built.size, built.toolchain, built.rebuilt) == ("probe", len(MODULE), "rustc 1.0", True)
    assert findings == []
    assert suite.module() == MODULE
    assert build.stale([suite]) == []


def test_a_module_that_fits_is_left_alone(suite: Filter) -> None:
    build.build([suite])
    output(suite, OTHER)
    (built,), findings = build.build([suite])
    assert (built.rebuilt, built.sha256, findings) == (False, suite.sha256, [])
    assert suite.module() == MODULE


def test_a_rebuild_with_other_bytes_of_the_same_source_and_compiler_is_reported(suite: Filter) -> None:
    build.build([suite])
    output(suite, OTHER)
    (built,), findings = build.build([suite], rebuild=True)
    assert built.rebuilt
    assert [finding.code for finding in findings] == ["LAT0614"]


def test_a_rebuild_by_another_compiler_may_give_other_bytes(suite: Filter) -> None:
    build.build([suite])
    before = manifest.read(suite)
    assert before is not None
    manifest.write(suite, manifest.Manifest(before.sha256, before.size, before.source, "rustc 0.9", before.target))
    output(suite, OTHER)
    assert build.build([suite], rebuild=True)[1] == []


def test_a_module_over_its_budget_is_reported(suite: Filter) -> None:
    output(suite, MODULE + b"\x0b\x7f" + bytes(127))
    _, (finding,) = build.build([suite])
    assert finding.code == "LAT0613"
    assert f"has {len(MODULE) + 129} bytes, 300 are its budget" in finding.message


def test_what_cargo_refuses_leaves_the_module_alone(suite: Filter) -> None:
    build.build([suite])
    (suite.directory.parent / "refuse").touch()
    with pytest.raises(MeshError) as raised:
        build.build([suite], rebuild=True)
    (finding,) = raised.value.diagnostics
    assert (finding.code, "expected one of" in finding.message) == ("LAT0612", True)
    assert suite.module() == MODULE


def test_the_debug_module_is_the_same_one_with_its_names(suite: Filter, tmp_path: Path) -> None:
    (built,), _ = build.build([suite])
    assert built.debug == str(tmp_path / "target" / "probe.debug.wasm")
    assert Path(built.debug).read_bytes() == MODULE + CUSTOM
    (built,), _ = build.build([suite], rebuild=True, debug=tmp_path / "names")
    assert (tmp_path / "names" / "probe.debug.wasm").read_bytes() == MODULE + CUSTOM


def test_the_toolchain_decides_flags_and_paths_of_the_machine_are_remapped(
    suite: Filter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "environment", lambda: {toolchain.FLAGS: "--sysroot=/std"})
    monkeypatch.setenv("RUSTFLAGS", "--of-the-caller")
    build.build([suite])
    given, callers, *arguments = (suite.directory.parent / "FLAGS").read_text().splitlines()
    assert (given, callers) == ("--sysroot=/std", "")
    place = arguments.index("--config") + 1
    assert arguments[place] == 'target.wasm32-unknown-unknown.rustflags=["--remap-path-prefix=/crates=crates"]'


def test_a_filter_with_a_workspace_of_its_own_is_built_there(suite: Filter) -> None:
    (suite.directory / "Cargo.toml").write_text("[workspace]")
    (suite.directory / "Cargo.lock").touch()
    (suite.directory / "sdk").mkdir()
    (suite.directory / "sdk" / "Cargo.toml").touch()
    build.build([suite])
    assert (suite.directory / "FLAGS").exists()
    assert not (suite.directory.parent / "FLAGS").exists()
    assert build.stale([suite]) == []


def test_a_filter_without_a_module_is_not_built(suite: Filter) -> None:
    (suite.directory / "filter.yaml").write_text(DESCRIPTION.replace("wasm", "lua"))
    assert build.build([read_filter(suite.directory)], rebuild=True) == ([], [])
