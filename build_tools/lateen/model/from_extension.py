"""WasmPlugin and TrafficExtension."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics.codes import model as codes
from lateen.model.context import Context
from lateen.model.extension import Extension, ExtensionMatch
from lateen.model.fields import Fields
from lateen.model.named_files import read_named_files

SUITE = "lateen"
"""The scheme of the project's own filters, by name: the one extension of Istio's schema."""
SCHEMES = ("oci", "http", "https", "file", SUITE)
"""Where a module may come from."""


def wasm_plugins(body: Fields, _context: Context) -> Iterator[Extension]:
    """The filter of one WasmPlugin, whose Wasm fields stand beside the others."""
    spec = body.section("spec")
    extension = _extension(body, spec, wasm=spec, lua="")
    if not spec.attached():
        yield extension


def traffic_extensions(body: Fields, _context: Context) -> Iterator[Extension]:
    """The filter of one TrafficExtension: Wasm, or inline Lua."""
    spec = body.section("spec")
    wasm, lua = spec.section("wasm"), spec.section("lua")
    code = lua.text("inlineCode")
    if bool(wasm) == bool(lua):
        problem = "a TrafficExtension has exactly one of wasm and lua"
        spec.report(codes.CONTRADICTION if wasm else codes.MISSING, problem=problem)
    if lua and not code.strip():
        lua.report(codes.MISSING, problem="inlineCode is empty")
    extension = _extension(body, spec, wasm=wasm, lua=code)
    if (extension.url or extension.lua) and not spec.attached():
        yield extension


def _extension(body: Fields, spec: Fields, wasm: Fields, lua: str) -> Extension:
    for name in ("imagePullPolicy", "imagePullSecret"):
        wasm.text(name)  # how a module is fetched, which no proxy does here
    phase = spec.text("phase", "UNSPECIFIED").removesuffix("_PHASE")
    kind = wasm.text("type", "HTTP")
    if kind == "NETWORK":
        wasm.report(codes.FIELD_NOT_COMPILED, "type", field="type: NETWORK")
    url = _url(wasm) if wasm else ""
    config = wasm.mapping("pluginConfig")
    return Extension(
        ref=body.ref,
        phase=phase,
        priority=spec.integer("priority"),
        url=url,
        lua=lua,
        sha256=wasm.text("sha256"),
        config=config,
        files=read_named_files(url, config, body.ref.origin.file),
        type="HTTP" if kind == "UNSPECIFIED_PLUGIN_TYPE" else kind,
        fail_strategy=wasm.text("failStrategy"),
        matches=tuple(_match(section) for section in spec.sections("match")),
        selector=spec.selector("selector", "matchLabels"),
        env=_environment(wasm),
        created=body.resource.created,
    )


def _url(wasm: Fields) -> str:
    url = wasm.text("url")
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest, url = "oci", url, f"oci://{url}"
    if scheme not in SCHEMES or not rest:
        wasm.report(codes.INVALID_EXTENSION, "url", problem=f"{url!r} is not a URL of {', '.join(SCHEMES)}")
    elif scheme != SUITE:
        wasm.report(codes.MODULE_NOT_FETCHED, "url", url=url)
    return url


def _match(section: Fields) -> ExtensionMatch:
    mode = section.text("mode", "CLIENT_AND_SERVER")
    ports = tuple(port.integer("number") or 0 for port in section.sections("ports"))
    return ExtensionMatch("CLIENT_AND_SERVER" if mode == "UNDEFINED" else mode, ports)


def _environment(wasm: Fields) -> tuple[tuple[str, str], ...]:
    """Variables with a value of their own; those of the host have none (Istio passes the proxy's environment on)."""
    found: dict[str, str] = {}
    for section in wasm.section("vmConfig").sections("env"):
        name = section.text("name")
        if name in found:
            section.report(codes.DUPLICATE, "name", problem=f"variable {name!r} is given twice")
        if section.text("valueFrom", "INLINE") == "HOST":
            section.report(codes.FIELD_NOT_COMPILED, "valueFrom", field="valueFrom: HOST")
        else:
            found[name] = section.text("value")
    return tuple(sorted(found.items()))
