"""Sidecars share what is equal for them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from lateen.model.proxy import Proxy
from lateen.scope.scope import scope
from lateen.xds.clusters.outbound import outbound_clusters
from lateen.xds.compile import compile_scope
from lateen.xds.endpoints import endpoints
from lateen.xds.resources import Resources
from lateen.xds.routes import outbound_routes
from lateen.xds.sharing import Builder, shared

PLAIN = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: near-and-far, namespace: shop}
spec:
  hosts: [api.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8080, name: http, protocol: HTTP}, {number: 9000, name: auto}]
  addresses: [10.1.2.3]
  endpoints:
  - {address: 192.0.2.1, locality: eu/a, labels: {tier: gold}}
  - {address: 192.0.2.2, locality: us/a, labels: {tier: iron}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: by-name, namespace: shop}
spec:
  hosts: [db.example.com]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 5432, name: tcp, protocol: TCP}]
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: shop}
spec: {clusterIP: None, ports: [{name: http, port: 80}]}
"""

RULE = """---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: near, namespace: shop}
spec:
  host: api.example.com
  trafficPolicy:
"""
EJECTS = "outlierDetection: {consecutive5xxErrors: 3}"
ALIKE = "loadBalancer: {localityLbSetting: {enabled: true, failoverPriority: [tier]}}"
MESHES = {
    "plain": PLAIN,
    "near first": f"{PLAIN}{RULE}    {EJECTS}\n    loadBalancer: {{localityLbSetting: {{enabled: true}}}}\n",
    "alike first": f"{PLAIN}{RULE}    {EJECTS}\n    {ALIKE}\n",
    "alike first on a port": f"{PLAIN}{RULE}    portLevelSettings: [{{port: {{number: 8080}}, {EJECTS}, {ALIKE}}}]\n",
}
VARIETY: dict[str, tuple[Any, ...]] = {
    "namespace": ("shop", "other"),
    "addresses": ((), ("192.0.2.9",), ("2001:db8::9",), ("192.0.2.9", "2001:db8::9")),
    "labels": ({}, {"tier": "gold"}),
    "locality": ("", "us/a"),
    "metadata": (
        {},
        {"INTERCEPTION_MODE": "TPROXY"},
        {"INTERCEPTION_MODE": "NONE", "LATEEN_OUTBOUND_ADDRESS": "127.3.0.1"},
        {"INTERCEPTION_MODE": "NONE", "LATEEN_HTTP_PROXY_PORT": 15002},
    ),
}
PROXIES = [
    Proxy(name=f"p{number}", **dict(zip(VARIETY, values, strict=True)))
    for number, values in enumerate(product(*VARIETY.values()))
]


@pytest.mark.parametrize("build", [outbound_clusters, outbound_routes, endpoints], ids=lambda build: build.__name__)
@pytest.mark.parametrize("mesh", MESHES)
def test_each_gets_what_it_would_get_alone(mesh: str, build: Builder, mesh_of: Callable[..., Any]) -> None:
    loaded = mesh_of(MESHES[mesh])
    scopes = [scope(loaded, proxy)[0] for proxy in PROXIES]
    once = shared(build)
    made: list[Resources] = [once(view) for view in scopes]
    assert made == [build(view) for view in scopes]
    assert len({id(resources) for resources in made}) < len(PROXIES)


def test_sidecars_that_differ_in_what_is_their_own_share_all_that_is_outbound(mesh_of: Callable[..., Any]) -> None:
    loaded = mesh_of(PLAIN)
    one, other = (
        compile_scope(scope(loaded, Proxy(name, "shop", addresses=(ip,), labels={"app": name}))[0])
        for name, ip in (("web", "192.0.2.7"), ("cart", "192.0.2.8"))
    )
    assert one.extensions != other.extensions
    assert one.endpoints
    for kind in ("endpoints", "routes"):
        assert all(getattr(one, kind)[name] is getattr(other, kind)[name] for name in getattr(one, kind))
    outbound = [name for name in one.clusters if name.startswith("outbound|")]
    assert outbound
    assert all(one.clusters[name] is other.clusters[name] for name in outbound)
