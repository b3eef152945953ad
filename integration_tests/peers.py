"""Two Envoys with `peer_metadata` and mutual TLS between them, from bootstraps written by hand.

`web` in namespace `shop` calls `reviews` in namespace `other`. The caller's routes go by path: `/external` and
`/passthrough` to clusters outside the mesh, `/plain` to the callee without TLS, the rest with mutual TLS. The callee
refuses `/denied`, and `/for-cart` to everybody but the workload `cart`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from arrivals import Arrivals
from lateen.filterkit.catalog import catalog
from lateen.identity.ca import Authority, Certificate
from lateen.model.proxy import Proxy
from lateen.runtime.child import Child
from lateen.runtime.supervision import stop
from lateen.schema.binary import find_envoy
from lateen.xds.filters.wasm import wasm_extension

Config = dict[str, Any]

LOOPBACK = "127.28.0.1"
ATTRIBUTES = ("workload", "namespace", "app", "version", "canonical_service", "canonical_revision", "cluster")

_TYPES = "type.googleapis.com/envoy"
_TLS = "extensions.transport_sockets.tls.v3"
_OPTIONS = ("--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "50", "--log-level", "warning")


def metadata(workload: str, namespace: str, **labels: str) -> Config:
    """What a proxy says of itself."""
    names = {"NAME": f"{workload}-0", "NAMESPACE": namespace, "WORKLOAD_NAME": workload, "CLUSTER_ID": "c1"}
    return {**names, "LABELS": {"app": workload, **labels}}


WEB = metadata(
    "web", "shop", **{"version": "v1", "service.istio.io/canonical-name": "storefront", "example.com/team": "front"}
)
REVIEWS = metadata("reviews", "other", **{"service.istio.io/canonical-revision": "r2"})


class Sidecar:
    """An Envoy of this test."""

    def __init__(self, folder: Path, listeners: list[Config], clusters: list[Config]) -> None:
        """Start it and wait until it serves."""
        folder.mkdir()
        module = catalog()["peer_metadata"]
        (folder / module.module_name).write_bytes(module.module())
        self._calls, admin = folder / "calls.json", folder / "admin"
        config = {
            "node": {"id": folder.name, "cluster": folder.name},
            "admin": {"address": _address(0)},
            "static_resources": {"listeners": listeners, "clusters": clusters},
        }
        (folder / "envoy.json").write_text(json.dumps(config))
        arguments = ("--config-path", str(folder / "envoy.json"), "--admin-address-path", str(admin), *_OPTIONS)
        self.process = Child((str(find_envoy()), *arguments), folder / "envoy.log")
        self.ports = self._ready(admin)

    def _ready(self, admin: Path) -> dict[str, int]:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.running:
            if admin.exists() and (address := admin.read_text()):
                try:
                    if requests.get(f"http://{address}/ready", timeout=1).ok:
                        found = requests.get(f"http://{address}/listeners?format=json", timeout=5).json()
                        return {s["name"]: _port(s) for s in found["listener_statuses"]}
                except requests.ConnectionError:
                    pass
            time.sleep(0.02)
        raise AssertionError(self.process.tail(20))

    def record(self, path: str) -> Config:
        """The access log's record of the call to that path."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            lines = self._calls.read_text().splitlines() if self._calls.exists() else []
            for line in lines:
                if line.endswith("}") and (record := json.loads(line))["path"] == path:
                    return dict(record)
            time.sleep(0.02)
        raise AssertionError(f"no call to {path} was logged")

    def peer(self, path: str, party: str) -> list[str | None]:
        """What it published of the caller (downstream) or the called workload (upstream), in order of ATTRIBUTES."""
        record = self.record(path)
        return [record[f"{party}_{name}"] for name in ATTRIBUTES]


class Peers:
    """Caller, callee, and what the application and the hosts outside saw."""

    def __init__(self, authority: Authority, caller: Sidecar, callee: Sidecar, arrivals: Arrivals) -> None:
        self.authority, self.caller, self.callee, self.arrivals = authority, caller, callee, arrivals

    def call(self, path: str, listener: str = "outbound", **headers: str) -> requests.Response:
        """A request of the calling application."""
        address = f"http://{LOOPBACK}:{self.caller.ports[listener]}{path}"
        return requests.get(address, headers=headers, timeout=10)


@contextmanager
def peers(folder: Path) -> Iterator[Peers]:
    """Both Envoys, running."""
    authority = Authority.create("cluster.local")
    web = authority.issue("spiffe://cluster.local/ns/shop/sa/web")
    reviews = authority.issue("spiffe://cluster.local/ns/other/sa/reviews")
    started = []
    with Arrivals(LOOPBACK) as arrivals:
        try:
            listeners = [_inbound(folder / "callee", authority, reviews, tls) for tls in (True, False)]
            started.append(callee := Sidecar(folder / "callee", listeners, [_cluster("inbound|80||", arrivals.port)]))
            clusters = [
                _cluster("outbound|80||reviews", callee.ports["mtls"], tls=_client_tls(authority, web)),
                _cluster("outbound|81||reviews", callee.ports["plain"]),
                _cluster("outbound|80||example.com", arrivals.port, istio={"external": True}),
                _cluster("PassthroughCluster", arrivals.port),
            ]
            roles = {"outbound": "sidecar", "gateway": "gateway"}
            outbound = [_outbound(folder / "caller", name, role) for name, role in roles.items()]
            started.append(caller := Sidecar(folder / "caller", outbound, clusters))
            yield Peers(authority, caller, callee, arrivals)
        finally:
            stop([sidecar.process for sidecar in started])


