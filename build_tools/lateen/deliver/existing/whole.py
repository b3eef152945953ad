"""The files of one Envoy as a single bootstrap that `envoy --mode validate` judges without anything else.

What comes from files that are named stands in it; what comes from elsewhere (a control plane, files that are not here)
is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from lateen.deliver.existing.configuration import BOOTSTRAP, Configuration, plain
from lateen.deliver.existing.sites import CLUSTER, LISTENER, MANAGER
from lateen.deliver.existing.telemetry import LOGGER
from lateen.schema import Schema
from lateen.xds.snapshot import Config

_SOURCE = "envoy.config.core.v3.ConfigSource"
_ROUTES = "envoy.config.route.v3.RouteConfiguration"
_SECRET = "envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type
_EXTENSION = "envoy.config.core.v3.TypedExtensionConfig"
_STATIC = {LISTENER: "listeners", CLUSTER: "clusters", _SECRET: "secrets"}


def whole(files: Sequence[Configuration], schema: Schema, folder: Path) -> Config:
    """The bootstrap, in canonical spelling. `folder` gets a file that stands for those that are not here."""
    empty = folder / "empty.json"
    empty.write_bytes(orjson.dumps({"resources": []}))
    canonical = {file.message: _canonical(file, schema) for file in files if file.message == BOOTSTRAP}
    config = canonical.get(BOOTSTRAP, {})
    config.setdefault("node", {})
    config["node"] = {"id": "patch", "cluster": "patch"} | config["node"]
    resources = [each for file in files if file.message != BOOTSTRAP for each in _resources(_canonical(file, schema))]
    static = config.setdefault("static_resources", {})
    for name, resource in resources:
        if name in _STATIC:
            static.setdefault(_STATIC[name], []).append(resource)
    routes = {resource.get("name"): resource for name, resource in resources if name == _ROUTES}
    extensions = {resource.get("name"): resource for name, resource in resources if name == _EXTENSION}
    for node in schema.walk(BOOTSTRAP, config):
        _inline_extension(node.value, extensions)
    dynamic = config.get("dynamic_resources", {})
    for kind in ("lds_config", "cds_config"):
        if _path(dynamic.get(kind, {})):
            del dynamic[kind]
    complete = BOOTSTRAP in canonical and "cds_config" not in dynamic
    return _closed(config, schema, routes, str(empty), complete=complete)


def _inline_extension(value: Config, extensions: dict[Any, Config]) -> None:
    """Give a filter the extension config of its name, if that is among the files."""
    discovery = value.get("config_discovery", {})
    if _path(discovery.get("config_source", {})) and value.get("name") in extensions:
        del value["config_discovery"]
        value["typed_config"] = extensions[value["name"]]["typed_config"]


def _closed(config: Config, schema: Schema, routes: dict[Any, Config], empty: str, *, complete: bool) -> Config:
    """Nothing refers to files of resources any more. Without all clusters routes may lead to others."""
    for node in schema.walk(BOOTSTRAP, config):
        value = node.value
        if node.type == MANAGER and _path(value.get("rds", {}).get("config_source", {})):
            name = value.pop("rds").get("route_config_name", "")
            value["route_config"] = routes.get(name, {"name": name})
            value["route_config"]["validate_clusters"] = False
        elif node.type == _ROUTES and not complete:
            value["validate_clusters"] = False
        elif node.type == _SOURCE and _path(value):
            value.pop("path", None)
            value["path_config_source"] = {"path": empty}
        elif node.type == LOGGER:
            # Envoy 1.40 ends with a crash in `--mode validate` if it has made a shared scope.
            value.get("stats_scope", {}).pop("sharing_name", None)
    return config


def _canonical(file: Configuration, schema: Schema) -> Config:
    return schema.walk(file.message, plain(file.config))[0].value


def _resources(response: Config) -> Iterator[tuple[str, Config]]:
    """The resources of a file by the name of their message, out of what wraps them."""
    for given in response.get("resources", []):
        wrapped = given.get("resource") if str(given.get("@type", "")).endswith("discovery.v3.Resource") else given
        name = str((wrapped or {}).get("@type", "")).rpartition("/")[2]
        yield name, {key: value for key, value in (wrapped or {}).items() if key != "@type"}


def _path(source: Config) -> str:
    return str(source.get("path") or source.get("path_config_source", {}).get("path", ""))
