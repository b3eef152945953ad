"""`lateen filters`: for people and programs, and what it says when something is wrong."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from lateen.cli import main
from lateen.filterkit import catalog as catalogue

SCENARIO = """\
name: nothing happens
hosts: [inprocess, envoy]
request: {headers: [[":method", GET], [":path", /], [":authority", a.example]]}
expect: {request_headers: {":path": %s}}
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the one filter of a suite."""
    folder = tmp_path / "filters" / "probe"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "filter.yaml").write_text(
        "{name: probe, summary: Looks., kind: lua, phase: AUTHN, failure_policy: FAIL_OPEN, config: {type: object}}"
    )
    (folder / "filter.lua").write_text("")
    monkeypatch.setattr(catalogue, "FOLDERS", (folder.parent,))
    monkeypatch.setattr(catalogue, "catalog", catalogue.catalog.__wrapped__)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return folder


def test_list_names_every_filter(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filters", "list"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["NAME", "KIND", "PHASE", "BYTES", "SHA256", "SUMMARY"],
        ["probe", "lua", "AUTHN", "-", "-", "Looks."],
    ]


def test_list_for_programs_tells_size_and_digest(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite / "probe.wasm").write_bytes(catalogue.noop_module())
    assert main(["filters", "list", "-o", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["filters"]
    assert row["size"] == len(catalogue.noop_module())
    assert len(row["sha256"]) == 64


def test_test_counts_what_passed(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite / "scenarios" / "a.yaml").write_text(SCENARIO % "/")
    assert main(["filters", "test", "probe"]) == 0
    out = capsys.readouterr().out
    assert re.match(r"probe: in process: 1 passed in [\d.]+ s; Envoy 1\.\S+: 1 passed in [\d.]+ s\n$", out)


def test_a_failure_is_exit_1_and_stands_at_its_line(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite / "scenarios" / "a.yaml").write_text(SCENARIO % "/other")
    assert main(["filters", "test"]) == 1
    out = capsys.readouterr().out
    place = "filters/probe/scenarios/a.yaml:4:37: LAT0605 error"
    assert f"{place}: nothing happens: request header :path: expected '/other', the upstream saw '/'" in out


def test_a_program_gets_outcomes_and_findings(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite / "scenarios" / "a.yaml").write_text(SCENARIO % "/other")
    assert main(["filters", "test", "-o", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [f["code"] for f in answer["findings"]] == ["LAT0605", "LAT0605"]
    here, there = answer["filters"][0]["scenarios"]
    assert (here["host"], there["host"]) == ("inprocess", "envoy")
    assert here == {
        "name": "nothing happens",
        "host": "inprocess",
        "state": "failed",
        "file": "filters/probe/scenarios/a.yaml",
        "line": 1,
    }


def test_check_names_the_modules_that_do_not_fit(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filters", "build", "--check"]) == 0
    assert capsys.readouterr().out == "every module fits its source\n"
    description = suite / "filter.yaml"
    description.write_text(description.read_text().replace("kind: lua", "kind: wasm"))
    assert main(["filters", "build", "--check"]) == 1
    assert "LAT0610 error: the module of probe does not fit its source" in capsys.readouterr().out


def test_a_filter_without_a_module_has_nothing_to_build(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filters", "build", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["modules"] == []


@pytest.mark.parametrize(
    ("verb", "name", "kind", "lacks"),
    [
        ("fuzz", "quota", "native", "code of its own"),
        ("build", "quota", "native", "module"),
        ("build", "tenant_context", "lua", "module"),
        ("build --check", "tenant_context", "lua", "module"),
    ],
)
def test_a_verb_says_of_which_filter_it_does_nothing(
    verb: str, name: str, kind: str, lacks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAT0650; nothing has failed."""
    assert main(["filters", *verb.split(), name]) == 0
    problem = f"{name} has nothing to {verb.split(maxsplit=1)[0]}: a filter of kind {kind} has no {lacks}"
    assert capsys.readouterr().out.startswith(f"lateen: LAT0650 info: {problem}\n")


