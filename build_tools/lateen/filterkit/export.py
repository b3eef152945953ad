"""A filter as a resource of what runs it: Envoy itself, Istio, Envoy Gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from lateen.diagnostics import MeshError, Origin, Severity
from lateen.diagnostics.codes import workbench as codes
from lateen.filterkit.catalog import Filter, catalog, schema
from lateen.filterkit.configured import Configured
from lateen.filterkit.oci import reference
from lateen.model.proxy import Proxy
from lateen.schema import Schema
from lateen.xds.filters.wasm import suite_extension

Config = dict[str, Any]

_HTTP_FILTER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the target finds what it needs.

    `image` is where the module is: an OCI reference, or a URL; `sha256` its digest (of the manifest for OCI, of the
    file for a URL). `module` is the file on Envoy's machine, if not where lateen puts it. `target` (KIND, NAME) is what
    an EnvoyExtensionPolicy is attached to, if not the Gateway `eg`.
    """

    image: str = ""
    sha256: str = ""
    module: str = ""
    target: tuple[str, str] | None = None


def export(suite: Filter, target: str, config: Configured, place: Place) -> Config:
    """The filter with a configuration that it accepts, as the target's resource, valid by its schema.

    `target` is a key of `TARGETS`. Raises MeshError if the target has no form for it, or for all that `place` names
    (LAT0694), and for an image that cannot be one (LAT0630).
    """
    if reason := _no_form(suite, target, place):
        raise _cannot(suite, target, reason)
    build, check = TARGETS[target]
    resource = build(suite, config, place)
    if problems := list(check(resource)):
        raise _cannot(suite, target, "; ".join(problems))
    return resource


