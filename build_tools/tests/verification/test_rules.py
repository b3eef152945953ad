"""Each rule: what breaks it, where the finding points, and whether Envoy by itself would have noticed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lateen.schema import Schema
from lateen.schema.binary import find_envoy
from lateen.verification import verify
from lateen.verification.envoy import ask
from lateen.verification.sandbox import Sandbox

from .sample import (
    CORS,
    FILE,
    OVERRIDE,
    ROUTER,
    SECRET,
    WEB,
    Break,
    add,
    at,
    broken,
    chains,
    ext_authz,
    filters,
    hcm,
    hosts,
    http_log,
    jwt,
    listener,
    route,
    sample,
    snapshot,
    tcp,
    virtual_host,
    weights,
)

# id, what to break, the code, what the message says, the line it points to, whether Envoy itself rejects it
CASES: list[tuple[str, Break, str, str, int, bool]] = [
    (
        "field rule",
        lambda r: at(r, "clusters", WEB).update(connect_timeout="0s"),
        "LAT0503",
        "connect_timeout: duration must be greater than 0s",
        20,
        True,
    ),
    (
        "unknown field in an Any",
        lambda r: hcm(r).update(bogus=1),
        "LAT0503",
        "typed_config.bogus: HttpConnectionManager has no such field",
        10,
        True,
    ),
    (
        "route to no cluster",
        lambda r: route(r)["route"].update(cluster="nope"),
        "LAT0504",
        "virtual_hosts[0].routes[0].route.cluster names the cluster nope",
        31,
        False,
    ),
    (
        "weighted route to no cluster",
        lambda r: route(r).update(route={"weighted_clusters": {"clusters": [{"name": "nope", "weight": 1}]}}),
        "LAT0504",
        "weighted_clusters.clusters[0].name names the cluster nope",
        31,
        False,
    ),
    (
        "mirror to no cluster",
        lambda r: route(r)["route"].update(request_mirror_policies=[{"cluster": "nope"}]),
        "LAT0504",
        "request_mirror_policies[0].cluster",
        31,
        False,
    ),
    (
        "tcp proxy to no cluster",
        lambda r: at(r, "listeners", "outbound").update(filter_chains=tcp(cluster="nope")),
        "LAT0504",
        "names the cluster nope",
        10,
        False,
    ),
    (
        "ext_authz without cluster",
        filters(ext_authz("nope"), ROUTER),
        "LAT0504",
        "http_filters[0].typed_config.grpc_service.envoy_grpc.cluster_name",
        10,
        False,
    ),
    (
        "key set without cluster",
        filters(jwt("nope"), ROUTER),
        "LAT0504",
        "remote_jwks.http_uri.cluster names the cluster nope",
        10,
        False,
    ),
    (
        "access log without cluster",
        lambda r: hcm(r).update(access_log=[http_log("nope")]),
        "LAT0504",
        "access_log[0].typed_config.common_config.grpc_service",
        10,
        False,
    ),
    (
        "no such route configuration",
        lambda r: hcm(r)["rds"].update(route_config_name="81"),
        "LAT0505",
        "rds.route_config_name names the route configuration 81",
        10,
        False,
    ),
    (
        "no endpoints",
        lambda r: r["endpoints"].clear(),
        "LAT0506",
        "takes its endpoints from outbound|80||web",
        20,
        False,
    ),
    (
        "endpoints of nobody",
        lambda r: r["endpoints"].update(x={"cluster_name": "x"}),
        "LAT0507",
        "endpoints x belongs to no cluster",
        10,
        False,
    ),
    (
        "no such secret",
        lambda r: at(r, "clusters", WEB, "transport_socket", "typed_config", "common_tls_context").update(
            tls_certificate_sds_secret_configs=[SECRET]
        ),
        "LAT0508",
        "tls_certificate_sds_secret_configs[0].name names the secret other",
        20,
        False,
    ),
    (
        "virtual hosts of one name",
        hosts(virtual_host("a", "a"), virtual_host("a", "b")),
        "LAT0509",
        "virtual_hosts[1] has the name a",
        30,
        False,
    ),
    (
        "one domain in another case",
        hosts(virtual_host("a", "a.com"), virtual_host("b", "A.com")),
        "LAT0510",
        "virtual_hosts[1].domains[0] has the domain A.com, as a has",
        30,
        True,
    ),
    (
        "one domain twice in a host",
        hosts(virtual_host("a", "a.com", "a.com")),
        "LAT0510",
        "virtual_hosts[0].domains[1]",
        31,
        True,
    ),
    (
        "two hosts for everything",
        hosts(virtual_host("a", "*"), virtual_host("b", "*")),
        "LAT0510",
        "has the domain *",
        30,
        True,
    ),
    (
        "listeners on one address",
        add("listeners", listener("other")),
        "LAT0511",
        "listener other has the address tcp 127.22.0.1:18080, as listener outbound has",
        10,
        True,
    ),
    (
        "unbound listeners on one address",
        add("listeners", listener("other") | {"bind_to_port": False}),
        "LAT0511",
        "listener other",
        10,
        True,
    ),
    (
        "additional address taken",
        add("listeners", listener("other", 18081) | {"additional_addresses": [{"address": listener()["address"]}]}),
        "LAT0511",
        "listener other",
        10,
        True,
    ),
    (
        "listener on the address of a fixed one",
        add(
            "listeners",
            listener("other", 15021) | {"address": {"socket_address": {"address": "127.22.0.9", "port_value": 15021}}},
        ),
        "LAT0511",
        "listener other",
        10,
        True,
    ),
    (
        "chains that match everything",
        chains({}, {}),
        "LAT0512",
        "filter_chains[1] matches what filter_chains[0] matches: every connection",
        10,
        True,
    ),
    (
        "chains with a server name in common",
        chains({"server_names": ["a", "b"]}, {"server_names": ["B"]}),
        "LAT0512",
        "server_names b",
        10,
        True,
    ),
    (
        "chains for one network",
        chains(
            {"prefix_ranges": [{"address_prefix": "10.0.0.1", "prefix_len": 8}]},
            {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]},
        ),
        "LAT0512",
        "prefix_ranges 10.0.0.0/8",
        10,
        True,
    ),
    ("no HTTP filters", filters(), "LAT0513", "http_filters is empty", 10, False),
    ("no router", filters(CORS), "LAT0513", "http_filters ends with cors, which is not the router", 10, True),
    ("filter after the router", filters(ROUTER, CORS), "LAT0513", "http_filters has cors after the router", 10, True),
    (
        "router disabled",
        filters(CORS, ROUTER | {"disabled": True}),
        "LAT0513",
        "has the router envoy.filters.http.router disabled",
        10,
        True,
    ),
    (
        "no such extension",
        lambda r: r["extensions"].clear(),
        "LAT0514",
        "takes the filter default.tenant by discovery",
        10,
        False,
    ),
    (
        "setting for no filter",
        lambda r: route(r).update(typed_per_filter_config=OVERRIDE),
        "LAT0515",
        "routes[0].typed_per_filter_config['corz'] sets corz",
        31,
        False,
    ),
    (
        "setting for no filter, inline",
        lambda r: (
            hcm(r).update(route_config={"virtual_hosts": [virtual_host() | {"typed_per_filter_config": OVERRIDE}]})
            or hcm(r).pop("rds")
        ),
        "LAT0515",
        "route_config.virtual_hosts[0].typed_per_filter_config['corz']",
        10,
        False,
    ),
    (
        "source without version",
        lambda r: at(r, "clusters", WEB)["eds_cluster_config"].update(eds_config={"ads": {}}),
        "LAT0516",
        "eds_config.resource_api_version must be V3, not AUTO",
        20,
        False,
    ),
    (
        "expression with look-ahead",
        lambda r: route(r).update(match={"safe_regex": {"regex": "/(?!a)"}}),
        "LAT0517",
        "match.safe_regex.regex: invalid perl operator: (?!",
        31,
        True,
    ),
    ("weights of nothing", weights(0, 0), "LAT0518", "weighted_clusters: the weights sum to 0", 31, True),
    ("weights beyond 32 bits", weights(2**32 - 1, 2), "LAT0518", "the weights sum to 4294967297", 31, True),
]
IDS = [case[0] for case in CASES]


@pytest.mark.parametrize(("change", "code", "text", "line"), [case[1:5] for case in CASES], ids=IDS)
def test_a_rule_finds_what_breaks_it_and_where_it_came_from(change: Break, code: str, text: str, line: int) -> None:
    findings = verify(broken(change))
    assert [finding.code for finding in findings] == [code]
    assert text in findings[0].message
    assert (findings[0].origin.file, findings[0].origin.line) == (FILE, line)
    assert findings[0].hint


def test_what_holds_has_no_findings() -> None:
    assert verify(snapshot(sample())) == []


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a real Envoy says of each case, and of the sample itself under the empty name."""
    folder = tmp_path_factory.mktemp("envoy")
    envoy, sandbox = find_envoy(), Sandbox(folder, Schema.default())

    def verdict(case: tuple[str, Break]) -> tuple[str, str]:
        return case[0], ask(envoy, sandbox.adapt(broken(case[1]).static()), folder)

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(verdict, [("", lambda _: None), *((case[0], case[1]) for case in CASES)]))