@pytest.mark.parametrize("verb", ["fuzz --inputs 1", "build --check"])
def test_of_filters_that_were_not_named_nothing_is_said(
    verb: str, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    description = (suite / "filter.yaml").read_text()
    (suite / "filter.yaml").write_text(
        description.replace("kind: lua", "kind: native, emitter: lateen.filterkit.native.quota")
    )
    assert main(["filters", *verb.split(), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


@pytest.mark.parametrize(
    "verb", ["check", "test", "fuzz", "capabilities", "export --as envoy", "package", "push host/a:1", "serve"]
)
def test_a_filter_that_is_not_built_is_told_with_the_way_to_build_it(
    verb: str, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAT0606."""
    own = suite.rename("probe")
    (own / "scenarios" / "a.yaml").write_text(SCENARIO % "/")
    description = (own / "filter.yaml").read_text()
    (own / "filter.yaml").write_text(description.replace("kind: lua", "kind: wasm").replace("OPEN", "CLOSED"))
    name, *options = verb.split()
    assert main(["filters", name, "probe", *options]) == 1
    told = "".join(capsys.readouterr())
    fault = f"{own.resolve()}: LAT0606 error: the module of probe has not been built"
    assert f"{fault}\n  hint: lateen filters build {own.resolve()}\n" in told


def test_a_host_that_is_not_installed_is_named(
    suite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAT0615."""
    (suite / "scenarios" / "a.yaml").write_text(SCENARIO % "/")
    monkeypatch.delitem(sys.modules, "lateen.filterkit.host.lua_filter", raising=False)
    monkeypatch.setitem(sys.modules, "lupa.luajit21", None)
    for verb in ("test", "fuzz"):
        assert main(["filters", verb, "probe"]) == 2
        told = "".join(capsys.readouterr())
        assert "LAT0615 error: Lua filters cannot run in this process: lupa is not installed" in told
        assert "hint: pip install 'lateen[filters]'" in told


def test_a_run_of_the_fuzzer_says_its_seed(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite / "scenarios" / "a.yaml").write_text(SCENARIO % "/")
    assert main(["filters", "fuzz", "probe", "--inputs", "50", "--seed", "7", "--jobs", "1"]) == 0
    assert re.match(r"probe: 50 inputs, 0 failures \(\d+/s, seed 7\)\n$", capsys.readouterr().out)


@pytest.mark.parametrize(
    "command",
    [
        ("fuzz", "tenant_context", "--inputs", "0"),
        ("fuzz", "tenant_context", "--jobs", "-1"),
        ("bench", "tenant_context", "--rounds", "x"),
        ("pull", "registry.example/a:1", "--max-bytes", "0"),
    ],
)
def test_a_number_of_things_is_one_at_least(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["filters", *command])
    assert ended.value.code == 2
    assert f"{command[-1]!r} is not a number from 1 on" in capsys.readouterr().err


def test_what_the_fuzzer_finds_is_exit_1_with_the_way_to_repeat_it(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAT0618."""
    (suite / "scenarios" / "a.yaml").write_text(SCENARIO % "/")
    (suite / "filter.lua").write_text("function envoy_on_request(handle) error('oops') end")
    assert main(["filters", "fuzz", "probe", "--inputs", "1", "--seed", "7"]) == 1
    out = capsys.readouterr().out
    assert "LAT0618 error: probe fails on input 0 of seed 7: [error] script log:" in out
    assert "hint: lateen filters fuzz probe --seed 7 --from 0 --inputs 1" in out


def test_what_the_fuzzer_finds_outlasts_a_filter_that_cannot_be_fuzzed(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAT0618 beside LAT0619."""
    shutil.copytree(suite, "bare/probe")
    (suite / "scenarios" / "a.yaml").write_text(SCENARIO % "/")
    (suite / "filter.lua").write_text("function envoy_on_request(handle) error('oops') end")
    assert main(["filters", "fuzz", str(suite), "bare/probe", "--inputs", "1", "-o", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert sorted(finding["code"] for finding in answer["findings"]) == ["LAT0618", "LAT0619"]
    assert [result["inputs"] for result in answer["filters"]] == [1]


def test_an_unknown_filter_is_named_with_a_likely_one(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LAT0601."""
    assert main(["filters", "test", "porbe"]) == 2
    assert "LAT0601 error: no filter is named 'porbe'\n  hint: did you mean \"probe\"?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("kind: lua", "kind: luau"), [':1:38: LAT0602 error: "luau" is not one of']),
        (("AUTHN", "AUTHN, faze: x"), [":1:1: LAT0602 error: Additional properties are not allowed ('faze'"]),
        (
            ("{name: probe, summary: Looks., ", "{"),
            [':1:1: LAT0602 error: "name" is', ':1:1: LAT0602 error: "summary" is'],
        ),
        (("name: probe", "name: other"), [":1:8: LAT0602 error: name: 'other' stands in the folder 'probe'"]),
        (("{name", "[name"), [":1:106: LAT0003 error: "]),
        (("{name", "{}\n---\n{name"), [": LAT0602 error: it must be one document"]),
        (("Looks.", "\udcff"), [":1:24: LAT0002 error: byte 0xff is not valid UTF-8"]),
        (("Looks.", "2001-01-01"), [":1:1: LAT0602 error: Unsupported type: 'date'"]),
        (("Looks.", "2001-99-99"), [":1:1: LAT0602 error: month must be in 1..12"]),
        (("AUTHN", "AUTHN, 1: x"), [":1:1: LAT0602 error: Additional properties are not allowed ('1'"]),
        (("AUTHN", f"AUTHN, x: {'[' * 3000}{']' * 3000}"), [":1:259: LAT0008 error: more than 200 levels of nesting"]),
        (("Looks.", "!!bool maybe"), [":1:24: LAT0006 error: not a valid !!bool"]),
    ],
)
def test_a_broken_description_is_a_finding_for_each_fault(
    change: tuple[str, str], found: list[str], suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    description = (suite / "filter.yaml").read_text()
    (suite / "filter.yaml").write_text(description.replace(*change), errors="surrogateescape")
    assert main(["filters", "list"]) == 1
    printed = capsys.readouterr().err
    assert printed.count(" error: ") == len(found)
    assert [start for start in found if f"{suite}/filter.yaml{start}" not in printed] == []


def test_a_broken_description_is_found_in_a_folder_of_any_name(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = suite.rename(suite.parent / "a: b")
    assert main(["filters", "fuzz", str(own)]) == 1
    problem = "name: 'probe' stands in the folder 'a: b'"
    assert f"{own}/filter.yaml:1:8: LAT0602 error: {problem}\n" in capsys.readouterr().err


def test_modules_without_their_source_cannot_be_built(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LAT0611; so it is where a wheel is installed."""
    description = suite / "filter.yaml"
    description.write_text(description.read_text().replace("kind: lua", "kind: wasm"))
    (suite / "probe.wasm").write_bytes(catalogue.noop_module())
    fields = {"sha256": "", "size": 0, "source": "", "toolchain": "", "target": ""}
    (suite / "module.json").write_text(json.dumps({"version": 1, **fields}))
    for option in ("--check", "--rebuild"):
        assert main(["filters", "build", option]) == 2
        assert "LAT0611 error: filters cannot be built here: this installation has" in capsys.readouterr().err


def test_capabilities_are_what_a_module_calls_and_is_called_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = tmp_path / "noop.wasm"
    module.write_bytes(catalogue.noop_module())
    names = ["proxy_on_configure", "proxy_on_context_create", "proxy_on_vm_start"]
    assert main(["filters", "capabilities", str(module)]) == 0
    assert capsys.readouterr().out.splitlines() == names
    assert main(["filters", "capabilities", str(module), "-o", "json"]) == 0
    restriction = json.loads(capsys.readouterr().out)["capability_restriction_config"]
    assert restriction == {"allowed_capabilities": {name: {} for name in names}}
    assert main(["filters", "capabilities", "peer_metadata"]) == 0
    assert "proxy_set_property" in capsys.readouterr().out.split()


def test_a_broken_module_and_lua_have_no_capabilities(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.wasm").write_bytes(b"text")
    assert main(["filters", "capabilities", str(tmp_path / "broken.wasm")]) == 1
    assert "broken.wasm: LAT0622" in capsys.readouterr().err
    assert main(["filters", "capabilities", "probe"]) == 2
    assert "LAT0694" in capsys.readouterr().err
    assert main(["filters", "capabilities", str(tmp_path / "none.wasm")]) == 2
    assert "No such file" in capsys.readouterr().err
