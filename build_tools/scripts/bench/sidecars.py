"""Two Envoys between a client and an application: what lateen makes of them, and the least to compare it with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lateen
from lateen.filterkit.bench.process import Server
from lateen.filterkit.catalog import catalog, empty_module
from lateen.identity import Authority, spiffe_id
from lateen.identity.files import write
from lateen.runtime.process.addresses import Block, ClaimedBlock
from lateen.runtime.supervision import stop
from lateen.schema.binary import find_envoy
from lateen.xds.filters import metadata_exchange

PORT = 8080
HOST = f"server.bench.svc.cluster.local:{PORT}"

CONFIG = "defaultProviders: {metrics: [prometheus]}\nextensionProviders: [{name: prometheus, prometheus: {}}]\n"
"""MeshConfig: Istio's standard metrics."""

MESH = f"""\
apiVersion: v1
kind: Service
metadata: {{name: server, namespace: bench}}
spec: {{selector: {{app: server}}, ports: [{{name: http, port: {PORT}}}]}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: bench}}
spec: {{mtls: {{mode: STRICT}}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: server, namespace: bench}}
spec:
  selector: {{matchLabels: {{app: server}}}}
  rules:
  - from: [{{source: {{principals: [cluster.local/ns/bench/sa/client]}}}}]
    to: [{{operation: {{methods: [GET], paths: ["/*"]}}}}]
"""

POD = """\
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: bench, labels: {{app: {name}, version: v1}}}}
spec:
  serviceAccountName: {name}
  containers: [{{name: app, image: app, ports: [{{containerPort: 8080}}]}}]
status: {{podIP: {address}}}
"""

_TYPES = "type.googleapis.com/envoy"
_ROUTER = "envoy.filters.http.router"
_MANAGER = f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


@dataclass(frozen=True, slots=True)
class Way:
    """A way from the client to the application: where it begins, and the Envoys on it."""

    name: str
    address: str
    client: Server | None = None
    server: Server | None = None


NAMES = (
    "no proxy",
    "bare Envoys without metrics",
    "bare Envoys",
    "lateen without metadata exchange",
    "lateen's native part",
    "lateen's native part with Istio's headers",
    "lateen with an empty module",
    "lateen",
    "bare Envoys, a second pair",
)


@contextmanager
def ways(folder: Path) -> Iterator[list[Way]]:
    """Every way, all at once, in the order of `NAMES`. Raises NotServingError if an Envoy does not become ready."""
    with ClaimedBlock() as claimed:
        block = claimed.block
        started: list[Server] = []
        try:
            application = block.application(1)
            started.append(_envoy(folder, "application", _application(application)))
            found = [Way(NAMES[0], application)]
            authority = Authority.create("cluster.local")
            for number, name in enumerate(NAMES[1:], 1):
                pair = _Pair(block, 2 * number, authority, folder / str(number))
                settings = "" if name.endswith("without metrics") else CONFIG
                configs = pair.configs(settings, exchange=name != "lateen without metadata exchange")
                for role, config in configs.items():
                    _change(config, name, role, pair.folder)
                pair_of = [_envoy(pair.folder, role, config) for role, config in configs.items()]
                started += pair_of
                found.append(Way(name, block.outbound(pair.first), *pair_of))
            yield found
        finally:
            stop([server.child for server in started])


