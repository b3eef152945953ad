"""VirtualServices, delegates, policies and gateways as values."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lateen.model.mesh import Mesh
from lateen.model.routing import (
    Cors,
    Destination,
    DirectResponse,
    Fault,
    HeaderOps,
    HttpMatch,
    HttpRule,
    Mirror,
    Redirect,
    Retry,
    Rewrite,
    StringMatch,
)

Load = Callable[..., Mesh]
STOREFRONT = Path(__file__).resolve().parents[3] / "envoy_configs/storefront"


def virtual_service(http: str, name: str = "a", hosts: str = "[a]", more: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}}}
spec: {{hosts: {hosts}, http: [{http}]{more}}}
---
"""


def rule_of(mesh: Mesh) -> HttpRule:
    assert mesh.diagnostics == ()
    return mesh.http_routes[0].rules[0]


A = Destination("a.default.svc.cluster.local")
TO_A = "route: [{destination: {host: a}}]"


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("timeout: 1500ms", "timeout", 1.5),
        ("timeout: 0s", "timeout", 0.0),
        ("retries: {attempts: 3, perTryTimeout: 2s, retryOn: 5xx}", "retry", Retry(3, 2.0, "5xx")),
        ("retries: {attempts: 0}", "retry", Retry(0)),
        ("rewrite: {uri: /b, authority: c}", "rewrite", Rewrite("/b", "c")),
        ("rewrite: {uriRegexRewrite: {match: a, rewrite: b}}", "rewrite", Rewrite(regex=("a", "b"))),
        ("fault: {delay: {fixedDelay: 1s, percentage: {value: 0.5}}}", "fault", Fault(delay=1.0, delay_percent=0.5)),
        ("fault: {delay: {fixedDelay: 1s, percent: 7}}", "fault", Fault(delay=1.0, delay_percent=7.0)),
        ("fault: {abort: {httpStatus: 503}}", "fault", Fault(abort_http=503)),
        ("fault: {abort: {grpcStatus: UNAVAILABLE}}", "fault", Fault(abort_grpc="UNAVAILABLE")),
        ("mirror: {host: b.x}, mirrorPercentage: {value: 10}", "mirrors", (Mirror(Destination("b.x"), 10.0),)),
        ("mirror: {host: b.x}", "mirrors", (Mirror(Destination("b.x")),)),
        (
            "mirrors: [{destination: {host: b.x}, percentage: {value: 1}}]",
            "mirrors",
            (Mirror(Destination("b.x"), 1.0),),
        ),
        ("mirrors: [{destination: {host: b.x}, percentage: {value: 0}}]", "mirrors", ()),
        (
            "headers: {request: {set: {b: x, a: u}, remove: [c]}, response: {add: {d: z}}}",
            "request_headers",
            HeaderOps(set=(("a", "u"), ("b", "x")), remove=("c",)),
        ),
        (
            "corsPolicy: {allowOrigins: [{exact: a}, {regex: b.*}], allowMethods: [GET], maxAge: 1m}",
            "cors",
            Cors((StringMatch("exact", "a"), StringMatch("regex", "b.*")), ("GET",), max_age=60.0),
        ),
        ("corsPolicy: {allowOrigin: [a]}", "cors", Cors((StringMatch("exact", "a"),))),
    ],
)
def test_a_rule_says(mesh_of: Load, text: str, field: str, value: object) -> None:
    assert getattr(rule_of(mesh_of(virtual_service(f"{{{TO_A}, {text}}}"))), field) == value


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("redirect: {uri: /b}", "redirect", Redirect("/b")),
        (
            "redirect: {authority: b, redirectCode: 308, port: 8443}",
            "redirect",
            Redirect(authority="b", port=8443, code=308),
        ),
        ("directResponse: {status: 503}", "direct_response", DirectResponse(503)),
        ("directResponse: {status: 200, body: {string: hi}}", "direct_response", DirectResponse(200, b"hi")),
        ("directResponse: {status: 200, body: {bytes: aGk=}}", "direct_response", DirectResponse(200, b"hi")),
    ],
)
def test_a_rule_answers(mesh_of: Load, text: str, field: str, value: object) -> None:
    assert getattr(rule_of(mesh_of(virtual_service(f"{{{text}}}"))), field) == value


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("uri: {prefix: /a}, ignoreUriCase: true", HttpMatch(uri=StringMatch("prefix", "/a"), ignore_uri_case=True)),
        ("headers: {x: {}}", HttpMatch(headers=(("x", StringMatch("present")),))),
        ("headers: {x: {prefix: ''}}", HttpMatch(headers=(("x", StringMatch("present")),))),
        ("withoutHeaders: {x: {regex: '*'}}", HttpMatch(without_headers=(("x", StringMatch("present")),))),
        ("queryParams: {q: {exact: v}}", HttpMatch(query_params=(("q", StringMatch("exact", "v")),))),
        ("gateways: [mesh, g, ns/h]", HttpMatch(gateways=("mesh", "default/g", "ns/h"))),
        ("sourceLabels: {b: x, a: u}", HttpMatch(source_labels=(("a", "u"), ("b", "x")))),
        ("port: 80, sourceNamespace: ns, statPrefix: s", HttpMatch(port=80, source_namespace="ns", stat_prefix="s")),
    ],
)
def test_a_match_says(mesh_of: Load, text: str, match: HttpMatch) -> None:
    assert rule_of(mesh_of(virtual_service(f"{{match: [{{{text}}}], {TO_A}}}"))).matches == (match,)


