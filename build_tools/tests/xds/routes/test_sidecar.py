"""Which route configurations a sidecar has, and what keeps Envoy from rejecting them."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.model.mesh_config import MeshConfig
from lateen.model.proxy import Proxy
from lateen.model.service import Protocol
from lateen.scope.views import OutboundView, ProxyScope
from lateen.xds.routes import outbound_routes

NONE = {"INTERCEPTION_MODE": "NONE", "LATEEN_OUTBOUND_ADDRESS": "127.25.0.9"}


def scope(*services: Any, metadata: dict[str, str] | None = None, **config: Any) -> ProxyScope:
    view = OutboundView("default", services, allow_any=config.pop("allow_any", True))
    return ProxyScope(Proxy("web", metadata=metadata or {}), MeshConfig(**config), "cluster.local", view)


def names(make: Any, *ports: tuple[int, Protocol], metadata: dict[str, str] | None = None, **fields: Any) -> set[str]:
    return set(outbound_routes(scope(make.view(make.service("a", *ports, **fields)), metadata=metadata)).configs)


def test_http_ports_share_a_configuration_and_tcp_has_none(make: Any) -> None:
    assert names(make, (80, Protocol.HTTP), (81, Protocol.GRPC), (82, Protocol.TCP)) == {"80", "81"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"addresses": ("10.0.0.1",)}, {"a.default.svc.cluster.local:80"}),
        ({"addresses": ("10.0.0.0/24",)}, {"80"}),
        ({"addresses": ("10.0.0.1", "10.1.0.0/24")}, {"80", "a.default.svc.cluster.local:80"}),
        ({}, {"80"}),
    ],
)
def test_a_sniffed_service_with_an_address_has_its_own(make: Any, fields: Any, expected: set[str]) -> None:
    assert names(make, (80, Protocol.AUTO), **fields) == expected


def test_without_interception_all_share_and_the_proxy_port_names_them(make: Any) -> None:
    assert names(make, (80, Protocol.AUTO), addresses=("10.0.0.1",), metadata=NONE) == {"80", "http_proxy"}


def test_istios_proxy_port_needs_no_metadata(make: Any) -> None:
    view = make.view(make.service("a", (80, Protocol.HTTP)))
    assert set(outbound_routes(scope(view, proxy_http_port=15007)).configs) == {"80", "http_proxy"}


def test_ports_take_part_in_matching_on_the_proxy_port_alone(make: Any) -> None:
    found = outbound_routes(scope(make.view(make.service("a", (80, Protocol.HTTP))), metadata=NONE)).configs
    assert found["80"]["ignore_port_in_host_matching"] is True
    assert "ignore_port_in_host_matching" not in found["http_proxy"]


def test_services_that_share_an_address_share_no_domain(make: Any) -> None:
    http = make.view(make.service("a", (80, Protocol.HTTP), addresses=("10.0.0.1",)))
    tcp = make.view(make.service("b", (80, Protocol.TCP), addresses=("10.0.0.1",)))
    for config in outbound_routes(scope(http, tcp, metadata=NONE)).configs.values():
        domains = [domain for host in config["virtual_hosts"] for domain in host["domains"]]
        assert len(domains) == len(set(domains))


def test_a_service_that_is_not_imported_has_no_virtual_host(make: Any) -> None:
    view = make.view(make.service("a", (80, Protocol.HTTP)))
    hidden = type(view)(view.service, view.rule, view.endpoints, imported=False)
    assert outbound_routes(scope(hidden)).configs == {}


def test_unknown_traffic_is_refused_where_the_registry_is_all(make: Any) -> None:
    view = make.view(make.service("a", (80, Protocol.HTTP)))
    [last] = outbound_routes(scope(view, allow_any=False)).configs["80"]["virtual_hosts"][-1:]
    assert last["name"] == "block_all"
    assert last["routes"][0]["direct_response"] == {"status": 502}
