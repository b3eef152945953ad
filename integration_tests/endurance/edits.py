"""Edits of a copy of the storefront that change what Envoys have, and never what a call of its expectations gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy, copytree, ignore_patterns
from typing import Any

import yaml

from harness import in_force
from lateen.runtime.supervisor import Running
from meshes import APPS, deployment, documents, save, service

BACKENDS = "backends"
"""A service of which each edit of the kind `endpoints` changes the endpoints, over two workloads."""

PATIENCE = 60.0
"""Seconds until an edit must be in force, on a machine that has much else to do."""

_BACKENDS: dict[str, dict[str, str]] = {name: {"app": name} for name in ("first", "second")}
_BOTH = {"group": BACKENDS}


def storefront(source: Path, directory: Path, drain: str) -> Path:
    """A copy of the storefront, with the workload `slow` and the service BACKENDS, whose proxies drain for `drain`."""
    copytree(source, directory, ignore=ignore_patterns("compiled", "__pycache__"))
    copy(APPS / "echo.py", directory / "app")
    save(directory / "slow.yaml", documents(deployment("slow"), service("slow")))
    save(directory / "workloads.yaml", documents(*(_backend(name) for name in _BACKENDS)))
    save(directory / "backends.yaml", documents(_backends(_BOTH)))
    config = yaml.safe_load((directory / "mesh.yaml").read_text())
    config["defaultConfig"]["drainDuration"] = drain
    save(directory / "mesh.yaml", yaml.safe_dump(config))
    return directory


class Editor:
    """Saves one file after another, each with content that it never had before, and waits until that is in force."""

    def __init__(self, running: Running, directory: Path) -> None:
        self._running, self._directory = running, directory
        self._kinds: Iterator[Callable[[int], None]] = itertools.cycle(
            (
                self.weights,
                self.match,
                self.endpoints,
                self.policy,
                self.authorization,
                self.extension,
                self.telemetry,
                self.guest,
                self.broken,
            )
        )
        self.made = 0

    def edit(self) -> str:
        """Make the next edit; gives its kind. Fails if it is not taken as it should be."""
        self.made += 1
        kind = next(self._kinds)
        kind(self.made)
        return kind.__name__

    def weights(self, number: int) -> None:
        """How calls to `catalog` are split."""
        with self._changed("routing.yaml", "VirtualService", "catalog") as spec:
            for route, weight in zip(spec["http"][1]["route"], (80 + number % 15, 20 - number % 15), strict=True):
                route["weight"] = weight

    def match(self, number: int) -> None:
        """Which header chooses the canary, beside `true`."""
        with self._changed("routing.yaml", "VirtualService", "catalog") as spec:
            spec["http"][0]["match"] = [{"headers": {"x-canary": {"regex": f"true|canary-{number}"}}}]

    def endpoints(self, number: int) -> None:
        """Which workload is behind BACKENDS: the one, both, the other, both."""
        chosen = (_BACKENDS["first"], _BOTH, _BACKENDS["second"], _BOTH)[number // 9 % 4]
        self._put("backends.yaml", documents(_backends(chosen)))

    def policy(self, number: int) -> None:
        """The connection pool towards `catalog`."""
        with self._changed("routing.yaml", "DestinationRule", "catalog") as spec:
            spec["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"] = 100 + number

    def authorization(self, number: int) -> None:
        """Which paths of `reviews` the page may read, beside the one that it does."""
        with self._changed("policy.yaml", "AuthorizationPolicy", "reviews") as spec:
            spec["rules"][0]["to"][0]["operation"]["paths"] = ["/reviews", f"/reviews/{number}"]

    def extension(self, number: int) -> None:
        """Where the tenant of a call to `web` may stand, beside its host."""
        with self._changed("tenants.yaml", "TrafficExtension", "tenants") as spec:
            hosts, header = {"host": {"suffix": ".shop.example"}}, {"header": {"name": f"x-tenant-{number}"}}
            spec["wasm"]["pluginConfig"]["sources"] = [hosts, header]

    def telemetry(self, number: int) -> None:
        """What every proxy logs: all listeners change."""
        with self._changed("telemetry.yaml", "Telemetry", "mesh") as spec:
            expression = f"response.code >= 400 && response.code != {1000 + number}"
            spec["accessLogging"][0]["filter"]["expression"] = expression

    def guest(self, number: int) -> None:
        """A service comes under a new name, and the one before goes: clusters and listeners of every proxy."""
        self._put("guest.yaml", documents(service(f"guest-{number}", port=9999)))

    def broken(self, number: int) -> None:
        """An edit that cannot be put in force, and its mending."""
        path = self._directory / "routing.yaml"
        good = path.read_text()
        since = len(self._running.events)
        save(path, good.replace("timeout: 3s", f"timeuot: {number}s"))
        told = self._running.events.wait_for(lambda e: e["event"] in ("diagnostics", "compiled"), PATIENCE, since)
        assert told.get("used") is False, told
        self._put("routing.yaml", good)

    @contextmanager
    def _changed(self, file: str, kind: str, name: str) -> Iterator[dict[str, Any]]:
        """The spec of a document, to be changed; then the file is saved."""
        found = list(yaml.safe_load_all((self._directory / file).read_text()))
        yield next(d["spec"] for d in found if (d["kind"], d["metadata"]["name"]) == (kind, name))
        self._put(file, yaml.safe_dump_all(found))

    def _put(self, file: str, text: str) -> None:
        in_force(self._running, lambda: save(self._directory / file, text), PATIENCE)


def _backend(name: str) -> dict[str, Any]:
    """A workload without a sidecar."""
    workload = deployment(name, inject=False)
    workload["spec"]["template"]["metadata"]["labels"] |= _BOTH
    return workload


def _backends(selector: dict[str, str]) -> dict[str, Any]:
    """The Service BACKENDS of the workloads with these labels."""
    backends = service(BACKENDS)
    backends["spec"]["selector"] = selector
    return backends
