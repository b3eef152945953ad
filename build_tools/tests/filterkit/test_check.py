"""What `filters check` has against filters: each fault one finding, and Envoy's own verdict at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lateen.cli import main
from lateen.filterkit.catalog import Filter, catalog, noop_module, read_filter
from lateen.filterkit.check.filter import Checked, check
from lateen.filterkit.check.wasm import offered
from lateen.schema.binary import find_envoy, version

NOOP = noop_module()
SCENARIO = """\
name: nothing
hosts: [envoy]
config: %s
request: {headers: [[":method", GET], [":path", /], [":authority", a.example]]}
expect: {}
"""

Make = Callable[..., Filter]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(code, scenario="{}", **description)`: a filter of Lua text or of a module's bytes, with one scenario.

    `scenario` is the configuration in it."""

    def make(code: str | bytes, scenario: str = "{}", **description: object) -> Filter:
        folder = tmp_path / "probe"
        (folder / "scenarios").mkdir(parents=True)
        lua = isinstance(code, str)
        fields = {
            "name": "probe",
            "summary": "A filter of a test.",
            "kind": "lua" if lua else "wasm",
            "phase": "UNSPECIFIED",
            "failure_policy": "FAIL_OPEN",
            "config": {"type": "object"},
        }
        (folder / "filter.yaml").write_text(yaml.safe_dump(fields | description))
        (folder / "scenarios" / "all.yaml").write_text(SCENARIO % scenario)
        if isinstance(code, str):
            (folder / "filter.lua").write_text(code)
        else:
            (folder / "probe.wasm").write_bytes(code)
        return read_filter(folder)

    return make


def checked(suite: Filter) -> Checked:
    envoy = find_envoy()
    return check(suite, envoy, version(envoy))


def found(suite: Filter) -> list[tuple[str, str]]:
    return [(finding.code, finding.message) for finding in checked(suite).findings]


def section(kind: int, content: bytes) -> bytes:
    return bytes([kind, len(content)]) + content


def importing(*functions: tuple[str, str]) -> bytes:
    """A module that imports functions."""
    names = [bytes([len(part)]) + part.encode() for function in functions for part in function]
    imports = b"".join(a + b + b"\x00\x00" for a, b in zip(names[::2], names[1::2], strict=True))
    return NOOP[:8] + section(2, bytes([len(functions)]) + imports) + NOOP[8:]


def test_a_module_without_fault_is_good_in_envoy_too(make: Make) -> None:
    suite = make(NOOP)
    assert checked(suite) == Checked((), 1)


def test_envoy_is_not_asked_for_what_a_scenario_says_is_refused(make: Make) -> None:
    suite = make("if CONFIG.bad then error('never') end\n")
    scenario = "name: bad\nhosts: [inprocess, envoy]\nconfig: {bad: true}\nrefused: never\n"
    with (suite.directory / "scenarios" / "all.yaml").open("a") as file:
        file.write(f"---\n{scenario}")
    assert found(suite) == []


@pytest.mark.parametrize(
    ("module", "code", "said"),
    [
        (b"not wasm", "LAT0622", "is no Wasm module: it does not begin as a Wasm module"),
        (NOOP[:-5], "LAT0622", "it ends in a section"),
        (NOOP.replace(b"version_0_2_1", b"version_9_9_9"), "LAT0623", "the proxy-wasm ABI 9.9.9; Envoy speaks 0.1.0"),
        (NOOP.replace(b"proxy_abi", b"other_abi"), "LAT0623", "does not say which proxy-wasm ABI it follows"),
        (NOOP.replace(b"\x06memory", b"\x06memorx"), "LAT0624", "does not export memory"),
        (NOOP.replace(b"memory_allocate", b"memory_allocatX"), "LAT0624", "proxy_on_memory_allocate or malloc"),
        (NOOP.replace(b"_initialize", b"_initializX"), "LAT0624", "does not export _initialize or _start"),
        (importing(("wbg", "__wbindgen_throw")), "LAT0625", "imports wbg.__wbindgen_throw, which Envoy 1."),
        (importing(("env", "proxy_redis_call")), "LAT0625", "env.proxy_redis_call"),
        (importing(("env", "fd_write")), "LAT0625", "env.fd_write"),
        (importing(("wasi_snapshot_preview1", "proxy_log")), "LAT0625", "wasi_snapshot_preview1.proxy_log"),
        (importing(("env", "proxy_continue_request")), "LAT0625", "env.proxy_continue_request"),
    ],
)
def test_a_fault_of_a_module_is_one_finding(make: Make, module: bytes, code: str, said: str) -> None:
    ((number, message),) = found(make(module))
    assert number == code
    assert said in message


