"""Istio's metrics of TCP from real Envoys: every label from both sides, and what a connection adds when."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import eventually
from lateen.runtime.observe.scrape import scrape
from lateen.runtime.plan import Settings
from lateen.runtime.running import RunningProxy
from lateen.runtime.supervisor import Options, Running, start
from meshes import APPS, MESH_CONFIG, deployment, documents, service, write

OPENED = "istio_tcp_connections_opened_total"
CLOSED = "istio_tcp_connections_closed_total"
RECEIVED = "istio_tcp_received_bytes_total"
SENT = "istio_tcp_sent_bytes_total"

Labels = dict[str, str]
Counts = dict[str, float]
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]

LINES, BARE, GREETER, PLAIN, GUARDED, STRICT, DEAD, TLS = range(7001, 7009)
TCP_GATEWAY, TLS_GATEWAY = 9001, 9002


LOG_LINE = "%ACCESS_LOG_TYPE% %DOWNSTREAM_LOCAL_PORT%"
OVERRIDES = [
    {
        "match": {"metric": "TCP_CLOSED_CONNECTIONS", "mode": "CLIENT"},
        "tagOverrides": {
            "source_app": {"operation": "REMOVE"},
            "port": {"value": "destination.port"},
            "tenant": {"value": "request.headers['x-tenant']"},
        },
    },
    {"match": {"metric": "TCP_SENT_BYTES"}, "disabled": True},
]


def tcp(name: str, port: int, *, inject: bool = True, greeting: bool = False) -> list[dict[str, Any]]:
    """A workload that sends lines back, and its TCP service."""
    app = deployment(
        name,
        port=port,
        inject=inject,
        command=["python3", str(APPS / "lines.py")],
        ports=[{"name": "tcp", "containerPort": port}],
    )
    if greeting:
        app["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "GREETING", "value": "yes"})
    return [app, service(name, port=port, protocol="tcp")]


def entry(host: str, port: int, protocol: str, **spec: Any) -> dict[str, Any]:
    """A ServiceEntry with one port."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": host.partition(".")[0]},
        "spec": {"hosts": [host], "ports": [{"number": port, "name": protocol.lower(), "protocol": protocol}], **spec},
    }


