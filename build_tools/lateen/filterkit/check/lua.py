"""What can be said of Lua before it runs in a proxy: LuaJIT compiles it, and shows which globals the code uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from importlib.util import find_spec
from typing import Any

from lateen.diagnostics import Diagnostic, MeshError, Origin
from lateen.diagnostics.codes import workbench
from lateen.diagnostics.codes.filter_hosts import NO_HOST
from lateen.filterkit.catalog import Filter
from lateen.filterkit.lua_literal import lua_literal

POLICY = ("AUTHN", "AUTHZ")
"""Phases whose filters decide who may pass."""

_FORBIDDEN = {
    **dict.fromkeys(("io", "os", "package"), "it reaches files, commands and the environment of the proxy"),
    **dict.fromkeys(("debug", "jit", "ffi"), "it reaches the memory of the proxy"),
    **dict.fromkeys(("require", "module"), "what it loads depends on the machine"),
    **dict.fromkeys(
        ("load", "loadstring", "loadfile", "dofile"), "it runs text as code, which may come from a request"
    ),
    **dict.fromkeys(("_G", "getfenv", "setfenv"), "it reaches every global by a name that nobody can check"),
    **dict.fromkeys(("collectgarbage", "newproxy"), "it changes the virtual machine that all requests share"),
}
_ERROR = re.compile(r"^filter\.lua:(\d+): ")


def check_lua(suite: Filter, config: Any) -> Iterator[Diagnostic]:
    """What speaks against the source of a filter. `config` is one with which it enforces its policy, or None.

    Raises MeshError (LAT0615) where lupa is not installed, OSError if the source cannot be read.
    """
    path = suite.directory / "filter.lua"
    found = _inspector()(path.read_text(encoding="utf-8", errors="replace"))
    if isinstance(found, str):
        line = _ERROR.match(found)
        origin = Origin(str(path), int(line[1]) if line else 0)
        yield workbench.LUA_SYNTAX.at(origin, problem=_ERROR.sub("", found))
        return
    uses = sorted({tuple(use.values()) for use in found["uses"].values()}, key=lambda use: (use[1], use[0]))
    for name, line in uses:
        if name in _FORBIDDEN:
            yield workbench.LUA_FORBIDDEN.at(Origin(str(path), line), what=name, reason=_FORBIDDEN[name])
    if suite.phase in POLICY and (problem := _how_it_fails(suite, found, {name for name, _ in uses}, config)):
        yield workbench.LUA_FAILS_OPEN.at(Origin(str(path)), phase=suite.phase, problem=problem)


def _how_it_fails(suite: Filter, found: Any, used: set[str], config: Any) -> str:
    """What is wrong with how a policy fails: no error may escape, and one that authorizes then refuses the request."""
    if used.isdisjoint(("pcall", "xpcall")):
        return "catches no error: nothing is called by pcall"
    if suite.phase != "AUTHZ" or config is None:
        return ""
    outcome = found["fails"](f"local CONFIG = {lua_literal(config)}\n")
    return f"{outcome} when every call to Envoy fails" if outcome else ""


def _inspector() -> Any:
    """The function of `inspect.lua`, in a LuaJIT of its own."""
    if find_spec("lupa") is None:
        raise MeshError((NO_HOST.at(Origin(), kind="Lua", missing="lupa", hint=NO_HOST.fix),))
    from lupa import luajit21  # noqa: PLC0415

    engine = luajit21.LuaRuntime(register_eval=False, register_builtins=False)
    return engine.execute(resources.files("lateen.filterkit").joinpath("data", "inspect.lua").read_text())