def test_what_envoy_offers_may_be_imported(make: Make) -> None:
    functions = (("env", "proxy_log"), ("wasi_snapshot_preview1", "fd_write"), ("env", "pthread_equal"))
    codes = [code for code, _ in found(make(importing(*functions)))]
    assert codes == ["LAT0690"]  # the test's module is no whole one, as only Envoy sees


def test_what_an_envoy_offers_is_read_off_its_binary(tmp_path: Path) -> None:
    names = offered(find_envoy())
    assert {"proxy_log", "proxy_get_log_level", "proxy_http_call", "fd_write", "random_get"} <= names
    assert len(names) > 60
    other = tmp_path / "envoy"
    other.write_bytes(b"an Envoy that keeps it to itself")
    assert offered(other) == frozenset()


def test_budgets_are_kept(make: Make) -> None:
    suite = make(NOOP, budget={"module_bytes": 100, "memory_bytes": 1000})
    assert found(suite) == [
        ("LAT0613", f"the module of probe has {len(NOOP)} bytes, 100 are its budget"),
        ("LAT0626", "the module of probe begins with 65536 bytes of memory, 1000 are its budget"),
    ]


def test_a_module_that_is_not_there_is_said_not_to_be(make: Make) -> None:
    suite = make(NOOP)
    (suite.directory / "probe.wasm").unlink()
    assert [code for code, _ in found(suite)] == ["LAT0606"]


DENY = """\
function envoy_on_request(handle)
  local ok, name = pcall(function() return handle:headers():get("x-name") end)
  if not ok or name ~= CONFIG.name then handle:respond({[":status"] = "403"}, "no") end
end
"""


def test_lua_without_fault_is_good_in_envoy_too(make: Make) -> None:
    assert checked(make(DENY, "{name: me}", phase="AUTHZ")) == Checked((), 1)


def test_lua_that_does_not_compile_has_its_line(make: Make) -> None:
    (finding,) = checked(make("local a = 1\nfunction envoy_on_request(handle\n  return\nend\n")).findings
    assert (finding.code, finding.origin.line) == ("LAT0627", 3)
    assert finding.message == "')' expected near 'return'"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('local file = io.open("/etc/passwd")', "io"),
        ('os.execute("id")', "os"),
        ('local ffi = require("ffi")', "require"),
        ("local f = loadstring(handle:headers():get('x'))", "loadstring"),
        ("load(text)()", "load"),
        ('loadfile("/tmp/x")', "loadfile"),
        ('dofile("/tmp/x")', "dofile"),
        ("debug.sethook()", "debug"),
        ('_G["o" .. "s"].exit()', "_G"),
        ("getfenv(0).os.exit()", "getfenv"),
        ("local escaped = (function() return function() return os end end)()", "os"),
        ("os = nil", "os"),
    ],
)
def test_lua_that_reaches_beyond_its_request_is_found_at_its_line(make: Make, line: str, name: str) -> None:
    suite = make(f"function envoy_on_request(handle)\n  {line}\nend\n")
    (finding,) = checked(suite).findings
    assert (finding.code, finding.origin.line) == ("LAT0628", 2)
    assert finding.message.startswith(f"{name} is used: ")


def test_names_that_only_look_forbidden_are_not(make: Make) -> None:
    text = 'local io = {os = 1, ["debug"] = 2}\n-- os.exit()\nlocal t = "require(os)" .. io.os\n'
    assert found(make(text + "function envoy_on_request(handle) handle:logInfo(t) end\n")) == []


@pytest.mark.parametrize(
    ("phase", "text", "said"),
    [
        ("AUTHN", "function envoy_on_request(h) h:headers() end", "catches no error"),
        ("AUTHZ", "function envoy_on_request(h) h:headers() end", "catches no error"),
        (
            "AUTHZ",
            "function envoy_on_request(h) pcall(print) h:headers() end",
            "lets its error escape when every call to Envoy fails",
        ),
        (
            "AUTHZ",
            "function envoy_on_request(h) pcall(function() h:headers() end) end",
            "lets the request pass when every call to Envoy fails",
        ),
        (
            "AUTHZ",
            "function envoy_on_request(h) pcall(print) while true do end end",
            "lets its error escape when every call to Envoy fails",
        ),
        (
            "AUTHZ",
            "function envoy_on_request(h) while true do pcall(function() while true do end end) end end",
            "lets its error escape when every call to Envoy fails",
        ),
    ],
)
def test_a_policy_in_lua_must_not_fail_open(make: Make, phase: str, text: str, said: str) -> None:
    ((code, message),) = found(make(text, phase=phase))
    assert code == "LAT0629"
    assert message.startswith(f"a filter of phase {phase} {said}")