def test_envoy_loads_the_sample(verdicts: dict[str, str]) -> None:
    assert verdicts[""] == ""


@pytest.mark.parametrize(("name", "rejects"), [(case[0], case[5]) for case in CASES], ids=IDS)
def test_envoys_own_verdict_is_the_one_that_the_rules_assume(
    verdicts: dict[str, str], name: str, rejects: bool
) -> None:
    assert bool(verdicts[name]) == rejects, verdicts[name]


def test_every_finding_is_reported_at_once() -> None:
    resources = sample()
    for change in (weights(0, 0), filters(CORS), lambda r: r["endpoints"].clear()):
        change(resources)
    assert {finding.code for finding in verify(snapshot(resources))} == {"LAT0518", "LAT0513", "LAT0506"}


def test_a_setting_is_right_if_any_user_of_the_routes_has_the_filter() -> None:
    resources = sample()
    route(resources).update(typed_per_filter_config={"only-there": OVERRIDE["corz"]})
    other = listener("other", 18081)
    resources["listeners"]["other"] = other
    other["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"] = [CORS | {"name": "only-there"}, ROUTER]
    assert verify(snapshot(resources)) == []


def test_sources_other_than_ads_need_nothing_in_the_snapshot() -> None:
    resources = sample()
    file = {"path_config_source": {"path": "/etc/eds.yaml"}, "resource_api_version": "V3"}
    resources["clusters"][WEB]["eds_cluster_config"] = {"eds_config": file}
    resources["endpoints"].clear()
    assert verify(snapshot(resources)) == []


def test_nothing_that_was_given_is_changed(tmp_path: Path) -> None:
    resources = sample()
    given = snapshot(resources)
    before = repr(resources)
    verify(given)
    Sandbox(tmp_path, Schema.default()).adapt(given.static())
    assert repr(resources) == before


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_resource_gives_findings_and_never_an_error(data: st.DataObject) -> None:
    resources = sample()
    node: Any = resources[data.draw(st.sampled_from(["listeners", "routes", "clusters", "endpoints", "extensions"]))]
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        inner = node[key]
        if (
            not isinstance(inner, dict | list)
            or not inner
            or (node not in resources.values() and data.draw(st.booleans()))
        ):
            break
        node = inner
    if node not in resources.values():
        node[key] = data.draw(st.sampled_from([None, 5, "text", [], {}, [{}], True]))
    assert all(finding.code.startswith("LAT05") for finding in verify(snapshot(resources)))