def test_a_single_destination_takes_everything(mesh_of: Load) -> None:
    rule = rule_of(mesh_of(virtual_service("{route: [{destination: {host: a}, weight: 3}]}")))
    assert [(d.destination, d.weight) for d in rule.destinations] == [(A, 100)]


def test_tls_and_tcp_rules_are_routes_of_their_own(mesh_of: Load) -> None:
    text = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a.x]
  tls: [{match: [{sniHosts: [a.x], port: 443}], route: [{destination: {host: a}}]}]
  tcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: a}}]}]
"""
    mesh = mesh_of(text)
    assert [(r.tls, r.rules[0].matches[0].sni_hosts) for r in mesh.tcp_routes] == [(True, ("a.x",)), (False, ())]
    assert mesh.http_routes == ()


ROOT = "{name: r, match: [{uri: {prefix: /a}}], timeout: 1s, delegate: {name: d}}"


def delegate(http: str, more: str = "") -> str:
    return virtual_service(http, name="d", hosts="[]", more=more)


def test_a_delegate_stands_in_the_place_of_the_rule(mesh_of: Load) -> None:
    last = f"{{name: last, {TO_A}}}"
    inner = f"{{name: i, match: [{{uri: {{exact: /a/b}}}}], {TO_A}}}, {{{TO_A}, timeout: 2s}}"
    (route,) = mesh_of(virtual_service(f"{ROOT}, {last}") + delegate(inner)).http_routes
    assert [(r.name, r.timeout, [m.uri for m in r.matches], r.path) for r in route.rules] == [
        ("r-i", 1.0, [StringMatch("exact", "/a/b")], "spec.http[0]"),
        ("r", 2.0, [StringMatch("prefix", "/a")], "spec.http[0]"),
        ("last", None, [], "spec.http[1]"),
    ]


@pytest.mark.parametrize(
    "match",
    ["uri: {prefix: /b}", "uri: {regex: /a.*}", "uri: {exact: /a}, ignoreUriCase: true"],
)
def test_a_delegate_that_contradicts_is_left_out_and_named(mesh_of: Load, match: str) -> None:
    mesh = mesh_of(virtual_service(ROOT) + delegate(f"{{match: [{{{match}}}], {TO_A}}}"))
    assert [d.code for d in mesh.diagnostics] == ["LAT0221"]
    assert mesh.http_routes[0].rules == ()


def test_a_delegate_that_does_not_exist_or_is_hidden_is_named(mesh_of: Load) -> None:
    assert [d.code for d in mesh_of(virtual_service(ROOT)).diagnostics] == ["LAT0220"]
    hidden = delegate(f"{{{TO_A}}}", more=", exportTo: [other]")
    assert [d.code for d in mesh_of(virtual_service(ROOT) + hidden).diagnostics] == ["LAT0220"]


def test_a_delegate_cannot_delegate(mesh_of: Load) -> None:
    mesh = mesh_of(virtual_service(ROOT) + delegate("{delegate: {name: d}}"))
    assert [d.code for d in mesh.diagnostics] == ["LAT0209"]


def test_older_comes_first_then_name_then_namespace(mesh_of: Load) -> None:
    text = ""
    for name, namespace, created in (
        ("c", "x", "2020-01-01T00:00:00Z"),
        ("a", "u", "2021-01-01T00:00:00Z"),
        ("b", "z", "2020-01-01T00:00:00Z"),
        ("b", "w", "2020-01-01T00:00:00Z"),
    ):
        meta = f"{{name: {name}, namespace: {namespace}, creationTimestamp: '{created}'}}"
        text += (
            f"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {meta}\nspec: {{host: h.x}}\n---\n"
        )
    rules = mesh_of(text).destination_rules
    assert [(r.ref.name, r.ref.namespace) for r in rules] == [("b", "w"), ("b", "z"), ("c", "x"), ("a", "u")]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_the_order_of_documents_changes_nothing(mesh_of: Load, seed: int) -> None:
    documents = [
        part
        for path in sorted(STOREFRONT.glob("*.yaml"))
        if path.name != "mesh.yaml"
        for part in path.read_text().split("\n---\n")
    ]
    expected = mesh_of("\n---\n".join(documents))
    random.Random(seed).shuffle(documents)
    shuffled = mesh_of("\n---\n".join(documents))
    assert shuffled == expected
