"""A snapshot as one file that needs no control plane, and as plain data for people."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Literal

from lateen.diagnostics import Redacted
from lateen.xds.bootstrap import base_bootstrap
from lateen.xds.secrets import CERT_DIR, file_secret, revealed
from lateen.xds.snapshot import TYPES, Config, Snapshot


def static_bootstrap(snapshot: Snapshot, modules: Literal["path", "inline"] = "path") -> Config:
    """One bootstrap with every listener, cluster and secret in it; nothing is fetched.

    Routes, endpoints and extension configurations move to where they are used. Secrets that the snapshot does not hold
    are named by file (`LATEEN_CERT_DIR`). What the snapshot holds stands in clear.
    """
    inliner = Inliner(snapshot, modules, lasting=True)
    config = base_bootstrap(snapshot.proxy)
    resources = config["static_resources"]
    resources["listeners"] += inliner.listeners()
    resources["clusters"] += inliner.clusters()
    if secrets := inliner.secrets():
        resources["secrets"] = secrets
    return config


def as_dict(snapshot: Snapshot) -> Config:
    """Every resource by attribute and name, secret bytes as `[redacted]`; all but secrets is the snapshot's own."""
    return {
        attribute: _redacted(snapshot.secrets) if attribute == "secrets" else getattr(snapshot, attribute)
        for attribute in TYPES
    }


def _static_secret(name: str) -> Config:
    return {"name": name}


class Inliner:
    """Copies configuration, with what it names by discovery in its place.

    Secrets stay names: `secret` gives the reference to one (default: to a static one), `secrets()` what they are.
    `lasting` says that listeners are never replaced: their metrics then need no shared scope.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        modules: Literal["path", "inline"] = "path",
        secret: Callable[[str], Config] = _static_secret,
        *,
        lasting: bool = False,
    ) -> None:
        self._snapshot = snapshot
        self._modules = modules
        self._secret_reference = secret
        self._named_secrets: dict[str, None] = {}
        self._rules: tuple[tuple[str, Callable[[Config], Config]], ...] = (
            ("rds", self._route_config),
            ("config_discovery", self._extension),
            ("sds_config", self._secret),
            ("filename", self._module),
            *((("sharing_name", self._scope),) if lasting else ()),
        )

    def listeners(self) -> list[Config]:
        """Every listener, with its routes and filters in it."""
        return [self.inline(listener) for listener in self._snapshot.listeners.values()]

    def clusters(self) -> list[Config]:
        """Every cluster, with its endpoints in it."""
        return [self._cluster(cluster) for cluster in self._snapshot.clusters.values()]

    def secrets(self) -> list[Config]:
        """Every secret that the copied configuration names, in clear or by file."""
        directory = str(self._snapshot.proxy.metadata.get("LATEEN_CERT_DIR", CERT_DIR))
        held = self._snapshot.secrets
        return [
            revealed(held[name]) if name in held else file_secret(name, directory)
            for name in sorted(self._named_secrets)
        ]

    def inline(self, value: Any) -> Any:
        """A copy of `value` without references to discovery."""
        if isinstance(value, list):
            return [self.inline(item) for item in value]
        if not isinstance(value, dict):
            return value
        for key, rule in self._rules:
            if key in value:
                return rule(value)
        return {key: self.inline(item) for key, item in value.items()}

    def _cluster(self, cluster: Config) -> Config:
        config = self.inline(cluster)
        if config.pop("eds_cluster_config", None):
            endpoints = self._snapshot.endpoints.get(config["name"])
            config["type"] = "STATIC"
            config["load_assignment"] = endpoints or {"cluster_name": config["name"]}
        return dict(config)

    def _rest(self, value: Config, *without: str) -> Config:
        return {key: self.inline(item) for key, item in value.items() if key not in without}

    def _route_config(self, manager: Config) -> Config:
        name = manager["rds"]["route_config_name"]
        empty = {"name": name, "virtual_hosts": []}
        return self._rest(manager, "rds") | {"route_config": self._snapshot.routes.get(name, empty)}

    def _extension(self, http_filter: Config) -> Config:
        extension = self._snapshot.extensions.get(http_filter["name"])
        if extension is None:
            return http_filter
        return self._rest(http_filter, "config_discovery") | {"typed_config": self.inline(extension["typed_config"])}

    def _secret(self, reference: Config) -> Config:
        self._named_secrets[reference["name"]] = None
        return self._secret_reference(reference["name"])

    def _module(self, source: Config) -> Config:
        """The bytes of a module instead of its path, if that is asked for."""
        module = self._snapshot.modules.get(PurePosixPath(source["filename"]).name)
        if self._modules != "inline" or module is None:
            return source
        return {"inline_bytes": base64.b64encode(module.content()).decode()}

    def _scope(self, scope: Config) -> Config:
        """A stat scope of its own: `envoy --mode validate` of 1.40 ends with a crash if it has made a shared one."""
        return self._rest(scope, "sharing_name")


def _redacted(value: Any) -> Any:
    if isinstance(value, Redacted):
        return str(value)
    if isinstance(value, dict):
        return {key: _redacted(item) for key, item in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, list) else value
