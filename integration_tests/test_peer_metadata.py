"""What two sidecars learn of each other over mutual TLS, and what they keep to themselves."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from lateen.identity.ca import Certificate
from peers import LOOPBACK, REVIEWS, WEB, Peers, peers

HEADERS = ("x-envoy-peer-metadata", "x-envoy-peer-metadata-id")
NOBODY = ["unknown", "unknown", "unknown", "unknown", "unknown", "latest", "unknown"]
SEEN_WEB = ["web", "shop", "web", "v1", "storefront", "latest", "c1"]
SEEN_REVIEWS = ["reviews", "other", "reviews", "unknown", "unknown", "r2", "c1"]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    with peers(tmp_path_factory.mktemp("peers")) as running:
        yield running


def description(metadata: dict[str, Any]) -> str:
    """Metadata as another implementation sends it, without padding."""
    message = Struct()
    message.update(metadata)
    return base64.b64encode(message.SerializeToString(deterministic=True)).decode().rstrip("=")


def described(header: str) -> Any:
    """What another implementation reads in a header."""
    return json_format.MessageToDict(Struct.FromString(base64.b64decode(header)))


def connect(mesh: Peers, certificate: Certificate, folder: Path) -> http.client.HTTPConnection:
    """A connection to the callee's sidecar that proves this identity."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the identity is a URI, which Python does not compare
    context.load_verify_locations(cadata=mesh.authority.root_pem.decode())
    pair = folder / "pair.pem"
    pair.write_bytes(certificate.chain + certificate.key.reveal())
    context.load_cert_chain(pair)
    return http.client.HTTPSConnection(LOOPBACK, mesh.callee.ports["mtls"], context=context, timeout=10)


def ask(connection: http.client.HTTPConnection, path: str, **headers: str) -> http.client.HTTPResponse:
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    response.read()
    return response


def test_both_sides_learn_who_the_other_is(mesh: Peers) -> None:
    response = mesh.call("/both")
    assert response.status_code == 200
    assert mesh.callee.peer("/both", "downstream") == SEEN_WEB
    assert mesh.caller.peer("/both", "upstream") == SEEN_REVIEWS


def test_additional_labels_of_the_peer_are_published_beside_the_others(mesh: Peers) -> None:
    assert mesh.call("/labelled").status_code == 200
    assert mesh.callee.record("/labelled")["downstream_labels.team"] == "front"
    assert mesh.caller.record("/labelled")["upstream_labels.team"] == "unknown"


def test_a_caller_that_describes_itself_in_its_baggage_is_believed_for_its_namespace(
    mesh: Peers, tmp_path: Path
) -> None:
    """As an ambient proxy of Istio does; the application's baggage reaches the application."""
    for namespace, expected in [("shop", "web"), ("other", "unknown")]:
        baggage = f"k8s.namespace.name={namespace},k8s.deployment.name=web,user=1"
        certificate = mesh.authority.issue("spiffe://cluster.local/ns/shop/sa/web")
        path = f"/baggage-{namespace}"
        response = ask(connect(mesh, certificate, tmp_path), path, baggage=baggage)
        assert not any(name in response.headers for name in HEADERS)
        assert mesh.callee.peer(path, "downstream")[:2] == [expected, "shop"]
        assert mesh.arrivals.headers[path]["baggage"] == baggage


def test_no_application_sees_a_trace_of_it(mesh: Peers) -> None:
    response = mesh.call("/quiet")
    assert not any(name in response.headers for name in HEADERS)
    assert not any(name in mesh.arrivals.headers["/quiet"] for name in HEADERS)


def test_a_denied_request_has_the_labels_of_both(mesh: Peers) -> None:
    assert mesh.call("/denied").status_code == 403
    assert mesh.callee.peer("/denied", "downstream") == SEEN_WEB
    assert mesh.caller.peer("/denied", "upstream") == SEEN_REVIEWS


def test_native_policy_reads_the_attributes(mesh: Peers, tmp_path: Path) -> None:
    assert mesh.call("/for-cart").status_code == 403
    cart = mesh.authority.issue("spiffe://cluster.local/ns/shop/sa/cart")
    claim = description({"NAMESPACE": "shop", "WORKLOAD_NAME": "cart"})
    assert ask(connect(mesh, cart, tmp_path), "/for-cart", x_envoy_peer_metadata=claim).status == 200


