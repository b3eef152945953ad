"""WasmPlugin and TrafficExtension."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lateen.diagnostics.codes import model as codes
from lateen.model.context import Context
from lateen.model.extension import SUITE, Extension, ExtensionMatch, TargetRef
from lateen.model.fields import Fields
from lateen.model.named_files import read_named_files
from lateen.modules import Unavailable

SCHEMES = ("oci", "http", "https", "file", SUITE)
"""Where a module may come from."""
TARGETS = {
    ("", "Service"),
    ("networking.istio.io", "ServiceEntry"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("networking.istio.io", "Gateway"),
}
"""What a target may be: (group, kind)."""


def wasm_plugins(body: Fields, context: Context) -> Iterator[Extension]:
    """The filter of one WasmPlugin, whose Wasm fields stand beside the others."""
    spec = body.section("spec")
    yield _wasm(_extension(body, spec), spec, context)


def traffic_extensions(body: Fields, context: Context) -> Iterator[Extension]:
    """The filter of one TrafficExtension: Wasm, or inline Lua."""
    spec = body.section("spec")
    wasm, lua = spec.section("wasm"), spec.section("lua")
    code = lua.text("inlineCode")
    if bool(wasm) == bool(lua):
        problem = "a TrafficExtension has exactly one of wasm and lua"
        spec.report(codes.CONTRADICTION if wasm else codes.MISSING, problem=problem)
    if lua and not code.strip():
        lua.report(codes.MISSING, problem="inlineCode is empty")
    extension = replace(_extension(body, spec), lua=code)
    if wasm:
        extension = _wasm(extension, wasm, context)
    if extension.url or extension.lua:
        yield extension


def _extension(body: Fields, spec: Fields) -> Extension:
    return Extension(
        ref=body.ref,
        phase=spec.text("phase", "UNSPECIFIED").removesuffix("_PHASE"),
        priority=spec.integer("priority"),
        matches=tuple(_match(section) for section in spec.sections("match")),
        selector=spec.selector("selector", "matchLabels"),
        targets=tuple(_targets(spec)),
        created=body.resource.created,
    )


def _wasm(extension: Extension, wasm: Fields, context: Context) -> Extension:
    url, sha256 = _url(wasm), wasm.text("sha256")
    kind = wasm.text("type", "HTTP")
    env, host_env = _environment(wasm)
    config = wasm.mapping("pluginConfig")
    extension = replace(
        extension,
        url=url,
        sha256=sha256,
        config=config,
        files=read_named_files(url, config, extension.ref.origin.file),
        plugin_name=wasm.text("pluginName"),
        type="HTTP" if kind == "UNSPECIFIED_PLUGIN_TYPE" else kind,
        fail_strategy=wasm.text("failStrategy"),
        env=env,
        host_env=host_env,
        always_pull=_always(wasm, url),
        pull_secret=_pull_secret(wasm, url),
        verification_key=wasm.text("verificationKey") if url.startswith("oci://") else "",
    )
    if extension.suite_name:
        _without_effect(extension, wasm)
    if extension.suite_name or not url:
        return extension
    found = context.modules.find(url, sha256, extension.verification_key)
    if isinstance(found, Unavailable):
        return replace(extension, unavailable=found.code.at(wasm.origin(found.field), hint=found.hint, **found.args))
    return replace(extension, module=found)


def _without_effect(extension: Extension, wasm: Fields) -> None:
    """Report what a filter of the suite does not heed: it comes with lateen, on HTTP, and Lua has no VM to set up."""
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    if extension.type == "NETWORK":
        wasm.report(codes.FIELD_NOT_COMPILED, "type", field="type: NETWORK of an HTTP filter of the suite")
    if extension.sha256:
        wasm.report(codes.FIELD_NOT_COMPILED, "sha256", field="sha256 of a filter of the suite")
    found = catalog().get(extension.suite_name)
    for name in ("failStrategy", "pluginName", "vmConfig"):
        if found and found.kind != "wasm" and name in wasm:
            wasm.report(codes.FIELD_NOT_COMPILED, name, field=f"{name} of a filter that is no Wasm module")


def _url(wasm: Fields) -> str:
    url = wasm.text("url")
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest, url = "oci", url, f"oci://{url}"
    if scheme not in SCHEMES or not rest:
        wasm.report(codes.INVALID_EXTENSION, "url", problem=f"{url!r} is not a URL of {', '.join(SCHEMES)}")
        return ""
    if "@" in rest.partition("/")[0] and scheme != "file":
        wasm.report(codes.CREDENTIALS_IN_URL, "url", hint=codes.CREDENTIALS_IN_URL.fix)
        return ""
    return url


def _always(wasm: Fields, url: str) -> bool:
    """Whether each fetch asks anew. Without a policy the tag `latest` does, if it is spelled out, as in Istio."""
    policy = wasm.text("imagePullPolicy")
    if policy == "Always" and url.startswith((f"{SUITE}://", "file://")):
        wasm.report(codes.FIELD_NOT_COMPILED, "imagePullPolicy", field="imagePullPolicy of what is not pulled")
    return policy == "Always" or (policy in ("", "UNSPECIFIED_POLICY") and url.endswith(":latest"))


def _pull_secret(wasm: Fields, url: str) -> str:
    """The Secret's name; another namespace in it does not count, as in Istio: it is the extension's own."""
    name = wasm.text("imagePullSecret").rpartition("/")[2]
    if name and not url.startswith("oci://"):
        wasm.report(codes.FIELD_NOT_COMPILED, "imagePullSecret", field="imagePullSecret of what is no OCI image")
        return ""
    return name


def _targets(spec: Fields) -> Iterator[TargetRef]:
    single = spec.section("targetRef")
    for section in (*spec.sections("targetRefs"), *([single] if single else ())):
        group, kind = section.text("group"), section.text("kind")
        group = "" if group == "core" else group
        section.ignore("namespace")  # empty, as the schema demands
        if (group, kind) not in TARGETS:
            allowed = ", ".join(sorted(f"{g or 'core'}/{k}" for g, k in TARGETS))
            problem = f"{group or 'core'}/{kind} is no target; targets are {allowed}"
            section.report(codes.INVALID_EXTENSION, "kind", problem=problem)
        yield TargetRef(group, kind, section.text("name"), section.path)


def _match(section: Fields) -> ExtensionMatch:
    mode = section.text("mode", "CLIENT_AND_SERVER")
    ports = tuple(port.integer("number") or 0 for port in section.sections("ports"))
    return ExtensionMatch("CLIENT_AND_SERVER" if mode == "UNDEFINED" else mode, ports)


def _environment(wasm: Fields) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Variables with a value of their own, and the names of those that Envoy has from its host."""
    own: dict[str, str] = {}
    host: list[str] = []
    for section in wasm.section("vmConfig").sections("env"):
        name, value = section.text("name"), section.text("value")
        if name in own or name in host:
            section.report(codes.DUPLICATE, "name", problem=f"variable {name!r} is given twice")
        elif section.text("valueFrom", "INLINE") == "HOST":
            host.append(name)
        else:
            own[name] = value
    return tuple(sorted(own.items())), tuple(sorted(host))
