"""Which services get virtual addresses, and that they stay the same."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from lateen.model import virtual_addresses
from lateen.model.identity import Ref
from lateen.model.mesh import Mesh
from lateen.model.service import Protocol, Resolution, Service, ServicePort
from lateen.model.virtual_addresses import NOBODYS_ADDRESS, RANGE, with_virtual_addresses


def service(host: str, **fields: Any) -> Service:
    return Service(host, Ref("Service", "shop", host), (ServicePort("http", 80, Protocol.HTTP),), **fields)


def addressed(*services: Service) -> list[tuple[str, ...]]:
    return [one.addresses for one in with_virtual_addresses(Mesh(services=services)).services]


def test_each_host_has_an_address_of_its_own_out_of_the_range() -> None:
    found = addressed(*(service(f"host-{number}") for number in range(500)))
    assert len({address for (address,) in found}) == 500
    assert all(IPv4Address(address) in RANGE for (address,) in found)
    assert (NOBODYS_ADDRESS,) not in found


def test_a_host_has_the_same_address_in_whatever_mesh() -> None:
    (alone,) = addressed(service("web"))
    assert addressed(service("db"), service("web"))[1] == alone


def test_two_definitions_of_a_host_share_its_address() -> None:
    first, second = addressed(service("web"), service("web", registry="External"))
    assert first == second


@pytest.mark.parametrize(
    "fields",
    [
        {"headless": True},
        {"alias_of": "web.example.com"},
        {"resolution": Resolution.PASSTHROUGH},
        {"addresses": ("10.96.0.10",)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_who_needs_no_address_gets_none(fields: dict[str, Any]) -> None:
    assert addressed(service("web", **fields)) == [fields.get("addresses", ())]


def test_wildcards_get_none() -> None:
    assert addressed(service("*.example.com")) == [()]


def test_names_that_resolve_by_dns_get_one() -> None:
    assert len(addressed(service("api.example.com", resolution=Resolution.DNS))[0]) == 1


def test_an_address_that_is_taken_is_left_to_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    (wanted,) = addressed(service("web"))
    taken, given = addressed(service("fixed", addresses=wanted), service("web"))
    assert taken == wanted
    assert given != wanted
    monkeypatch.setattr(virtual_addresses.hashlib, "sha256", lambda _text: _Same())
    first, second = addressed(service("a"), service("b"))
    assert (first, second) == (("240.240.0.1",), ("240.240.0.2",))


class _Same:
    """The digest that every host has."""

    def digest(self) -> bytes:
        return bytes(32)
