"""What a sidecar offers by ALPN to the proxies of other workloads: HTTP of the mesh, in the version that is spoken."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import pytest

import lateen
from harness import eventually
from lateen.identity import Authority, spiffe_id
from lateen.identity.files import write
from lateen.runtime.child import Child
from lateen.runtime.envoy import envoy_options
from lateen.runtime.process.addresses import ClaimedBlock
from lateen.runtime.supervision import stop
from lateen.schema.binary import find_envoy

PROTOCOLS = {"first": "HTTP", "second": "HTTP2", "any": "", "plain": "HTTP"}
PREFERRED = ["istio-h2", "istio-http/1.0", "istio-http/1.1", "istio", "-", "h2", "http/1.1"]
"""By the server: what only the mesh offers first, then the dash of an expression without a value."""

PROXY_PORT = 15002

ENTRY = """\
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [{name}.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 8080, name: port, targetPort: {port}, protocol: '{protocol}'}}]
  endpoints: [{{address: 127.0.0.1, serviceAccount: server}}]
"""
PLAIN = """\
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain, namespace: shop}
spec: {host: plain.example, trafficPolicy: {tls: {mode: SIMPLE, sni: plain.example, insecureSkipVerify: true}}}
"""
CLIENT = """\
apiVersion: v1
kind: Pod
metadata: {{name: client, namespace: shop, labels: {{app: client}}}}
spec: {{serviceAccountName: client, containers: [{{name: app, image: app}}]}}
status: {{podIP: {address}}}
"""


@dataclass(frozen=True, slots=True)
class Offers:
    """What was chosen of the sidecar's offers, by the server name that it asked for; and the sidecar's proxy port."""

    chosen: dict[str, str | None]
    proxy: str


@pytest.fixture(scope="module")
def offers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offers]:
    folder = tmp_path_factory.mktemp("alpn")
    authority = Authority.create("cluster.local")
    for name in ("client", "server"):
        issued = authority.issue(spiffe_id("cluster.local", "shop", name))
        write(folder / name / "cert-chain.pem", issued.chain)
        write(folder / name / "key.pem", issued.key.reveal(), 0o600)
        write(folder / name / "root-cert.pem", authority.root_pem)
    chosen: dict[str, str | None] = {}
    with ClaimedBlock() as claimed, closing(_server(folder / "server", chosen)) as server:
        outbound = claimed.block.outbound(1)
        metadata = {
            "INTERCEPTION_MODE": "NONE",
            "LATEEN_BIND_ADDRESS": claimed.block.inbound(1),
            "LATEEN_OUTBOUND_ADDRESS": outbound,
            "LATEEN_CERT_DIR": str(folder / "client"),
            "LATEEN_METADATA_EXCHANGE": "false",
        }
        config = _sidecar(claimed.block.inbound(1), server.getsockname()[1], metadata)
        path = folder / "envoy.json"
        path.write_text(json.dumps(config))
        sidecar = Child((str(find_envoy()), "--config-path", str(path), *envoy_options(5.0)), folder / "envoy.log")
        try:
            eventually(lambda: _listens(outbound), 30.0)
            yield Offers(chosen, outbound)
        finally:
            stop([sidecar])


def _sidecar(address: str, port: int, metadata: dict[str, str]) -> object:
    entries = [ENTRY.format(name=name, protocol=protocol, port=port) for name, protocol in PROTOCOLS.items()]
    mesh = lateen.load(lateen.Source(CLIENT.format(address=address) + "".join(entries) + PLAIN, "mesh.yaml"))
    [proxy] = mesh.proxies()
    return lateen.compile(mesh, replace(proxy, metadata=metadata)).static()


def _server(folder: Path, chosen: dict[str, str | None]) -> socket.socket:
    """A TLS server that remembers what it chose, by server name, and then hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert-chain.pem", folder / "key.pem")
    context.set_alpn_protocols(PREFERRED)
    names: dict[ssl.SSLObject | ssl.SSLSocket, str] = {}
    context.sni_callback = lambda connection, name, _: names.update({connection: name or ""})
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):  # closed at the end
            while True:
                plain, _ = server.accept()
                with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as connection:
                    chosen[names.pop(connection)] = connection.selected_alpn_protocol()

    threading.Thread(target=serve, daemon=True).start()
    return server


def _listens(address: str) -> bool:
    with suppress(OSError), socket.create_connection((address, PROXY_PORT), 1):
        return True
    return False


def ask(offers: Offers, name: str, version: str = "1.1") -> str | None:
    """What was offered first of what the server knows, when a client asks in that version of HTTP/1."""
    offers.chosen.clear()
    with closing(socket.create_connection((offers.proxy, PROXY_PORT), 10)) as connection:
        connection.sendall(f"GET / HTTP/{version}\r\nHost: {name}.example:8080\r\n\r\n".encode())
        connection.recv(1)
    return next(iter(offers.chosen.values()))


@pytest.mark.parametrize(("name", "offered"), [("first", "istio-http/1.1"), ("second", "istio-h2")])
def test_the_version_of_a_declared_port_is_offered(offers: Offers, name: str, offered: str) -> None:
    assert ask(offers, name) == offered


@pytest.mark.parametrize(("version", "offered"), [("1.1", "istio-http/1.1"), ("1.0", "istio-http/1.0")])
def test_an_undeclared_port_is_offered_the_clients_version(offers: Offers, version: str, offered: str) -> None:
    assert ask(offers, "any", version) == offered


def test_an_undeclared_port_is_offered_http2_by_a_client_of_http2(offers: Offers) -> None:
    offers.chosen.clear()
    options = [("grpc.default_authority", "any.example:8080"), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"{offers.proxy}:{PROXY_PORT}", options) as channel, suppress(grpc.RpcError):
        channel.unary_unary("/a.B/C")(b"", timeout=10)
    assert next(iter(offers.chosen.values())) == "istio-h2"


def test_a_server_with_tls_of_its_own_is_offered_nothing_of_the_mesh(offers: Offers) -> None:
    assert ask(offers, "plain") == "http/1.1"
