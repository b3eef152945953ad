"""Istio's metrics of TCP from real Envoys: every label from both sides, and what a connection adds when."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest

from connections import (
    BARE,
    CLOSED,
    DEAD,
    GREETER,
    GUARDED,
    LINES,
    OPENED,
    PLAIN,
    RECEIVED,
    SENT,
    STRICT,
    TCP_GATEWAY,
    TLS,
    TLS_GATEWAY,
    Counts,
    Labels,
    Mesh,
    moved_since,
    write_connections,
)
from harness import counters, eventually, in_force
from lateen.runtime.plan import Settings
from lateen.runtime.supervisor import Options, start
from meshes import save


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("connections")
    log = folder / "access.log"
    write_connections(folder / "mesh", log)
    with start(Settings(folder / "mesh"), Options(base=tmp_path_factory.mktemp("runs"))) as running:
        yield Mesh(running, log, folder / "mesh")


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

EVERY_LISTENER = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {accessLogging: [{providers: [{name: envoy}]}]}
"""
"""An edit that replaces all of them."""


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
                (opened,) = (name for name in moved_since(before, mesh.counts("web")))
                assert opened == OPENED
    eventually(lambda: CLOSED in moved_since(before, mesh.counts("web")))
    moved = moved_since(before, mesh.counts("web"))
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


def test_no_application_hears_of_a_client_before_its_certificate(mesh: Mesh) -> None:
    before = mesh.counts("strict")

    def begin_a_handshake() -> None:
        with mesh.connect_to("strict", STRICT) as connection:
            connection.sendall(client_hello("strict.example"))
            assert connection.recv(100)
            assert moved_since(before, mesh.counts("strict")) == {}

    said, added = mesh.counted("strict", begin_a_handshake)
    assert said["source_principal"] == "unknown"
    assert said["connection_security_policy"] == "none"
    assert added == counts(0, 0)


def test_metrics_are_changed_as_telemetry_says(mesh: Mesh) -> None:
    """A value that a connection does not have is unknown."""
    before = mesh.counts("teller")
    say(mesh.connect("teller", LINES))
    eventually(lambda: moved_since(before, mesh.counts("teller")).keys() >= {OPENED, CLOSED, RECEIVED})
    moved = moved_since(before, mesh.counts("teller"))
    [(closed, _)] = moved[CLOSED]
    assert {"port": str(LINES), "even": "false", "tenant": "unknown"}.items() <= closed.items()
    assert "source_app" not in closed
    [(opened, _)] = moved[OPENED]
    assert opened == labels("source", workload("teller"), workload("lines", **NO_LABELS), "lines")
    assert SENT not in moved


def test_an_access_log_tells_of_a_connection_once(mesh: Mesh) -> None:
    """Though its proxy counts the opening and the end."""
    say(mesh.connect("teller", BARE))
    say(mesh.connect("teller", DEAD))
    eventually(lambda: {str(BARE), str(DEAD)} <= set(mesh.log.read_text().split()), seconds=20)  # written every 10 s
    told = mesh.log.read_text().splitlines()
    others = sorted(line for line in told if str(LINES) not in line)  # connections end when they do
    assert others == sorted(f"TcpConnectionEnd {port}" for port in (BARE, DEAD))


@pytest.mark.parametrize(("port", "text"), [(TCP_GATEWAY, b"hello\n"), (TLS_GATEWAY, client_hello("lines.example"))])
def test_a_gateway_reports_as_source(mesh: Mesh, port: int, text: bytes) -> None:
    said, added = mesh.counted("edge", lambda: say(mesh.connect("edge", port), text))
    edge = workload("edge", version="unknown", canonical_revision="latest")
    assert said == labels("source", edge, workload("lines", **NO_LABELS), "lines")
    assert added == counts(len(text), len(text))


def test_counts_outlive_the_listeners_that_made_them(mesh: Mesh) -> None:
    say(mesh.connect("web", LINES))
    eventually(lambda: CLOSED in {name for name, _ in mesh.counts("web")})
    before = mesh.counts("web")

    def draining() -> int:
        return counters(mesh.running, "web", r"^listener_manager\.total_listeners_draining$").popitem()[1]

    in_force(mesh.running, lambda: save(mesh.directory / "telemetry.yaml", EVERY_LISTENER))
    assert draining()
    eventually(lambda: not draining())
    assert mesh.counts("web") == before
