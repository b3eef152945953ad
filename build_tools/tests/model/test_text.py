"""Durations, hosts and port protocols: what a text means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lateen.model import hosts
from lateen.model.context import gateway_key, visibility, visible
from lateen.model.durations import parse_duration
from lateen.model.protocols import declared_protocol, service_port_protocol
from lateen.model.service import Protocol


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("10s", 10), ("1.5s", 1.5), (".5s", 0.5), ("250ms", 0.25), ("1h2m3s", 3723), ("-2s", -2)],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "s", "5 s", "1d", "10s!", "--1s", "1s2"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_milliseconds_survive(count: int) -> None:
    assert round(parse_duration(f"{count}ms") * 1000) == count


@pytest.mark.parametrize(
    ("host", "suffix", "full"),
    [
        ("reviews", "cluster.local", "reviews.shop.svc.cluster.local"),
        ("reviews", "", "reviews.shop"),
        ("reviews.other", "cluster.local", "reviews.other"),
        ("*", "cluster.local", "*"),
        ("*.shop", "cluster.local", "*.shop"),
        ("10.0.0.1", "cluster.local", "10.0.0.1"),
        ("::1", "cluster.local", "::1"),
        ("", "cluster.local", ""),
    ],
)
def test_a_short_name_belongs_to_the_namespace(host: str, suffix: str, full: str) -> None:
    assert hosts.resolve(host, "shop", suffix) == full


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("a.example", "a.example", True),
        ("a.example", "b.example", False),
        ("*.example", "a.example", True),
        ("*.example", "a.b.example", True),
        ("*.example", "example", False),
        ("*.example", ".example", False),
        ("*", "anything", True),
        ("*", "*.example", True),
        ("*.example", "*.a.example", True),
        ("*.example", "*.example", True),
        ("*.a.example", "*.example", False),
        ("a.example", "*.example", False),
    ],
)
def test_a_wildcard_covers_names_below_it(pattern: str, host: str, covered: bool) -> None:
    assert hosts.matches(pattern, host) is covered


NAMES = st.text("ab", min_size=1, max_size=2)
HOSTS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
PATTERNS = st.one_of(HOSTS, HOSTS.map("*.{}".format), st.just("*"))


@settings(deadline=None)
@given(PATTERNS, PATTERNS, HOSTS)
def test_covering_is_transitive(wide: str, narrow: str, host: str) -> None:
    if hosts.matches(wide, narrow) and hosts.matches(narrow, host):
        assert hosts.matches(wide, host)


@settings(deadline=None)
@given(st.lists(PATTERNS, unique=True))
def test_the_most_specific_host_comes_first(patterns: list[str]) -> None:
    ordered = sorted(patterns, key=hosts.specificity)
    for index, pattern in enumerate(ordered):
        assert not any(hosts.matches(pattern, later) for later in ordered[index + 1 :])


@pytest.mark.parametrize("host", ["a", "a.example", "*.example", "*", "a_b.example", "a.example.", "A.example"])
def test_a_host_is_a_host(host: str) -> None:
    assert hosts.fault(host) == ""


@pytest.mark.parametrize(
    "host", ["", "a b", "a..b", "-a", "a.*.b", "a/b", "a:80", "x" * 64, ".".join(["x" * 60] * 5), "a\n", "é.example"]
)
def test_what_is_no_host_is_named(host: str) -> None:
    assert hosts.fault(host)


def test_a_wildcard_is_refused_where_one_host_is_meant() -> None:
    assert "wildcard" in hosts.fault("*.example", wildcard=False)


@pytest.mark.parametrize(
    ("number", "name", "transport", "app_protocol", "protocol"),
    [
        (80, "http", "TCP", "", Protocol.HTTP),
        (80, "http-web", "TCP", "", Protocol.HTTP),
        (80, "HTTP-web", "TCP", "", Protocol.HTTP),
        (80, "web", "TCP", "", Protocol.AUTO),
        (80, "", "TCP", "", Protocol.AUTO),
        (80, "httpweb", "TCP", "", Protocol.AUTO),
        (80, "grpc-web-ui", "TCP", "", Protocol.GRPC_WEB),
        (80, "grpc-api", "TCP", "", Protocol.GRPC),
        (3306, "db", "TCP", "", Protocol.TCP),
        (25, "", "TCP", "", Protocol.TCP),
        (3306, "http-db", "TCP", "", Protocol.HTTP),
        (53, "dns", "UDP", "", Protocol.UDP),
        (80, "tcp-x", "TCP", "http", Protocol.HTTP),
        (80, "", "TCP", "kubernetes.io/h2c", Protocol.HTTP2),
        (80, "", "TCP", "kubernetes.io/wss", Protocol.HTTPS),
        (80, "http", "TCP", "example.com/own", Protocol.AUTO),
    ],
)
def test_a_service_port_speaks(number: int, name: str, transport: str, app_protocol: str, protocol: Protocol) -> None:
    assert service_port_protocol(number, name, transport, app_protocol) is protocol


def test_a_declared_port_speaks_what_is_declared() -> None:
    assert declared_protocol("HTTPS", 443) is Protocol.HTTPS
    assert declared_protocol("", 80) is Protocol.AUTO
    assert declared_protocol("", 27017) is Protocol.TCP


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("mesh", "mesh"),
        ("gw", "shop/gw"),
        ("edge/gw", "edge/gw"),
        ("./gw", "shop/gw"),
        ("gw.edge", "edge/gw"),
        ("gw.edge.svc.cluster.local", "edge/gw"),
    ],
)
def test_a_gateway_has_one_key(name: str, key: str) -> None:
    assert gateway_key(name, "shop") == key


@pytest.mark.parametrize(
    ("export_to", "seen", "hidden"),
    [
        ((), ["shop", "other"], []),
        ((".",), ["shop"], ["other"]),
        (("a", "b"), ["a", "b"], ["shop"]),
        (("~",), [], ["shop"]),
    ],
)
def test_export_to_says_who_sees_it(export_to: tuple[str, ...], seen: list[str], hidden: list[str]) -> None:
    names = visibility(export_to, frozenset({"*"}), "shop")
    assert all(visible(names, namespace) for namespace in seen)
    assert not any(visible(names, namespace) for namespace in hidden)