@dataclass(frozen=True, slots=True)
class _Pair:
    """A client's and a server's sidecar; instances `first` and `first + 1` of the block."""

    block: Block
    first: int
    authority: Authority
    folder: Path

    def configs(self, settings: str, *, exchange: bool) -> dict[str, dict[str, Any]]:
        """The static configuration that lateen makes of both, by role."""
        numbers = {"client": self.first, "server": self.first + 1}
        pods = "".join(POD.format(name=role, address=self.block.inbound(n)) for role, n in numbers.items())
        mesh = lateen.load(lateen.Source(MESH + pods, "mesh.yaml"), mesh_config=settings or {})
        modules = self.folder / "modules"
        for suite_filter in catalog().values():
            if suite_filter.kind == "wasm":
                write(modules / suite_filter.module_name, suite_filter.module())
        made = {}
        for role, number in numbers.items():
            certificates = self._certificates(role)
            metadata = {
                "INTERCEPTION_MODE": "NONE",
                "LATEEN_BIND_ADDRESS": self.block.inbound(number),
                "LATEEN_APP_ADDRESS": self.block.application(1),
                "LATEEN_OUTBOUND_ADDRESS": self.block.outbound(number),
                "LATEEN_CERT_DIR": str(certificates),
                "LATEEN_MODULE_DIR": str(modules),
                "LATEEN_METADATA_EXCHANGE": str(exchange).lower(),
            }
            proxy = next(p for p in mesh.proxies() if p.name == role)
            made[role] = lateen.compile(mesh, replace(proxy, metadata=metadata)).static()
        return made

    def _certificates(self, role: str) -> Path:
        issued = self.authority.issue(spiffe_id("cluster.local", "bench", role))
        directory = self.folder / role
        write(directory / "cert-chain.pem", issued.chain)
        write(directory / "key.pem", issued.key.reveal(), 0o600)
        write(directory / "root-cert.pem", self.authority.root_pem)
        return directory


def _change(config: Any, name: str, role: str, folder: Path) -> None:
    """Make of what lateen makes what a way has: fewer filters, and text for labels that a filter would provide."""
    if isinstance(config, dict):
        if config.get("@type") == _MANAGER:
            config["http_filters"] = list(_filters(config["http_filters"], name, role, folder))
        if name != "lateen" and "wasm.peer_metadata." in str(config.get("value_format")):
            config["value_format"] = "unknown"
        for value in config.values():
            _change(value, name, role, folder)
    elif isinstance(config, list):
        for value in config:
            _change(value, name, role, folder)


def _filters(filters: list[Any], name: str, role: str, folder: Path) -> Iterator[Any]:
    for each in filters:
        if each["name"] == metadata_exchange.NAME and name == "lateen with an empty module":
            yield _empty(each, folder / "empty.wasm")
        elif each["name"] == metadata_exchange.NAME and name == "lateen's native part with Istio's headers":
            yield _headers(each, client=role == "client")
        elif each["name"] == metadata_exchange.NAME:
            yield from [each] if name == "lateen" else []
        elif each["name"] == _ROUTER or not name.startswith("bare"):
            yield each


def _empty(exchange: Any, path: Path) -> Any:
    write(path, empty_module())
    machine = {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(path)}}}
    typed = exchange["typed_config"]
    return {**exchange, "typed_config": {**typed, "config": {"name": "empty", "vm_config": machine}}}


def _headers(exchange: Any, *, client: bool) -> Any:
    """The least that Istio's form of the exchange can cost: native filters send and strip it, and nobody reads it."""
    told = json.loads(exchange["typed_config"]["config"]["configuration"]["value"])
    values = {"x-envoy-peer-metadata": told["description"], "x-envoy-peer-metadata-id": told["node_id"]}
    action = {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    send = [{"append": {"header": {"key": key, "value": value}, **action}} for key, value in values.items()]
    strip = [{"remove": key} for key in values]
    requests, responses = (send, strip) if client else (strip, send)
    typed = {
        "@type": f"{_TYPES}.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": {"request_mutations": requests, "response_mutations": responses},
    }
    return {"name": exchange["name"], "typed_config": typed}


def _application(address: str) -> dict[str, Any]:
    """The fastest application there is: an Envoy that answers by itself."""
    answer = {"status": 200, "body": {"inline_string": "hello\n"}}
    route = {"match": {"prefix": "/"}, "direct_response": answer}
    manager = {
        "@type": _MANAGER,
        "stat_prefix": "application",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": _ROUTER, "typed_config": {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router"}}
        ],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {
        "admin": {"address": _socket(address, 15000)},
        "static_resources": {"listeners": [{"address": _socket(address, PORT), "filter_chains": [chain]}]},
    }


def _socket(address: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": port}}


def _envoy(folder: Path, name: str, config: dict[str, Any]) -> Server:
    return Server(find_envoy(), config, folder, name)