def _inbound(folder: Path, authority: Authority, certificate: Certificate, tls: bool) -> Config:
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "inbound|80||"}}]
    filters = [_exchange(folder, "sidecar", REVIEWS), _denials()]
    listener = _listener(folder, "mtls" if tls else "plain", "INBOUND", routes, filters)
    if tls:
        context = {"common_tls_context": _tls(authority, certificate), "require_client_certificate": True}
        socket = {"@type": f"{_TYPES}.{_TLS}.DownstreamTlsContext", **context}
        listener["filter_chains"][0]["transport_socket"] = {"name": "tls", "typed_config": socket}
    return listener


def _outbound(folder: Path, name: str, role: str) -> Config:
    targets = {
        "/plain": "outbound|81||reviews",
        "/external": "outbound|80||example.com",
        "/passthrough": "PassthroughCluster",
        "/": "outbound|80||reviews",
    }
    routes = [{"match": {"prefix": prefix}, "route": {"cluster": cluster}} for prefix, cluster in targets.items()]
    return _listener(folder, name, "OUTBOUND", routes, [_exchange(folder, role, WEB)])


def _exchange(folder: Path, role: str, own: Config) -> Config:
    proxy = Proxy(folder.name, metadata={"LATEEN_MODULE_DIR": str(folder)})
    suite = catalog()["peer_metadata"]
    config = {
        "role": role,
        "node_id": f"sidecar~{LOOPBACK}~{own['NAME']}~local",
        "metadata": own,
        "additional_labels": {"team": "example.com/team"},
        "discovery": "istio_headers_or_baggage",
    }
    return wasm_extension(proxy, "istio.metadata_exchange", suite, suite.configuration(config).value)


def _denials() -> Config:
    """Native policy behind the exchange: one rule by path, one by an attribute that the exchange has published."""
    workload = {"key": "wasm.peer_metadata.downstream_workload", "string_match": {"exact": "cart"}}
    policies = {
        "never": {"permissions": [_at("/denied")], "principals": [{"any": True}]},
        "only-cart": {
            "permissions": [_at("/for-cart")],
            "principals": [{"not_id": {"filter_state": workload}}],
        },
    }
    rules = {"action": "DENY", "policies": policies}
    typed = {"@type": f"{_TYPES}.extensions.filters.http.rbac.v3.RBAC", "rules": rules}
    return {"name": "envoy.filters.http.rbac", "typed_config": typed}


def _at(path: str) -> Config:
    return {"url_path": {"path": {"exact": path}}}


def _listener(folder: Path, name: str, direction: str, routes: list[Config], filters: list[Config]) -> Config:
    router = {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router"}
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "access_log": [_access_log(folder)],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [*filters, {"name": "envoy.filters.http.router", "typed_config": router}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": name, "address": _address(0), "traffic_direction": direction, "filter_chains": [chain]}


def _access_log(folder: Path) -> Config:
    keys = [f"{party}_{name}" for party in ("downstream", "upstream") for name in ATTRIBUTES]
    keys += [f"{party}_labels.team" for party in ("downstream", "upstream")]
    fields = {key: f"%FILTER_STATE(wasm.peer_metadata.{key}:PLAIN)%" for key in keys}
    file = {
        "@type": f"{_TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(folder / "calls.json"),
        "log_format": {"json_format": {"path": "%REQ(:PATH)%", "status": "%RESPONSE_CODE%", **fields}},
    }
    return {"name": "envoy.access_loggers.file", "typed_config": file}


def _cluster(name: str, port: int, istio: Config | None = None, tls: Config | None = None) -> Config:
    described = {"filter_metadata": {"istio": {"workload": "described;by-endpoint;name;r9;c9"}}}
    endpoint = {"endpoint": {"address": _address(port)}, "metadata": described}
    return {
        "name": name,
        "connect_timeout": "5s",
        "metadata": {"filter_metadata": {"istio": istio or {}}},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        **({"transport_socket": tls} if tls else {}),
    }


def _client_tls(authority: Authority, certificate: Certificate) -> Config:
    context = {
        "@type": f"{_TYPES}.{_TLS}.UpstreamTlsContext",
        "sni": "reviews",
        "common_tls_context": _tls(authority, certificate),
    }
    return {"name": "tls", "typed_config": context}


def _tls(authority: Authority, certificate: Certificate) -> Config:
    pair = {
        "certificate_chain": {"inline_string": certificate.chain.decode()},
        "private_key": {"inline_string": certificate.key.reveal().decode()},
    }
    trusted = {"trusted_ca": {"inline_string": authority.root_pem.decode()}}
    return {"tls_certificates": [pair], "validation_context": trusted}


def _address(port: int) -> Config:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _port(status: Config) -> int:
    return int(status["local_address"]["socket_address"]["port_value"])
