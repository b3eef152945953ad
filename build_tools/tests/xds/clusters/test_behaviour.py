"""A DestinationRule, and the cluster that comes of it. The table is `behaviour.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lateen.model.proxy import Proxy
from lateen.scope.views import ProxyScope
from lateen.xds.clusters import clusters
from lateen.xds.endpoints import endpoints
from lateen.xds.snapshot import Config, Snapshot

TABLE = yaml.safe_load((Path(__file__).parent / "behaviour.yaml").read_text())
ScopeOf = Callable[..., ProxyScope]


def mesh_of(case: dict[str, Any]) -> str:
    if "rule" not in case:
        return str(TABLE["mesh"])
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "rule"},
        "spec": case["rule"],
    }
    return f"{TABLE['mesh']}---\n{yaml.safe_dump(rule)}"


def scope_for(case: dict[str, Any], scope_of: ScopeOf) -> ProxyScope:
    return scope_of(mesh_of(case), **case.get("proxy", {}))


def assert_within(expected: Any, actual: Any, at: str) -> None:
    """Every expected field is there with that value; null means: not there."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            assert_within(value, actual.get(key), f"{at}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        assert len(expected) == len(actual), (at, actual)
        for i, (want, got) in enumerate(zip(expected, actual, strict=True)):
            assert_within(want, got, f"{at}[{i}]")
    else:
        assert actual == expected, at


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in TABLE["cases"]])
def test_cluster(case: dict[str, Any], scope_of: ScopeOf) -> None:
    found = clusters(scope_for(case, scope_of)).configs[case["cluster"]]
    assert_within(case["expect"], found, case["cluster"])
    assert [path for path in case.get("absent", ()) if has(found, path.split("/"))] == []


def has(config: Any, path: list[str]) -> bool:
    """Whether a config has something at the end of a path of keys."""
    for key in path:
        if not isinstance(config, dict) or key not in config:
            return False
        config = config[key]
    return True


def test_a_real_envoy_takes_all_of_them(
    scope_of: ScopeOf, refusals: Callable[..., dict[str, str]], certificates: Path
) -> None:
    bootstraps: dict[str, Config] = {}
    for number, case in enumerate(TABLE["cases"]):
        scope = scope_for(case, scope_of)
        metadata = {**scope.proxy.metadata, "LATEEN_CERT_DIR": str(certificates)}
        proxy = Proxy(scope.proxy.name, metadata=metadata)
        chosen = {name: config for name, config in clusters(scope).configs.items() if name == case["cluster"]}
        snapshot = Snapshot(proxy, clusters=chosen, endpoints=endpoints(scope).configs)
        bootstraps[f"case{number}"] = _readable(snapshot.static(), certificates)
    assert refusals(**bootstraps) == {}


def _readable(config: Any, certificates: Path) -> Any:
    """The configuration with files that exist in the place of those that the table names."""
    if isinstance(config, dict):
        if "filename" in config:
            names = {"k.pem": "key.pem", "tls.key": "key.pem", "c.pem": "cert-chain.pem", "tls.crt": "cert-chain.pem"}
            name = config["filename"].rpartition("/")[2]
            wanted = names.get(name, name if (certificates / name).exists() else "root-cert.pem")
            return {"filename": str(certificates / wanted)}
        return {key: _readable(value, certificates) for key, value in config.items()}
    return [_readable(item, certificates) for item in config] if isinstance(config, list) else config


def test_endpoints_carry_what_tells_them_apart(scope_of: ScopeOf) -> None:
    found = endpoints(scope_of(TABLE["mesh"])).configs["outbound|80||reviews.default.svc.cluster.local"]
    hosts = found["endpoints"][0]["lb_endpoints"]
    assert [h["endpoint"]["address"]["socket_address"] for h in hosts] == [
        {"address": "192.0.2.11", "port_value": 8080},
        {"address": "192.0.2.12", "port_value": 8080},
    ]
    metadata = [h["metadata"]["filter_metadata"] for h in hosts]
    assert [m["envoy.transport_socket_match"] for m in metadata] == [{"tlsMode": "istio"}] * 2
    assert [m["istio"]["workload"] for m in metadata] == [
        "reviews-0;default;reviews;v1;Kubernetes",
        "reviews-1;default;reviews;v2;Kubernetes",
    ]


def test_a_subset_has_the_endpoints_with_its_labels(scope_of: ScopeOf) -> None:
    case = {"rule": {"host": "reviews", "subsets": [{"name": "v2", "labels": {"version": "v2"}}]}}
    found = endpoints(scope_for(case, scope_of)).configs["outbound|80|v2|reviews.default.svc.cluster.local"]
    hosts = found["endpoints"][0]["lb_endpoints"]
    assert [h["endpoint"]["address"]["socket_address"]["address"] for h in hosts] == ["192.0.2.12"]


def test_every_eds_cluster_has_an_assignment_and_no_other(scope_of: ScopeOf) -> None:
    scope = scope_of(TABLE["mesh"])
    eds = {name for name, config in clusters(scope).configs.items() if config["type"] == "EDS"}
    assert eds == set(endpoints(scope).configs)


def test_a_cluster_is_traced_to_its_rule_or_service(scope_of: ScopeOf) -> None:
    name = ("outbound|80||reviews.default.svc.cluster.local", "")
    plain = clusters(scope_of(TABLE["mesh"])).origins[name]
    assert plain.resource == "Service default/reviews"
    ruled = clusters(scope_for({"rule": {"host": "reviews"}}, scope_of)).origins[name]
    assert ruled.resource == "DestinationRule default/rule"
    assert ruled.line > plain.line