def test_what_enforces_nothing_may_let_requests_pass(make: Make) -> None:
    text = "function envoy_on_request(h) pcall(function() h:headers() end) end"
    assert found(make(text, "{mode: shadow}", phase="AUTHZ")) == []


def test_what_envoy_refuses_is_told_in_its_words(make: Make) -> None:
    (finding,) = checked(make('error("I want a " .. CONFIG.color .. " one")', "{color: blue}")).findings
    assert finding.code == "LAT0690"
    assert finding.message.startswith("Envoy 1.")
    assert "I want a blue one" in finding.message


def test_what_a_module_says_of_its_configuration_is_told(make: Make) -> None:
    """A schema that is laxer than the module's own check."""
    suite = catalog()["peer_metadata"]
    lax = make(suite.module(), "{role: porter}", name="probe")
    (finding,) = checked(lax).findings
    assert finding.code == "LAT0690"
    assert "; role: one of sidecar, gateway is expected" in finding.message


def test_a_configuration_that_is_to_be_refused_is_not_given_to_envoy(make: Make) -> None:
    suite = make(DENY, "{name: me}", phase="AUTHZ")
    refused = "name: wrong\nhosts: [envoy]\nconfig: [1]\nrefused: it must be an object\n"
    (suite.directory / "scenarios" / "refused.yaml").write_text(refused)
    assert checked(suite) == Checked((), 1)


def test_a_schema_that_is_none_is_found(make: Make) -> None:
    assert [code for code, _ in found(make(NOOP, config={"type": "objekt"}))] == ["LAT0691"]


def test_the_command_tells_what_is_good(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    suite = make(NOOP)
    assert main(["filters", "check", str(suite.directory)]) == 0
    assert capsys.readouterr().out.startswith("probe: good with 1 configuration (Envoy 1.")
    assert main(["filters", "check", str(suite.directory), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["filters"] == [{"name": "probe", "ok": True, "configurations": 1}]


def test_a_given_configuration_takes_the_place_of_the_scenarios(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = make(DENY)
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    path = suite.directory / "filter.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"config": schema}))
    config = tmp_path / "config.yaml"
    config.write_text("name: 7\n")
    assert main(["filters", "check", str(suite.directory), "--config", str(config)]) == 1
    assert f'{config}:1:7: LAT0692 error: name: 7 is not of type "string"' in capsys.readouterr().out
    config.write_text("name: me\n")
    assert main(["filters", "check", str(suite.directory), "--config", str(config)]) == 0
    config.write_text("name: [\n")
    assert main(["filters", "check", str(suite.directory), "--config", str(config)]) == 1
    (suite.directory / "scenarios" / "all.yaml").unlink()
    capsys.readouterr()
    assert main(["filters", "check", str(suite.directory)]) == 1
    assert "LAT0693" in capsys.readouterr().out


def test_no_variable_of_the_target_machine_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "rules:\n"
        "- {name: a, path: {prefix: /a}, standard_webhooks: {keys: [{id: k, secret: {env: NOT_SET_HERE}}]}}\n"
        "- {name: b, path: {prefix: /b}, github: {keys: [{id: k, secret: {env: NEITHER}}]}}\n"
    )
    assert main(["filters", "check", "hmac_auth", "--config", str(config)]) == 0
    capsys.readouterr()
    edge = Path(__file__).resolve().parents[3] / "envoy_configs/recipes/existing-edge/envoy.yaml"
    assert main(["patch", str(edge), "--filter", f"hmac_auth={config}"]) == 0
    assert "host_env_keys: - NEITHER - NOT_SET_HERE" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("key", ["secret: {inline: KEY, more: 1}", "secret: KEY", "KEY: 1"])
def test_no_line_with_a_key_is_shown(key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"rules:\n- name: a\n  github:\n    keys:\n    - {{id: k, {key.replace('KEY', 'a-short-key')}}}\n"
    )
    envoy = tmp_path / "envoy.yaml"
    envoy.write_text("static_resources: {}\n")
    mesh = tmp_path / "mesh.yaml"
    rules = config.read_text().replace("\n", "\n      ")
    mesh.write_text(
        "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {name: a}\n"
        f"spec:\n  wasm:\n    url: lateen://hmac_auth\n    pluginConfig:\n      {rules}\n"
    )
    for command in (
        ("filters", "check", "hmac_auth", "--config", str(config)),
        ("filters", "export", "hmac_auth", "--as", "envoy", "--config", str(config)),
        ("patch", str(envoy), "--filter", f"hmac_auth={config}", "--no-envoy"),
        ("analyze", str(mesh)),
    ):
        assert main(command) == 1
        printed = capsys.readouterr()
        assert ":5:" in printed.out + printed.err or ":12:" in printed.out
        assert "a-short-key" not in (printed.out + printed.err).replace("('a-short-key' was unexpected)", "")
