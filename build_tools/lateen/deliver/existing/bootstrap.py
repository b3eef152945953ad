"""What an Envoy's bootstrap needs so that the suite's metrics exist under Istio's names and can be scraped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from lateen.deliver.existing.configuration import Configuration
from lateen.deliver.existing.sites import (
    CLUSTER,
    LISTENER,
    admin_address,
    admin_clusters,
    bootstrap,
    inner,
    read,
    serves_metrics,
)
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes.existing import NO_METRICS
from lateen.schema import Schema
from lateen.xds.bootstrap import PROMETHEUS_CLUSTER, host_cluster, path_listener, prometheus_route, stat_namespace
from lateen.xds.snapshot import Config
from lateen.xds.telemetry import NAMESPACE

LISTENER_NAME = "lateen_prometheus"

_SAMPLE = f"{NAMESPACE}.istio_requests_total"
_ANY = ("0.0.0.0", "::")  # noqa: S104


def register(files: Sequence[Configuration]) -> Iterator[Diagnostic]:
    """Have Envoy print metrics under Istio's names: by a module that does nothing but to be loaded."""
    file = bootstrap(files)
    if file is None:
        problem = "the bootstrap is not among the files; it needs the extension envoy.bootstrap.wasm and admin"
        yield NO_METRICS.at(files[0].origin(), problem=problem, hint="name the bootstrap too; --out is then a folder")
        return
    ours = stat_namespace()
    extensions = inner(file.config, "bootstrap_extensions", list)
    index = next((i for i, each in enumerate(extensions) if _is_ours(each)), len(extensions))
    extensions[index : index + 1] = [ours]


def include(files: Sequence[Configuration]) -> Iterator[Diagnostic]:
    """Let the suite's metrics pass the bootstrap's `stats_matcher`; a finding if it keeps them out on purpose."""
    file = bootstrap(files)
    matcher = read(read(file.config, "stats_config"), "stats_matcher") if file else None
    if file is None or matcher is None:
        return
    origin = file.origin("stats_config.stats_matcher")
    if read(matcher, "reject_all"):
        yield NO_METRICS.at(origin, problem="stats_matcher has reject_all", hint=f"inclusion_list: {NAMESPACE}.")
    elif any(_matches(pattern, _SAMPLE) for pattern in read(read(matcher, "exclusion_list"), "patterns", [])):
        yield NO_METRICS.at(origin, problem=f"stats_matcher excludes {_SAMPLE}", hint="exclude less")
    elif inclusion := read(matcher, "inclusion_list"):
        patterns = inner(inclusion, "patterns", list)
        if not any(f"{NAMESPACE}.".startswith(str(p.get("prefix"))) for p in patterns if p.get("prefix")):
            patterns.append({"prefix": f"{NAMESPACE}."})


def expose(files: Sequence[Configuration], bind: Config, schema: Schema) -> Iterator[Diagnostic]:
    """A listener for Prometheus at that address, if no listener serves metrics yet."""
    file = bootstrap(files)
    if file is None or serves_metrics(files, schema):
        return
    admin = admin_address(files)
    if admin is None:
        problem = "the bootstrap has no admin interface at a fixed address, where Prometheus' listener would lead"
        yield NO_METRICS.at(file.origin(), problem=problem, hint=NO_METRICS.fix)
        return
    nodes = [node for each in files for node in schema.walk(each.message, each.config)]
    if taken := next((n.value for n in nodes if n.type == LISTENER and _clash(n.value, bind)), None):
        problem = f"the address of Prometheus' listener is taken by the listener {taken.get('name', '')}".rstrip()
        yield NO_METRICS.at(file.origin(), problem=problem, hint="--prometheus ADDRESS:PORT names another")
        return
    resources = inner(file.config, "static_resources")
    cluster = next(iter(sorted(admin_clusters(files, schema))), "")
    if not cluster:
        known = {node.value.get("name") for node in nodes if node.type == CLUSTER}
        cluster = PROMETHEUS_CLUSTER if PROMETHEUS_CLUSTER not in known else f"lateen_{PROMETHEUS_CLUSTER}"
        inner(resources, "clusters", list).append(host_cluster(cluster, admin))
    inner(resources, "listeners", list).append(path_listener(LISTENER_NAME, bind, prometheus_route(cluster)))


def _is_ours(extension: Config) -> bool:
    ours = stat_namespace()
    named = read(read(extension, "typed_config"), "config", {})
    return bool(extension.get("name") == ours["name"] and named.get("name") == ours["typed_config"]["config"]["name"])


def _clash(listener: Config, bind: Config) -> bool:
    theirs = read(read(listener, "address"), "socket_address", {})
    ours = bind["socket_address"]
    hosts = {theirs.get("address"), ours["address"]}
    same_host = len(hosts) == 1 or not hosts.isdisjoint(_ANY)
    return same_host and bool(theirs.get("port_value") == ours["port_value"])


def _matches(pattern: Config, text: str) -> bool:
    """Whether a StringMatcher matches."""
    expression = read(read(pattern, "safe_regex"), "regex")
    tests: dict[str, Any] = {
        "exact": text.__eq__,
        "prefix": text.startswith,
        "suffix": text.endswith,
        "contains": text.__contains__,
    }
    found = any(test(str(pattern[kind])) for kind, test in tests.items() if kind in pattern)
    return found or (expression is not None and _fully(str(expression), text))


def _fully(expression: str, text: str) -> bool:
    try:
        return re.fullmatch(expression, text) is not None
    except re.error:  # RE2 may know it; Envoy then decides
        return False