def test_metadata_of_another_implementation_is_understood_and_answered(mesh: Peers, tmp_path: Path) -> None:
    web = mesh.authority.issue("spiffe://cluster.local/ns/shop/sa/web")
    claim = description(WEB | {"OWNER": "kubernetes://x", "MORE": {"deep": {"er": 1}}, "LIST": [1, "two", None]})
    answer = ask(connect(mesh, web, tmp_path), "/foreign", x_envoy_peer_metadata=claim, x_envoy_peer_metadata_id="id")
    assert mesh.callee.peer("/foreign", "downstream") == SEEN_WEB
    assert described(answer.headers["x-envoy-peer-metadata"]) == REVIEWS
    assert answer.headers["x-envoy-peer-metadata-id"] == f"sidecar~{LOOPBACK}~reviews-0~local"


def test_a_caller_that_does_not_exchange_is_known_by_its_certificate(mesh: Peers, tmp_path: Path) -> None:
    web = mesh.authority.issue("spiffe://cluster.local/ns/shop/sa/web")
    answer = ask(connect(mesh, web, tmp_path), "/silent")
    assert mesh.callee.peer("/silent", "downstream") == ["unknown", "shop", *NOBODY[2:]]
    assert not any(name in answer.headers for name in HEADERS)


def test_a_caller_cannot_speak_for_another_namespace(mesh: Peers, tmp_path: Path) -> None:
    other = mesh.authority.issue("spiffe://cluster.local/ns/else/sa/liar")
    answer = ask(connect(mesh, other, tmp_path), "/liar", x_envoy_peer_metadata=description(WEB))
    assert mesh.callee.peer("/liar", "downstream") == ["unknown", "else", *NOBODY[2:]]
    assert not any(name in answer.headers for name in HEADERS)
    assert not any(name in mesh.arrivals.headers["/liar"] for name in HEADERS)


def test_in_plaintext_nobody_is_believed_and_nobody_is_told(mesh: Peers) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, mesh.callee.ports["plain"], timeout=10)
    answer = ask(connection, "/clear", x_envoy_peer_metadata=description(WEB))
    assert mesh.callee.peer("/clear", "downstream") == NOBODY
    assert not any(name in answer.headers for name in HEADERS)
    assert not any(name in mesh.arrivals.headers["/clear"] for name in HEADERS)


@pytest.mark.parametrize("listener", ["outbound", "gateway"])
@pytest.mark.parametrize("way", ["external", "passthrough"])
def test_nothing_leaves_the_mesh(mesh: Peers, way: str, listener: str) -> None:
    path = f"/{way}/{listener}"
    headers = dict.fromkeys(HEADERS, "made-up")
    mesh.call(path, listener, **headers)
    assert not any(name in mesh.arrivals.headers[path] for name in HEADERS)


def test_a_callee_that_cannot_prove_itself_is_what_its_endpoint_says(mesh: Peers) -> None:
    response = mesh.call("/external/forged")
    assert "x-envoy-peer-metadata" not in response.headers
    expected = ["described", "by-endpoint", "unknown", "unknown", "name", "r9", "c9"]
    assert mesh.caller.peer("/external/forged", "upstream") == expected


def test_an_application_cannot_speak_for_its_sidecar(mesh: Peers) -> None:
    mesh.call("/forged", **dict.fromkeys(HEADERS, "made-up"))
    assert mesh.callee.peer("/forged", "downstream") == SEEN_WEB
    assert mesh.caller.peer("/forged", "upstream") == SEEN_REVIEWS


def test_the_edge_of_the_mesh_takes_nothing_and_tells_nothing(mesh: Peers) -> None:
    response = mesh.call("/edge", "gateway", **{"x-envoy-peer-metadata": description(REVIEWS)})
    assert not any(name in response.headers for name in HEADERS)
    assert mesh.caller.peer("/edge", "downstream") == NOBODY
    assert mesh.caller.peer("/edge", "upstream") == SEEN_REVIEWS
    assert mesh.callee.peer("/edge", "downstream") == SEEN_WEB
