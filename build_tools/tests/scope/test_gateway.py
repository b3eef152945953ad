"""What a router serves: ports, merging, routes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.scope.scope import scope
from lateen.scope.views import GatewayView

Load = Callable[..., Mesh]


def gateway(name: str, servers: str, selector: str = "{app: edge}", namespace: str = "edge") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: Gateway\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec: {{selector: {selector}, servers: [{servers}]}}\n---\n"
    )


def server(number: int, protocol: str = "HTTP", host: str = "'*'", tls: str = "", more: str = "") -> str:
    port = f"{{number: {number}, name: p{number}-{protocol.lower()}, protocol: {protocol}}}"
    return f"{{port: {port}, hosts: [{host}]{', tls: ' + tls if tls else ''}{more}}}"


def service(ports: str, labels: str = "{}") -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: edge, namespace: edge, labels: {labels}}}\n"
        f"spec: {{selector: {{app: edge}}, ports: [{ports}]}}\n---\n"
    )


def view_of(mesh: Mesh) -> GatewayView:
    view, _ = scope(mesh, Proxy("edge", "edge", "router", labels={"app": "edge"}))
    assert view.outbound is None
    assert view.inbound is None
    assert view.gateway is not None
    return view.gateway


def layout(mesh: Mesh) -> list[tuple[int, int, list[str]]]:
    """Each listener's port, its servers' number, and the gateways with the protocols that they serve there."""
    return [
        (port.port, port.server_port, [f"{s.gateway.name}:{s.server.protocol}" for s in port.servers])
        for port in view_of(mesh).ports
    ]


SIMPLE = "{mode: SIMPLE, credentialName: c}"


@pytest.mark.parametrize(
    ("gateways", "ports"),
    [
        (gateway("a", server(80)) + gateway("b", server(80)), [(80, 80, ["a:HTTP", "b:HTTP"])]),
        (gateway("a", server(80)) + gateway("b", server(80, "GRPC")), [(80, 80, ["a:HTTP", "b:GRPC"])]),
        (gateway("a", server(80)) + gateway("b", server(80, "TCP")), [(80, 80, ["a:HTTP"])]),
        (gateway("a", server(80, "TCP")) + gateway("b", server(80)), [(80, 80, ["a:TCP"])]),
        (gateway("a", server(80, "TCP")) + gateway("b", server(80, "TCP")), [(80, 80, ["a:TCP"])]),
        (
            gateway("a", server(443, "HTTPS", "a.x", SIMPLE)) + gateway("b", server(443, "HTTPS", "b.x", SIMPLE)),
            [(443, 443, ["a:HTTPS", "b:HTTPS"])],
        ),
        (
            gateway("a", server(443, "HTTPS", "a.x", SIMPLE)) + gateway("b", server(443, "TLS", "a.x", SIMPLE)),
            [(443, 443, ["a:HTTPS"])],
        ),
        (
            gateway("a", server(443, "HTTPS", "a.x", SIMPLE)) + gateway("b", server(443, "HTTP", "b.x")),
            [(443, 443, ["a:HTTPS"])],
        ),
        (
            gateway("a", server(80) + ", " + server(81, more=", bind: 10.0.0.1")),
            [(80, 80, ["a:HTTP"]), (81, 81, ["a:HTTP"])],
        ),
        (
            gateway("a", server(80, "TCP")) + gateway("b", server(80, "TCP", more=", bind: 10.0.0.1")),
            [(80, 80, ["a:TCP"]), (80, 80, ["b:TCP"])],
        ),
        (gateway("a", server(80), "{app: other}"), []),
        (gateway("a", server(80), "{}"), [(80, 80, ["a:HTTP"])]),
        (gateway("a", server(80), namespace="far"), [(80, 80, ["a:HTTP"])]),
    ],
)
def test_the_first_gateway_keeps_the_port(
    mesh_of: Load, gateways: str, ports: list[tuple[int, int, list[str]]]
) -> None:
    assert layout(mesh_of(gateways)) == ports


def test_a_router_listens_on_the_target_port_of_its_service(mesh_of: Load) -> None:
    text = gateway("a", server(80) + ", " + server(9999))
    assert layout(mesh_of(text + service("{port: 80, targetPort: 8080, name: http}"))) == [
        (8080, 80, ["a:HTTP"]),
        (9999, 9999, ["a:HTTP"]),
    ]


def test_translation_of_ports_can_be_switched_off(mesh_of: Load) -> None:
    labels = "{experimental.istio.io/disable-gateway-port-translation: 'true'}"
    text = gateway("a", server(80)) + service("{port: 80, targetPort: 8080, name: http}", labels)
    assert layout(mesh_of(text)) == [(80, 80, ["a:HTTP"])]


def test_servers_that_translate_to_one_port_share_it(mesh_of: Load) -> None:
    text = gateway("a", server(80) + ", " + server(8080)) + service("{port: 80, targetPort: 8080, name: http}")
    assert layout(mesh_of(text)) == [(8080, 80, ["a:HTTP", "a:HTTP"])]


def route(name: str, gateways: str, match: str = "", more: str = "") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: {name}, namespace: edge}}\nspec: {{hosts: [h.x], gateways: [{gateways}]{more}, "
        f"http: [{{{match}route: [{{destination: {{host: b.x}}}}]}}]}}\n---\n"
    )


def test_a_gateway_has_all_routes_that_are_bound_to_it(mesh_of: Load) -> None:
    text = gateway("a", server(80)) + gateway("b", server(81))
    text += route("one", "a") + route("two", "edge/a, mesh") + route("three", "b")
    text += route("four", "a, b", match="match: [{gateways: [b]}], ") + route("hidden", "a", more=", exportTo: [other]")
    view = view_of(mesh_of(text))
    assert {key: [r.ref.name for r in routes] for key, routes in view.http_routes} == {
        "edge/a": ["one", "two"],
        "edge/b": ["four", "three"],
    }
    assert view.routes_of("edge/none") == ()


def test_a_router_can_send_to_every_service_it_sees(mesh_of: Load) -> None:
    text = gateway("a", server(80)) + service("{port: 80, name: http}")
    text += "apiVersion: v1\nkind: Service\nmetadata: {name: b, namespace: far}\nspec: {ports: [{port: 80}]}\n"
    assert [v.service.ref.name for v in view_of(mesh_of(text)).services] == ["b", "edge"]
