"""Every route is traced to the match that it was made from."""

from __future__ import annotations

from collections.abc import Callable

from lateen.scope.views import ProxyScope
from lateen.xds.routes import gateway_routes, outbound_routes

MESH = """\
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {clusterIP: 10.0.0.2, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - name: chosen
    match:
    - uri: {prefix: /a}
    - uri: {prefix: /b}
    route: [{destination: {host: reviews}}]
  - route: [{destination: {host: reviews}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop}
spec:
  selector: {istio: ingress}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop.example]
  gateways: [shop]
  http:
  - route: [{destination: {host: reviews}}]
"""


def test_a_route_stands_where_its_match_does(scope_of: Callable[..., ProxyScope]) -> None:
    found = outbound_routes(scope_of(MESH))
    lines = [found.origins["80", f"virtual_hosts[0].routes[{i}]"].line for i in range(3)]
    assert lines == [14, 15, 17]
    assert found.origins["80", "virtual_hosts[0].routes[1]"].field_path == "spec.http[0].match[1]"
    assert found.origins["80", "virtual_hosts[0]"].resource == "VirtualService default/reviews"


def test_so_do_routes_of_a_gateway(scope_of: Callable[..., ProxyScope]) -> None:
    found = gateway_routes(scope_of(MESH, kind="router", labels={"istio": "ingress"}))
    origin = found.origins["http.80", "virtual_hosts[0].routes[0]"]
    assert (origin.resource, origin.line) == ("VirtualService default/shop", 33)


def test_a_line_more_at_the_top_changes_no_byte(scope_of: Callable[..., ProxyScope]) -> None:
    moved = scope_of("\n\n" + MESH)
    assert outbound_routes(moved).configs == outbound_routes(scope_of(MESH)).configs
    assert outbound_routes(moved).origins != outbound_routes(scope_of(MESH)).origins
