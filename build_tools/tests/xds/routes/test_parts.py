"""Parts of a route that a call does not show: retries, faults, claims, and the way to the application."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.model.mesh_config import MeshConfig
from lateen.model.proxy import Proxy
from lateen.model.routing import Fault, HttpMatch, HttpRule, Retry, StringMatch
from lateen.model.security import MtlsMode
from lateen.model.service import Protocol
from lateen.model.traffic_policy import ConsistentHash
from lateen.scope.views import InboundPort, ProxyScope
from lateen.xds.routes import inbound_passthrough_route, inbound_route
from lateen.xds.routes.action import hash_policy
from lateen.xds.routes.match import is_catch_all, route_match
from lateen.xds.routes.per_filter import per_filter_config
from lateen.xds.routes.retry import retry_policy

DEFAULT = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"


def test_two_more_tries_on_other_hosts_by_default() -> None:
    policy = retry_policy(None)["retry_policy"]
    assert (policy["retry_on"], policy["num_retries"]) == (DEFAULT, 2)
    assert policy["host_selection_retry_max_attempts"] == 5
    assert policy["retry_host_predicate"][0]["name"] == "envoy.retry_host_predicates.previous_hosts"


def test_a_hashed_destination_is_tried_again_itself() -> None:
    assert "retry_host_predicate" not in retry_policy(None, hashed=True)["retry_policy"]
    assert "retry_host_predicate" not in retry_policy(Retry(1), hashed=True)["retry_policy"]
    asked = Retry(1, retry_ignore_previous_hosts=True)
    assert "retry_host_predicate" in retry_policy(asked, hashed=True)["retry_policy"]


def test_no_attempts_mean_no_policy() -> None:
    assert retry_policy(Retry(0)) == {}


@pytest.mark.parametrize(
    ("given", "conditions", "codes"),
    [
        ("", DEFAULT, None),
        ("5xx", "5xx", None),
        ("gateway-error, 418", "gateway-error,retriable-status-codes", [418]),
        ("503,retriable-status-codes", "retriable-status-codes", [503]),
    ],
)
def test_status_codes_stand_among_conditions(given: str, conditions: str, codes: list[int] | None) -> None:
    policy = retry_policy(Retry(1, retry_on=given))["retry_policy"]
    assert policy["retry_on"] == conditions
    assert policy.get("retriable_status_codes") == codes


def test_all_settings_of_retries() -> None:
    policy = retry_policy(Retry(3, per_try_timeout=0.5, retry_remote_localities=True, backoff=0.025))["retry_policy"]
    assert (policy["num_retries"], policy["per_try_timeout"]) == (3, "0.5s")
    assert policy["retry_back_off"] == {"base_interval": "0.025s"}
    assert policy["retry_priority"]["name"] == "envoy.retry_priorities.previous_priorities"


def test_a_share_of_faults() -> None:
    rule = HttpRule(fault=Fault(delay=1.5, delay_percent=0.1, abort_grpc="UNAVAILABLE", abort_percent=50))
    fault = per_filter_config(rule)["typed_per_filter_config"]["envoy.filters.http.fault"]
    assert fault["delay"] == {"fixed_delay": "1.5s", "percentage": {"numerator": 1000, "denominator": "MILLION"}}
    assert fault["abort"] == {"grpc_status": 14, "percentage": {"numerator": 500_000, "denominator": "MILLION"}}


@pytest.mark.parametrize("name", ["@request.auth.claims.group.id", "@request.auth.claims[group][id]"])
def test_claims_are_metadata_not_headers(name: str) -> None:
    matched = route_match(HttpMatch(headers=((name, StringMatch("exact", "dev")),)))
    assert "headers" not in matched
    claim = matched["dynamic_metadata"][0]
    assert claim["filter"] == "envoy.filters.http.jwt_authn"
    assert [step["key"] for step in claim["path"]] == ["payload", "group", "id"]
    assert not is_catch_all(matched)


def test_a_star_is_presence_not_an_expression() -> None:
    matched = route_match(
        HttpMatch(headers=(("a", StringMatch("regex", "*")),), without_headers=(("b", StringMatch("present")),))
    )
    assert matched["headers"] == [
        {"name": "a", "present_match": True},
        {"name": "b", "present_match": True, "invert_match": True},
    ]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (HttpMatch(), True),
        (HttpMatch(uri=StringMatch("prefix", "/")), True),
        (HttpMatch(uri=StringMatch("regex", ".*")), True),
        (HttpMatch(uri=StringMatch("prefix", "/a")), False),
        (HttpMatch(method=StringMatch("exact", "GET")), False),
        (HttpMatch(query_params=(("q", StringMatch("present")),)), False),
    ],
)
def test_what_matches_everything(match: HttpMatch, expected: bool) -> None:
    assert is_catch_all(route_match(match)) is expected


@pytest.mark.parametrize(
    ("chosen", "policy"),
    [
        (ConsistentHash(header="x"), {"header": {"header_name": "x"}}),
        (ConsistentHash(query="q"), {"query_parameter": {"name": "q"}}),
        (ConsistentHash(source_ip=True), {"connection_properties": {"source_ip": True}}),
        (ConsistentHash(cookie=("c", "/p", 60.0)), {"cookie": {"name": "c", "ttl": "60s", "path": "/p"}}),
        (ConsistentHash(cookie=("c", "", None)), {"cookie": {"name": "c"}}),
    ],
)
def test_what_a_hash_is_taken_of(chosen: ConsistentHash, policy: dict[str, Any]) -> None:
    assert hash_policy(chosen) == policy


def test_the_way_to_the_application_has_no_time_limit() -> None:
    scope = ProxyScope(Proxy("web"), MeshConfig(), "cluster.local")
    config = inbound_route(scope, InboundPort(9080, Protocol.HTTP, MtlsMode.STRICT))
    assert config["name"] == "inbound|9080||"
    [host] = config["virtual_hosts"]
    assert (host["name"], host["domains"]) == ("inbound|http|9080", ["*"])
    [route] = host["routes"]
    assert route["route"]["cluster"] == "inbound|9080||"
    assert route["route"]["timeout"] == "0s"
    assert route["route"]["retry_policy"] == {"retry_on": "reset-before-request", "num_retries": 2}


def test_ports_that_nobody_names_lead_to_the_passthrough_cluster() -> None:
    config = inbound_passthrough_route()
    assert config["virtual_hosts"][0]["routes"][0]["route"]["cluster"] == "InboundPassthroughCluster"
