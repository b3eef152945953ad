"""What `operation_classifier` costs a request, by the number of templates that it knows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import requests

from bench.report import Table, note
from lateen.filterkit.catalog import catalog
from lateen.model.proxy import Proxy
from lateen.runtime.child import Child
from lateen.runtime.supervision import stop
from lateen.schema.binary import find_envoy
from lateen.xds.filters.wasm import wasm_extension

ROUNDS = 9
REQUESTS = 10_000
"""In each round, of each table."""

RATE = 4000
CONNECTIONS = 8
TEMPLATES = (10, 1000, 10_000)
PATIENCE = 60.0
COMMAND = "make bench ARGS=operations"
_PATHS = 16
_TICK_MICROSECONDS = 1_000_000 / os.sysconf("SC_CLK_TCK")
_TYPES = "type.googleapis.com/envoy.extensions.filters"


@dataclass(frozen=True, slots=True)
class _Target:
    """A listener: what stands in it, and what it is asked for."""

    name: str
    url: str
    paths: tuple[str, ...]


def measure(rounds: int = ROUNDS, load: int = REQUESTS, templates: tuple[int, ...] = TEMPLATES) -> list[Table]:
    """CPU per request of one Envoy that answers directly: medians over rounds that alternate between all tables."""
    found: dict[str, list[float]] = defaultdict(list)
    with TemporaryDirectory(prefix="lb") as folder, _envoy(Path(folder), templates) as (process, targets):
        for target in targets:
            _load(target, load // 10, Path(folder))
        for number in range(rounds):
            note(f"operations: round {number + 1} of {rounds}")
            for target in targets:
                before = _ticks(process)
                _load(target, load, Path(folder))
                found[target.name].append((_ticks(process) - before) * _TICK_MICROSECONDS / load)
    typical = {name: median(values) for name, values in found.items()}
    rows = tuple((name, used, used - typical[targets[0].name]) for name, used in typical.items())
    columns = ("filter", "us of CPU", "above none")
    return [Table(f"operation_classifier: CPU per request at {RATE} requests a second", COMMAND, columns, rows)]


@contextmanager
def _envoy(folder: Path, templates: tuple[int, ...]) -> Iterator[tuple[Child, list[_Target]]]:
    """An Envoy with a listener without the filter, and one for each number of templates."""
    suite = catalog()["operation_classifier"]
    (folder / suite.module_name).write_bytes(suite.module())
    proxy = Proxy("bench", metadata={"LATEEN_MODULE_DIR": str(folder)})
    filters: list[tuple[str, list[Any]]] = [("none", [])]
    for count in templates:
        config = suite.configuration({"openapi": {"document": _document(count)}})
        assert config.problems == ()  # noqa: S101
        filters.append((f"{count} templates", [wasm_extension(proxy, f"t{count}", suite, config.value)]))
    address = folder / "admin"
    bootstrap = {
        "admin": {"address": _address(0)},
        "static_resources": {"listeners": [_listener(str(n), each) for n, (_, each) in enumerate(filters)]},
    }
    (folder / "envoy.json").write_text(json.dumps(bootstrap))
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "--admin-address-path", address)
    process = Child((str(find_envoy()), "-c", str(folder / "envoy.json"), *map(str, options)), folder / "envoy.log")
    try:
        ports = _ports(address, process)
        urls = (f"http://127.0.0.1:{port}" for port in ports)
        asked = [(name, templates[max(n - 1, 0)]) for n, (name, _) in enumerate(filters)]
        yield process, [_Target(name, url, _asked(count)) for (name, count), url in zip(asked, urls, strict=True)]
    finally:
        stop([process])


def _document(count: int) -> dict[str, Any]:
    paths = {
        f"/v1/resource-{number}/{{id}}/detail": {"get": {"operationId": f"getResource{number}"}}
        for number in range(count)
    }
    return {"openapi": "3.1.0", "paths": paths}


def _asked(count: int) -> tuple[str, ...]:
    """Paths that are spread over the templates."""
    return tuple(f"/v1/resource-{n * count // _PATHS}/{n}4711/detail" for n in range(_PATHS))


def _listener(name: str, filters: list[Any]) -> dict[str, Any]:
    router = {"name": "router", "typed_config": {"@type": f"{_TYPES}.http.router.v3.Router"}}
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    manager = {
        "@type": f"{_TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "http_filters": [*filters, router],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]},
    }
    return {
        "name": name,
        "address": _address(0),
        "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _ports(address: Path, process: Child) -> list[int]:
    """Where it listens, by the listeners' numbers, once it does. Raises RuntimeError if it does not start."""
    deadline = time.monotonic() + PATIENCE
    while process.running and time.monotonic() < deadline:
        with suppress(OSError, requests.RequestException):
            admin = f"http://{address.read_text()}"
            if requests.get(f"{admin}/ready", timeout=5).ok:
                statuses = requests.get(f"{admin}/listeners?format=json", timeout=5).json()["listener_statuses"]
                sockets = {int(s["name"]): s["local_address"]["socket_address"]["port_value"] for s in statuses}
                return [int(sockets[number]) for number in sorted(sockets)]
        time.sleep(0.1)
    raise RuntimeError(f"Envoy does not serve: {process.tail(3)}")


def _ticks(process: Child) -> int:
    """Clock ticks of CPU that a process has used, in user and system mode."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _load(target: _Target, load: int, folder: Path) -> None:
    """Send the requests at the rate. Raises RuntimeError if one is not answered with 200."""
    tool = shutil.which("h2load")
    if tool is None:
        raise RuntimeError("h2load is missing: make setup-bench")
    listed = folder / "urls"
    listed.write_text("".join(f"{target.url}{path}\n" for path in target.paths))
    options = (f"--requests={load}", f"--clients={CONNECTIONS}", f"--rps={RATE / CONNECTIONS:g}")
    argv = [tool, "--h1", *options, f"--input-file={listed}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60 + 10 * load / RATE, check=True)
    if f"{load} 2xx" not in done.stdout:
        raise RuntimeError(f"{target.name}: not every request was answered with 200\n{done.stdout}")
