"""Authorization, telemetry and secrets of one workload."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.scope.scope import scope
from lateen.scope.telemetry import METRICS
from lateen.scope.views import ProxyScope

Load = Callable[..., Mesh]
PROMETHEUS = "defaultProviders: {metrics: [prometheus]}"


def view_of(mesh: Mesh) -> ProxyScope:
    return scope(mesh, Proxy("p", labels={"app": "a"}))[0]


def document(kind: str, group: str, name: str, spec: str, namespace: str = "default") -> str:
    return f"apiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n---\n"


def policy(name: str, spec: str = "{rules: [{}]}", namespace: str = "default") -> str:
    return document("AuthorizationPolicy", "security.istio.io/v1", name, spec, namespace)


def test_the_root_namespace_guards_every_workload_first(mesh_of: Load) -> None:
    mine, others = "selector: {matchLabels: {app: a}}", "selector: {matchLabels: {app: b}}"
    text = policy("z") + policy("b", f"{{{mine}, rules: [{{}}]}}") + policy("c", f"{{{others}, rules: [{{}}]}}")
    text += policy("root", namespace="istio-system") + policy("far", namespace="far")
    text += policy("root-b", f"{{{others}}}", "istio-system")
    assert [p.ref.name for p in view_of(mesh_of(text)).authorization] == ["root", "b", "z"]


def test_in_the_root_namespace_a_policy_counts_once(mesh_of: Load) -> None:
    view, _ = scope(mesh_of(policy("root", namespace="istio-system")), Proxy("p", "istio-system"))
    assert [p.ref.name for p in view.authorization] == ["root"]


def telemetry(name: str, spec: str, namespace: str = "default") -> str:
    return document("Telemetry", "telemetry.istio.io/v1", name, spec, namespace)


def test_without_a_prometheus_provider_nothing_is_measured(mesh_of: Load) -> None:
    assert view_of(mesh_of(policy("a"))).telemetry.client_metrics == ()
    unknown = telemetry("t", "{metrics: [{providers: [{name: other}]}]}")
    assert view_of(mesh_of(unknown, PROMETHEUS)).telemetry.server_metrics == ()


@pytest.mark.parametrize("config", [PROMETHEUS, None])
def test_a_provider_by_default_or_by_telemetry_measures_everything(mesh_of: Load, config: str | None) -> None:
    text = policy("a") if config else telemetry("t", "{metrics: [{providers: [{name: prometheus}]}]}", "istio-system")
    found = view_of(mesh_of(text, config)).telemetry
    assert tuple(m.name for m in found.client_metrics) == tuple(m.name for m in found.server_metrics) == METRICS


def overridden(mesh_of: Load, *overrides: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    levels = ("istio-system", "default")
    text = "".join(
        telemetry("t", f"{{metrics: [{{overrides: [{override}]}}]}}", namespace)
        for namespace, override in zip(levels, overrides, strict=False)
    )
    found = view_of(mesh_of(text, PROMETHEUS)).telemetry
    client = {m.name: [f"{t.operation} {t.tag}" for t in m.tags] for m in found.client_metrics}
    return client, {m.name: [f"{t.operation} {t.tag}" for t in m.tags] for m in found.server_metrics}


def test_overrides_change_what_they_match(mesh_of: Load) -> None:
    override = "{match: {metric: REQUEST_COUNT, mode: CLIENT}, tagOverrides: {b: {value: x}, a: {operation: REMOVE}}}"
    client, server = overridden(mesh_of, override)
    assert client["REQUEST_COUNT"] == ["REMOVE a", "UPSERT b"]
    assert server["REQUEST_COUNT"] == []
    assert client["REQUEST_DURATION"] == []


def test_a_metric_is_disabled_in_one_direction(mesh_of: Load) -> None:
    client, server = overridden(mesh_of, "{match: {metric: REQUEST_SIZE, mode: SERVER}, disabled: true}")
    assert "REQUEST_SIZE" in client
    assert "REQUEST_SIZE" not in server


def test_the_narrower_level_wins(mesh_of: Load) -> None:
    client, _ = overridden(mesh_of, "{disabled: true}", "{match: {metric: REQUEST_COUNT}, disabled: false}")
    assert list(client) == ["REQUEST_COUNT"]


def test_all_metrics_can_be_disabled(mesh_of: Load) -> None:
    assert overridden(mesh_of, "{disabled: true}") == ({}, {})


LOGS = """extensionProviders:
- {name: one, envoyFileAccessLog: {path: /dev/stdout}}
- {name: two, envoyFileAccessLog: {path: /var/log/a}}
"""


@pytest.mark.parametrize(
    ("levels", "config", "client", "server"),
    [
        ([], LOGS, [], []),
        ([], f"defaultProviders: {{accessLogging: [one]}}\n{LOGS}", ["one"], ["one"]),
        (["{providers: [{name: one}]}"], LOGS, ["one"], ["one"]),
        (["{providers: [{name: one}], match: {mode: CLIENT}}"], LOGS, ["one"], []),
        (["{providers: [{name: one}]}", "{providers: [{name: two}]}"], LOGS, ["two"], ["two"]),
        (["{providers: [{name: one}]}", "{disabled: true}"], LOGS, [], []),
        (["{providers: [{name: one}]}", "{disabled: true, match: {mode: SERVER}}"], LOGS, ["one"], []),
        (["{providers: [{name: nobody}]}"], LOGS, [], []),
        ([], "accessLogFile: /var/log/b", ["envoy"], ["envoy"]),
        ([], f"accessLogFile: /var/log/b\ndefaultProviders: {{accessLogging: [one]}}\n{LOGS}", ["one"], ["one"]),
        (["{providers: [{name: one}], match: {mode: CLIENT}}"], f"accessLogFile: /var/log/b\n{LOGS}", ["one"], []),
        (["{providers: [{name: one}, {name: two}]}"], LOGS, ["one", "two"], ["one", "two"]),
    ],
)
def test_access_logs_are_those_of_the_narrowest_level(
    mesh_of: Load, levels: list[str], config: str, client: list[str], server: list[str]
) -> None:
    namespaces = ("istio-system", "default")
    text = policy("a") + "".join(
        telemetry("t", f"{{accessLogging: [{level}]}}", namespace)
        for namespace, level in zip(namespaces, levels, strict=False)
    )
    found = view_of(mesh_of(text, config)).telemetry
    assert [log.provider.name for log in found.client_logs] == client
    assert [log.provider.name for log in found.server_logs] == server


def test_a_workload_has_telemetry_of_its_own(mesh_of: Load) -> None:
    spec = "{selector: {matchLabels: {app: %s}}, accessLogging: [{providers: [{name: one}], filter: {expression: e}}]}"
    mesh = mesh_of(telemetry("a", spec % "a"), LOGS)
    assert [(log.provider.name, log.filter) for log in view_of(mesh).telemetry.client_logs] == [("one", "e")]
    assert view_of(mesh_of(telemetry("a", spec % "b"), LOGS)).telemetry.client_logs == ()


def test_a_proxy_sees_the_secrets_of_its_namespace(mesh_of: Load) -> None:
    text = "".join(
        f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\n---\n"
        for kind, name, namespace in (("Secret", "a", "default"), ("Secret", "b", "far"), ("ConfigMap", "c", "default"))
    )
    assert [s.ref.name for s in view_of(mesh_of(text)).secrets] == ["a"]