def selecting(kind: str, api: str, name: str, app: str, **spec: Any) -> dict[str, Any]:
    """A resource that selects one workload."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": {**spec, **_selector(kind, app)}}


def _selector(kind: str, app: str) -> dict[str, Any]:
    if kind == "Sidecar":
        return {"workloadSelector": {"labels": {"app": app}}}
    return {"selector": {"matchLabels": {"app": app}}}


def telemetry(app: str, **spec: Any) -> dict[str, Any]:
    """A Telemetry of one workload."""
    return selecting("Telemetry", "telemetry.istio.io/v1", app, app, **spec)


def tls_route(name: str, sni: str, port: int, destination: str, **spec: Any) -> dict[str, Any]:
    """A VirtualService that leads TLS connections on, by the name that they ask for."""
    rule = {"match": [{"port": port, "sniHosts": [sni]}], "route": [{"destination": {"host": destination}}]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name},
        "spec": {"hosts": [sni], "tls": [rule], **spec},
    }


def gateway() -> list[dict[str, Any]]:
    """A router with a TCP server and one that passes TLS on, both in front of `lines`."""
    router = deployment("edge")
    router["spec"]["template"]["metadata"] = {
        "annotations": {"inject.istio.io/templates": "gateway"},
        "labels": {"app": "edge", "sidecar.istio.io/inject": "true"},
    }
    router["spec"]["template"]["spec"]["containers"] = [{"name": "istio-proxy", "image": "auto"}]
    servers = [
        {"port": {"number": TCP_GATEWAY, "name": "tcp", "protocol": "TCP"}, "hosts": ["*"]},
        {
            "port": {"number": TLS_GATEWAY, "name": "tls", "protocol": "TLS"},
            "tls": {"mode": "PASSTHROUGH"},
            "hosts": ["lines.example"],
        },
    ]
    route = [{"destination": {"host": "lines", "port": {"number": LINES}}}]
    routes = {
        "hosts": ["*"],
        "gateways": ["edge"],
        "tcp": [{"match": [{"port": TCP_GATEWAY}], "route": route}],
    }
    api = "networking.istio.io/v1"
    return [
        router,
        {
            "apiVersion": api,
            "kind": "Gateway",
            "metadata": {"name": "edge"},
            "spec": {"selector": {"app": "edge"}, "servers": servers},
        },
        {"apiVersion": api, "kind": "VirtualService", "metadata": {"name": "tcp"}, "spec": routes},
        tls_route("tls", "lines.example", TLS_GATEWAY, "lines", gateways=["edge"]),
    ]


@dataclass(frozen=True)
class Mesh:
    """A running mesh with the metrics of TCP of its proxies."""

    running: Running
    log: Path
    """Access log of the sidecar of `teller`."""

    def connect(self, owner: str, port: int) -> socket.socket:
        """A connection that the proxy of a workload takes from it."""
        admin = self._proxy(owner).admin
        listeners = requests.get(f"{admin}/listeners", timeout=5).text.split()
        (address,) = {text.rpartition("::")[2] for text in listeners if text.endswith(f":{port}")}
        return socket.create_connection((address.rpartition(":")[0], port), timeout=5)

    def connect_to(self, owner: str, port: int) -> socket.socket:
        """A connection from outside of the mesh to the proxy of a workload."""
        return socket.create_connection((self._proxy(owner).address, port), timeout=5)

    def counts(self, owner: str) -> Series:
        """Every series of TCP that a proxy has."""
        return {
            (sample.name, tuple(sample.labels.items())): sample.value
            for one in scrape([self._proxy(owner)])
            for family in one.families
            for sample in family.samples
            if sample.name.startswith("istio_tcp_")
        }

    def counted(self, owner: str, act: Callable[[], object]) -> tuple[Labels, Counts]:
        """What a connection adds to the metrics of a proxy, from its opening to its end, and the labels of that."""
        before = self.counts(owner)
        act()
        eventually(lambda: _moved(before, self.counts(owner)).keys() >= {OPENED, CLOSED})
        moved = _moved(before, self.counts(owner))
        assert {name: len(found) for name, found in moved.items()} == dict.fromkeys(moved, 1)
        (labels, *others) = [found[0][0] for found in moved.values()]
        assert others == [labels] * len(others)
        return labels, {name: moved[name][0][1] if name in moved else 0 for name in (OPENED, CLOSED, RECEIVED, SENT)}

    def _proxy(self, owner: str) -> RunningProxy:
        return next(proxy for proxy in self.running.view.proxies if proxy.owner == owner)


def _moved(before: Series, now: Series) -> dict[str, list[tuple[Labels, float]]]:
    moved: dict[str, list[tuple[Labels, float]]] = {}
    for (name, labels), value in now.items():
        if value > before.get((name, labels), 0):
            moved.setdefault(name, []).append((dict(labels), value - before.get((name, labels), 0)))
    return moved


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    directory = tmp_path_factory.mktemp("tcp") / "mesh"
    security, networking = "security.istio.io/v1", "networking.istio.io/v1"
    objects = [
        deployment("web"),
        deployment("open"),
        deployment("teller"),
        *tcp("lines", LINES),
        *tcp("bare", BARE, inject=False),
        *tcp("greeter", GREETER, greeting=True),
        *tcp("plain", PLAIN, greeting=True),
        *tcp("guarded", GUARDED),
        *tcp("strict", STRICT),
        entry(
            "dead.example", DEAD, "TCP", resolution="STATIC", endpoints=[{"address": "127.0.0.1", "ports": {"tcp": 1}}]
        ),
        entry("secret.example", TLS, "TLS", resolution="STATIC", endpoints=[{"address": "127.0.0.1"}]),
        tls_route("secret", "secret.example", TLS, "secret.example"),
        selecting("PeerAuthentication", security, "strict", "strict", mtls={"mode": "STRICT"}),
        selecting("PeerAuthentication", security, "plain", "plain", mtls={"mode": "DISABLE"}),
        selecting("AuthorizationPolicy", security, "guarded", "guarded"),
        selecting(
            "Sidecar",
            networking,
            "open",
            "open",
            outboundTrafficPolicy={"mode": "ALLOW_ANY"},
            egress=[{"hosts": ["*/*"]}],
        ),
        telemetry(
            "teller",
            accessLogging=[{"providers": [{"name": "file"}]}],
            metrics=[{"providers": [{"name": "prometheus"}], "overrides": OVERRIDES}],
        ),
        *gateway(),
    ]
    log = directory.with_name("access.log")
    config = {
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        "extensionProviders": [
            {"name": "file", "envoyFileAccessLog": {"path": str(log), "logFormat": {"text": LOG_LINE}}}
        ],
    }
    lines = (f"{key}: {json.dumps(value)}" for key, value in config.items())
    write(directory, mesh="\n".join((MESH_CONFIG, *lines)), app=documents(*objects))
    with start(Settings(directory), Options(base=tmp_path_factory.mktemp("runs"))) as running:
        yield Mesh(running, log)


def say(connection: socket.socket, text: bytes = b"hello\n") -> bytes:
    """Say a line, hear what comes back, and end the connection; nothing comes back from one that is refused."""
    with connection:
        try:
            connection.sendall(text)
            return connection.recv(10_000)
        except OSError:
            return b""


def client_hello(name: str) -> bytes:
    """What a client says first that asks for a name by TLS, and an end of line."""
    sent = ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return sent.read() + b"\n"


def workload(name: str, **differing: str) -> Labels:
    """What is known of a workload of this mesh."""
    known = {"workload": name, "app": name, "version": "v1", "canonical_service": name, "canonical_revision": "v1"}
    principal = f"spiffe://cluster.local/ns/default/sa/{name}"
    return {**known, "workload_namespace": "default", "principal": principal, "cluster": "Kubernetes", **differing}


NOBODY = {**dict.fromkeys(workload(""), "unknown"), "canonical_revision": "latest"}
NO_LABELS = {"app": "unknown", "version": "unknown"}
"""An endpoint does not say these."""


def labels(reporter: str, source: Labels, destination: Labels, service: str, **differing: str) -> Labels:
    """Labels of a connection that nothing is the matter with."""
    return {
        "reporter": reporter,
        **{f"source_{name}": value for name, value in source.items()},
        **{f"destination_{name}": value for name, value in destination.items()},
        "destination_service": f"{service}.default.svc.cluster.local",
        "destination_service_name": service,
        "destination_service_namespace": "default",
        "request_protocol": "tcp",
        "response_flags": "-",
        "connection_security_policy": "unknown" if reporter == "source" else "mutual_tls",
        **differing,
    }


def counts(received: int, sent: int) -> Counts:
    """One connection with so many bytes."""
    return {OPENED: 1, CLOSED: 1, RECEIVED: received, SENT: sent}


def test_a_client_knows_the_workload_by_its_endpoint_and_its_certificate(mesh: Mesh) -> None:
    said, added = mesh.counted("web", lambda: say(mesh.connect("web", LINES)))
    assert said == labels("source", workload("web"), workload("lines", **NO_LABELS), "lines")
    assert added == counts(6, 6)


def test_a_server_knows_the_client_by_its_certificate(mesh: Mesh) -> None:
    client = workload("web")
    known = {name: client[name] for name in ("workload_namespace", "principal")}
    said, added = mesh.counted("lines", lambda: say(mesh.connect("web", LINES)))
    assert said == labels("destination", NOBODY | known, workload("lines"), "lines")
    assert added == counts(6, 6)


def test_a_workload_without_sidecar_has_no_principal(mesh: Mesh) -> None:
    said, added = mesh.counted("web", lambda: say(mesh.connect("web", BARE)))
    bare = workload("bare", principal="unknown", **NO_LABELS)
    assert said == labels("source", workload("web", principal="unknown"), bare, "bare")
    assert added == counts(6, 6)


def test_a_client_in_plaintext_is_unknown(mesh: Mesh) -> None:
    said, added = mesh.counted("lines", lambda: say(mesh.connect_to("lines", LINES)))
    server = workload("lines", principal="unknown")
    assert said == labels("destination", NOBODY, server, "lines", connection_security_policy="none")
    assert added == counts(6, 6)


@pytest.mark.parametrize("port", [GREETER, PLAIN], ids=["mutual TLS", "plaintext"])
def test_a_server_may_speak_first(mesh: Mesh, port: int) -> None:
    """Its sidecar waits for the client's certificate, and not for the client's first word."""
    with mesh.connect("web", port) as connection:
        assert connection.recv(100) == b"hello\n"


def test_bytes_of_a_long_connection_count_once_at_its_end(mesh: Mesh) -> None:
    before = mesh.counts("web")
    with mesh.connect("web", LINES) as connection, connection.makefile("rb") as answers:
        for number in range(200):
            connection.sendall(b"x" * 999 + b"\n")
            assert len(answers.readline()) == 1000
            if number in (0, 199):
                (opened,) = (name for name in _moved(before, mesh.counts("web")))
                assert opened == OPENED
    eventually(lambda: CLOSED in _moved(before, mesh.counts("web")))
    moved = _moved(before, mesh.counts("web"))
    assert {name: value for name, [(_, value)] in moved.items()} == counts(200_000, 200_000)


def test_an_address_where_nobody_listens(mesh: Mesh) -> None:
    said, added = mesh.counted("web", lambda: say(mesh.connect("web", DEAD)))
    assert said["response_flags"] == "UF,URX"
    assert said["destination_service"] == said["destination_service_name"] == "dead.example"
    assert said["destination_workload"] == said["destination_principal"] == "unknown"
    assert added == counts(0, 0)


@pytest.mark.parametrize(("client", "cluster"), [("web", "BlackHoleCluster"), ("open", "PassthroughCluster")])
def test_what_nobody_declared_is_named_after_where_it_goes(mesh: Mesh, client: str, cluster: str) -> None:
    """Nothing is redirected here, so that the one does not know where to either."""
    hello = client_hello("elsewhere.example")
    said, added = mesh.counted(client, lambda: say(mesh.connect(client, TLS), hello))
    assert said["destination_service_name"] == cluster
    assert said["destination_service"] == said["destination_service_namespace"] == "unknown"
    assert said["response_flags"] == "UH"
    assert added == counts(0, 0)


def test_a_client_that_policy_denies_is_counted_by_name(mesh: Mesh) -> None:
    said, added = mesh.counted("guarded", lambda: say(mesh.connect("web", GUARDED)))
    assert said["source_principal"] == "spiffe://cluster.local/ns/default/sa/web"
    assert said["connection_security_policy"] == "mutual_tls"
    assert added == counts(0, 0)


def test_a_client_without_certificate_that_needs_one(mesh: Mesh) -> None:
    """No application hears of it."""
    hello = client_hello("strict.example")
    said, added = mesh.counted("strict", lambda: say(mesh.connect_to("strict", STRICT), hello))
    assert said["source_principal"] == "unknown"
    assert said["connection_security_policy"] == "none"
    assert added == counts(0, 0)


def test_metrics_are_changed_as_telemetry_says(mesh: Mesh) -> None:
    """A value that a connection does not have is unknown."""
    before = mesh.counts("teller")
    say(mesh.connect("teller", LINES))
    eventually(lambda: _moved(before, mesh.counts("teller")).keys() >= {OPENED, CLOSED, RECEIVED})
    moved = _moved(before, mesh.counts("teller"))
    [(closed, _)] = moved[CLOSED]
    assert {"port": str(LINES), "tenant": "unknown"}.items() <= closed.items()
    assert "source_app" not in closed
    [(opened, _)] = moved[OPENED]
    assert opened == labels("source", workload("teller"), workload("lines", **NO_LABELS), "lines")
    assert SENT not in moved


def test_an_access_log_tells_of_a_connection_once(mesh: Mesh) -> None:
    """Though its proxy counts the opening and the end."""
    say(mesh.connect("teller", BARE))
    say(mesh.connect("teller", DEAD))
    eventually(lambda: str(DEAD) in mesh.log.read_text(), seconds=20)  # Envoy writes every 10 s
    told = mesh.log.read_text().splitlines()
    assert [line for line in told if str(LINES) not in line] == [f"TcpConnectionEnd {port}" for port in (BARE, DEAD)]


@pytest.mark.parametrize(("port", "text"), [(TCP_GATEWAY, b"hello\n"), (TLS_GATEWAY, client_hello("lines.example"))])
def test_a_gateway_reports_as_source(mesh: Mesh, port: int, text: bytes) -> None:
    said, added = mesh.counted("edge", lambda: say(mesh.connect("edge", port), text))
    edge = workload("edge", version="unknown", canonical_revision="latest")
    assert said == labels("source", edge, workload("lines", **NO_LABELS), "lines")
    assert added == counts(len(text), len(text))