def _no_form(suite: Filter, target: str, place: Place) -> str:
    """Why there is no such resource, or what of `place` would not be in it."""
    kind, is_envoy = suite.kind, target == "envoy"
    reasons = {
        "it is of kind native: a filter of Envoy's own, configured": kind == "native" and not is_envoy,
        "it is of kind lua; a TrafficExtension can be": kind == "lua" and target == "wasmplugin",
        f"it is of kind {kind} and has no module that --image, --sha256 or --module could tell of": (
            kind != "wasm" and (place.image or place.sha256 or place.module)
        ),
        "Envoy pulls no images; it reads the module from a file (--module)": is_envoy and (place.image or place.sha256),
        "it names where the module is by --image; --module is for envoy": not is_envoy and place.module,
        "it is attached to nothing; --target is for envoyextensionpolicy": (
            target != "envoyextensionpolicy" and place.target
        ),
        "--sha256 is the digest of what --image names": place.sha256 and not place.image,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _envoy(suite: Filter, config: Configured, place: Place) -> Config:
    extension = suite_extension(Proxy("export"), suite.name, suite, config.value)
    if place.module:
        extension["typed_config"]["config"]["vm_config"]["code"] = {"local": {"filename": place.module}}
    return extension


def _wasm_plugin(suite: Filter, config: Configured, place: Place) -> Config:
    spec = {"url": _url(suite, "wasmplugin", place), **_digest(suite, place), **_phase(suite)}
    spec |= _plugin(suite, config)
    return _resource("extensions.istio.io/v1alpha1", "WasmPlugin", suite, spec)


def _traffic_extension(suite: Filter, config: Configured, place: Place) -> Config:
    spec: Config = dict(_phase(suite))
    if suite.kind == "lua":
        spec["lua"] = {"inlineCode": suite.lua(config.value)}
    elif not place.image and catalog().get(suite.name) == suite:
        spec["wasm"] = {"url": f"lateen://{suite.name}", "pluginConfig": config.written}
    else:
        url = _url(suite, "trafficextension", place)
        spec["wasm"] = {"url": url, **_digest(suite, place), **_plugin(suite, config)}
    return _resource("extensions.istio.io/v1alpha1", "TrafficExtension", suite, spec)


def _envoy_extension_policy(suite: Filter, config: Configured, place: Place) -> Config:
    kind, name = place.target or ("Gateway", "eg")
    spec: Config = {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": kind, "name": name}]}
    if suite.kind == "lua":
        spec["lua"] = [{"type": "Inline", "inline": suite.lua(config.value)}]
    else:
        url = _url(suite, "envoyextensionpolicy", place)
        source = {"url": url.removeprefix("oci://"), **_digest(suite, place)}
        remote = url.startswith(("http://", "https://"))
        code = {"type": "HTTP", "http": source} if remote else {"type": "Image", "image": source}
        fail_open = suite.failure_policy == "FAIL_OPEN"
        spec["wasm"] = [
            {"name": suite.name, "rootID": suite.name, "code": code, "config": config.value, "failOpen": fail_open}
        ]
        if variables := suite.variables(config.value):
            spec["wasm"][0]["env"] = {"hostKeys": variables}
    return _resource("gateway.envoyproxy.io/v1alpha1", "EnvoyExtensionPolicy", suite, spec)


def _resource(version: str, kind: str, suite: Filter, spec: Config) -> Config:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": suite.name.replace("_", "-")},
        "spec": spec,
    }


def _url(suite: Filter, target: str, place: Place) -> str:
    if not place.image:
        raise _cannot(suite, target, "it names where the module is: --image REGISTRY/NAME:TAG, or a URL")
    url = place.image if "://" in place.image else f"{reference.SCHEME}{place.image}"
    if url.startswith(reference.SCHEME):
        reference.parse(url)
    return url


def _digest(suite: Filter, place: Place) -> Config:
    """Of a file it is known what it must be; of an image only who has pushed it knows."""
    remote = place.image.startswith(("http://", "https://"))
    digest = place.sha256 or (suite.sha256 if remote else "")
    return {"sha256": digest} if digest else {}


def _plugin(suite: Filter, config: Configured) -> Config:
    """What Istio's kinds say of a module besides where it is."""
    variables = [{"name": name, "valueFrom": "HOST"} for name in suite.variables(config.value)]
    return {
        "failStrategy": _fail_strategy(suite),
        "pluginName": suite.name,
        "pluginConfig": config.value,
        **({"vmConfig": {"env": variables}} if variables else {}),
    }


def _phase(suite: Filter) -> Config:
    """Istio's phase; one that is built in has its place from lateen, elsewhere it has none."""
    return {"phase": suite.phase} if suite.phase in ("AUTHN", "AUTHZ", "STATS") else {}


def _fail_strategy(suite: Filter) -> str:
    return {"FAIL_CLOSED": "FAIL_CLOSE"}.get(suite.failure_policy, suite.failure_policy)


def _check_envoy(resource: Config) -> Iterator[str]:
    yield from map(str, Schema.default().validate(_HTTP_FILTER, resource))


def _check_istio(resource: Config) -> Iterator[str]:
    """What the custom resource's schema and Istio's admission webhook refuse."""
    from lateen.compiler import load  # noqa: PLC0415
    from lateen.emit import to_yaml  # noqa: PLC0415
    from lateen.source.document import Source  # noqa: PLC0415

    try:
        load(Source(to_yaml(resource), name="resource"))
    except MeshError as error:
        yield from (finding.message for finding in error.diagnostics if finding.severity is Severity.ERROR)


def _check_envoy_gateway(resource: Config) -> Iterator[str]:
    validator = jsonschema_rs.validator_for(schema("envoyextensionpolicy"))
    for error in validator.iter_errors(resource):
        yield f"{'.'.join(map(str, error.instance_path))}: {error.message}"


def _cannot(suite: Filter, target: str, reason: str) -> MeshError:
    return MeshError((codes.CANNOT_EXPORT.at(Origin(), name=suite.name, target=target, reason=reason),))


Builder = Callable[[Filter, Configured, Place], Config]
Checker = Callable[[Config], Iterator[str]]

TARGETS: dict[str, tuple[Builder, Checker]] = {
    "envoy": (_envoy, _check_envoy),
    "wasmplugin": (_wasm_plugin, _check_istio),
    "trafficextension": (_traffic_extension, _check_istio),
    "envoyextensionpolicy": (_envoy_extension_policy, _check_envoy_gateway),
}
"""How a resource is made, and what its schema has against it."""
