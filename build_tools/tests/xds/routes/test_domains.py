"""By which names a service can be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.model.identity import Ref
from lateen.model.proxy import Proxy
from lateen.model.service import Resolution, Service
from lateen.xds.routes.domains import DomainSet, dns_domain, short_names, with_port

HOME = "default.svc.cluster.local"
REVIEWS = "reviews.default.svc.cluster.local"


def service(hostname: str = REVIEWS, **fields: object) -> Service:
    return Service(hostname, Ref("Service", "default", "reviews"), (), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hostname", "client", "names"),
    [
        (REVIEWS, HOME, ["reviews", "reviews.default.svc", "reviews.default"]),
        (REVIEWS, "other.svc.cluster.local", ["reviews.default", "reviews.default.svc"]),
        ("api.example.com", HOME, []),
        ("svc.cluster.local", HOME, []),
        ("a.default", "default", ["a"]),
        ("a.other", "default", []),
    ],
)
def test_short_names_depend_on_the_clients_namespace(hostname: str, client: str, names: list[str]) -> None:
    assert short_names(hostname, client) == [f"{hostname}.", *names]


def test_the_domain_of_a_client_follows_its_namespace() -> None:
    assert dns_domain(Proxy("web", "shop")) == "shop.svc.cluster.local"
    assert dns_domain(Proxy("web", "shop", domain_suffix="")) == "shop"


def test_virtual_addresses_are_names_and_ranges_are_not() -> None:
    found = DomainSet(HOME).of_service(service(addresses=("10.0.0.1", "2001:db8::1", "10.1.0.0/16")))
    assert found[-2:] == ("10.0.0.1", "[2001:db8::1]")


def test_pods_of_a_headless_service_are_below_its_names() -> None:
    found = DomainSet(HOME).of_service(service(resolution=Resolution.PASSTHROUGH))
    assert f"*.{REVIEWS}" in found
    assert "*.reviews" in found
    external = service("db.example.com", resolution=Resolution.PASSTHROUGH, registry="External")
    assert DomainSet(HOME).of_service(external) == ("db.example.com", "db.example.com.")


def test_an_alias_is_one_more_name() -> None:
    found = DomainSet(HOME).of_service(service(), ["old.default.svc.cluster.local"])
    assert {"old", "old.default", "reviews"} <= set(found)


def test_a_name_is_given_once_whatever_its_case() -> None:
    domains = DomainSet(HOME)
    assert domains.of_host("Reviews") == ("Reviews",)
    assert "reviews" not in domains.of_service(service())


def test_a_short_name_never_hides_a_full_one() -> None:
    assert "reviews.default" not in DomainSet(HOME, {REVIEWS, "reviews.default"}).of_service(service())


def test_the_catch_alls_domain_is_taken() -> None:
    assert DomainSet(HOME).of_host("*") == ()


def test_clients_leave_out_the_port_of_http_only() -> None:
    assert with_port(["reviews"], 80) == ("reviews", "reviews:80")
    assert with_port(["reviews"], 8080) == ("reviews:8080",)


names = st.from_regex(r"[a-z]{1,3}", fullmatch=True)


@given(st.lists(st.tuples(names, names), max_size=8), names)
def test_no_domain_is_ever_given_twice(services: list[tuple[str, str]], home: str) -> None:
    hosts = [f"{name}.{namespace}.svc.cluster.local" for name, namespace in services]
    domains = DomainSet(f"{home}.svc.cluster.local", set(hosts))
    given_out = [domain.lower() for host in hosts for domain in domains.of_service(service(host))]
    assert len(given_out) == len(set(given_out))
    assert set(hosts) <= set(given_out)
