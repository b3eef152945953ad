"""What a sidecar's applications see."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.scope.scope import scope
from lateen.scope.views import OutboundView

Load = Callable[..., Mesh]


def service(name: str, namespace: str = "default", export_to: str = "", ports: str = "[{port: 80, name: http}]") -> str:
    annotations = f", annotations: {{networking.istio.io/exportTo: '{export_to}'}}" if export_to else ""
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}{annotations}}}\n"
        f"spec: {{ports: {ports}}}\n---\n"
    )


def istio(kind: str, name: str, spec: str, namespace: str = "default", created: int = 0) -> str:
    age = f", creationTimestamp: '20{created:02}-01-01T00:00:00Z'" if created else ""
    return (
        f"apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}{age}}}\n"
        f"spec: {spec}\n---\n"
    )


def route(name: str, host: str, namespace: str = "default", more: str = "", created: int = 0, rule: str = "") -> str:
    spec = f"{{hosts: [{host}]{more}, http: [{{{rule}route: [{{destination: {{host: {host}}}}}]}}]}}"
    return istio("VirtualService", name, spec, namespace, created)


def outbound(mesh: Mesh, namespace: str = "default", **labels: str) -> OutboundView:
    view, findings = scope(mesh, Proxy("p", namespace, labels=labels))
    assert findings == ()
    assert view.gateway is None
    assert view.outbound is not None
    return view.outbound


def names(view: OutboundView) -> list[str]:
    return [v.service.hostname.split(".")[0] for v in view.services if v.imported]


def rule_names(view: OutboundView) -> dict[str, str]:
    return {v.service.hostname.split(".")[0]: v.rule.ref.name for v in view.services if v.rule}


# --- services


def test_a_service_is_seen_where_it_is_exported(mesh_of: Load) -> None:
    mesh = mesh_of(
        service("a", "one", ".") + service("b", "one", "two") + service("c", "one") + service("d", "one", "~")
    )
    assert names(outbound(mesh, "one")) == ["a", "c"]
    assert names(outbound(mesh, "two")) == ["b", "c"]
    assert names(outbound(mesh, "three")) == ["c"]


def test_a_kubernetes_service_beats_an_entry_of_its_name(mesh_of: Load) -> None:
    spec = "{hosts: [a.one.svc.cluster.local], ports: [{number: 80, name: http}]}"
    mesh = mesh_of(istio("ServiceEntry", "a", spec, "thief", 1) + service("a", "one"))
    assert [v.service.registry for v in outbound(mesh).services] == ["Kubernetes"]


@pytest.mark.parametrize(
    ("hosts", "seen"),
    [
        ("['*/*']", ["a", "b", "c"]),
        ("['./*']", ["a"]),
        ("['one/*']", ["b", "c"]),
        ("['one/b.one.svc.cluster.local']", ["b"]),
        ("['*/*.one.svc.cluster.local']", ["b", "c"]),
        ("['~/*']", []),
        ("['two/*']", []),
    ],
)
def test_a_sidecar_lets_in_what_it_names(mesh_of: Load, hosts: str, seen: list[str]) -> None:
    text = service("a") + service("b", "one") + service("c", "one")
    mesh = mesh_of(text + istio("Sidecar", "s", f"{{egress: [{{hosts: {hosts}}}]}}"))
    view = outbound(mesh)
    assert names(view) == seen
    assert str(view.sidecar) == "Sidecar default/s"
    assert len(outbound(mesh, "other").services) == 3


def test_the_own_sidecar_comes_before_the_namespace_and_the_root(mesh_of: Load) -> None:
    text = istio("Sidecar", "root", "{egress: [{hosts: ['./*']}]}", "istio-system")
    text += istio("Sidecar", "wide", "{egress: [{hosts: ['*/*']}]}", "one")
    text += istio("Sidecar", "own", "{workloadSelector: {labels: {app: a}}, egress: [{hosts: ['~/*']}]}", "one")
    mesh = mesh_of(text + service("a", "one") + service("b", "two"))
    assert (str(outbound(mesh, "one", app="a").sidecar), names(outbound(mesh, "one", app="a"))) == (
        "Sidecar one/own",
        [],
    )
    assert str(outbound(mesh, "one").sidecar) == "Sidecar one/wide"
    assert (str(outbound(mesh, "two").sidecar), names(outbound(mesh, "two"))) == ("Sidecar istio-system/root", ["b"])


def test_a_listener_with_a_port_lets_in_that_port(mesh_of: Load) -> None:
    text = service("a", ports="[{port: 80, name: http}, {port: 81, name: http-b}]")
    spec = "{egress: [{port: {number: 81, name: h, protocol: HTTP}, bind: 127.0.0.9, hosts: ['*/*']}]}"
    view = outbound(mesh_of(text + istio("Sidecar", "s", spec)))
    assert [[p.number for p in v.service.ports] for v in view.services] == [[81]]
    assert [(listener.port, listener.bind) for listener in view.egress] == [(81, "127.0.0.9")]


def test_a_destination_outside_the_sidecar_has_clusters_only(mesh_of: Load) -> None:
    spec = "{hosts: [a], http: [{route: [{destination: {host: b.one.svc.cluster.local}}]}]}"
    text = service("a") + service("b", "one") + istio("VirtualService", "v", spec)
    view = outbound(mesh_of(text + istio("Sidecar", "s", "{egress: [{hosts: ['./*']}]}")))
    assert [(v.service.hostname.split(".")[0], v.imported) for v in view.services] == [("a", True), ("b", False)]


@pytest.mark.parametrize(
    ("config", "sidecar", "allow_any"),
    [
        ("{}", "", True),
        ("outboundTrafficPolicy: {mode: REGISTRY_ONLY}", "", False),
        ("outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}", "", True),
        ("outboundTrafficPolicy: {mode: REGISTRY_ONLY}", "{outboundTrafficPolicy: {mode: ALLOW_ANY}}", True),
        ("{}", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}", False),
    ],
)
def test_unknown_traffic_is_as_the_sidecar_or_the_mesh_says(
    mesh_of: Load, config: str, sidecar: str, allow_any: bool
) -> None:
    mesh = mesh_of(service("a") + (istio("Sidecar", "s", sidecar) if sidecar else ""), config)
    assert outbound(mesh).allow_any is allow_any


# --- routes


def test_older_routes_come_first(mesh_of: Load) -> None:
    text = route("young", "h.x", created=22) + route("old", "h.x", "other", created=20) + route("none", "g.x")
    view = outbound(mesh_of(text))
    assert [r.ref.name for r in view.http_routes] == ["none", "old", "young"]


def test_without_age_the_name_decides(mesh_of: Load) -> None:
    view = outbound(mesh_of(route("b", "h.x") + route("a", "h.x", "other")))
    assert [r.ref.name for r in view.http_routes] == ["a", "b"]


def test_a_private_route_comes_before_exported_and_public_ones(mesh_of: Load) -> None:
    text = route("public", "h.x", "other", created=1)
    text += route("exported", "h.x", "other", more=", exportTo: [default]", created=2)
    text += route("private", "h.x", more=", exportTo: ['.']", created=3)
    mesh = mesh_of(text)
    assert [r.ref.name for r in outbound(mesh).http_routes] == ["private", "exported", "public"]
    assert [r.ref.name for r in outbound(mesh, "other").http_routes] == ["public"]
    without = mesh_of(text.replace("'.'", "nowhere"))
    assert [r.ref.name for r in outbound(without).http_routes] == ["exported", "public"]


def test_a_route_for_other_gateways_is_not_for_the_mesh(mesh_of: Load) -> None:
    text = route("a", "h.x", more=", gateways: [g]") + route("b", "i.x", more=", gateways: [g, mesh]")
    assert [r.ref.name for r in outbound(mesh_of(text)).http_routes] == ["b"]


@pytest.mark.parametrize(
    ("match", "labels", "applies"),
    [
        ("gateways: [g]", {}, False),
        ("gateways: [g, mesh]", {}, True),
        ("sourceLabels: {app: a}", {"app": "a", "x": "z"}, True),
        ("sourceLabels: {app: a}", {"app": "b"}, False),
        ("sourceLabels: {app: a}", {}, False),
        ("sourceNamespace: default", {}, True),
        ("sourceNamespace: other", {}, False),
    ],
)
def test_a_match_that_cannot_hold_for_the_client_is_gone(
    mesh_of: Load, match: str, labels: dict[str, str], applies: bool
) -> None:
    mesh = mesh_of(route("a", "h.x", rule=f"match: [{{{match}, uri: {{prefix: /a}}}}], "))
    routes = outbound(mesh, **labels).http_routes
    assert bool(routes) is applies
    for found in routes:
        (kept,) = found.rules[0].matches
        assert (kept.gateways, kept.source_labels, kept.source_namespace) == ((), (), "")
        assert kept.uri is not None


def test_a_sidecar_keeps_the_routes_of_what_it_lets_in(mesh_of: Load) -> None:
    text = service("a") + route("a", "a.x") + route("b", "b.x") + route("wide", "'*.x'", created=1)
    mesh = mesh_of(text + istio("Sidecar", "s", "{egress: [{hosts: ['*/a.x']}]}"))
    assert [r.ref.name for r in outbound(mesh).http_routes] == ["a", "wide"]


# --- DestinationRules


def rule(name: str, host: str, namespace: str = "default", more: str = "", created: int = 0) -> str:
    return istio("DestinationRule", name, f"{{host: '{host}'{more}}}", namespace, created)


HOST = "a.one.svc.cluster.local"


@pytest.mark.parametrize(
    ("rules", "chosen"),
    [
        (rule("own", HOST) + rule("service", HOST, "one") + rule("root", HOST, "istio-system"), "own"),
        (rule("service", HOST, "one") + rule("root", HOST, "istio-system"), "service"),
        (rule("root", HOST, "istio-system"), "root"),
        (rule("other", HOST, "two"), None),
        (rule("hidden", HOST, "one", ", exportTo: ['.']") + rule("root", HOST, "istio-system"), "root"),
        (rule("wide", "*.cluster.local", created=1) + rule("exact", HOST), "exact"),
        (rule("wide", "*.cluster.local") + rule("narrow", "*.one.svc.cluster.local"), "narrow"),
        (rule("wide", "*") + rule("service", HOST, "one"), "wide"),
    ],
)
def test_the_rule_of_the_nearest_namespace_holds(mesh_of: Load, rules: str, chosen: str | None) -> None:
    mesh = mesh_of(service("a", "one") + rules)
    assert rule_names(outbound(mesh)).get("a") == chosen


def test_a_rule_for_workloads_holds_for_them_alone(mesh_of: Load) -> None:
    selective = ", workloadSelector: {matchLabels: {app: b}}"
    mesh = mesh_of(service("a", "one") + rule("all", HOST) + rule("some", HOST, more=selective))
    assert rule_names(outbound(mesh)) == {"a": "all"}
    assert rule_names(outbound(mesh, app="b")) == {"a": "some"}


def test_rules_of_one_namespace_and_host_are_joined(mesh_of: Load) -> None:
    first = ", subsets: [{name: v1, labels: {v: a}}]"
    second = ", subsets: [{name: v1, labels: {v: b}}, {name: v2}], trafficPolicy: {loadBalancer: {simple: RANDOM}}"
    mesh = mesh_of(service("a", "one") + rule("a", HOST, more=first) + rule("b", HOST, more=second))
    (view,) = outbound(mesh).services
    assert view.rule is not None
    assert view.rule.ref.name == "a"
    assert [(s.name, s.labels) for s in view.rule.subsets] == [("v1", (("v", "a"),)), ("v2", ())]
    assert view.rule.policy is not None


def test_rules_of_the_root_namespace_do_not_hide_others_from_proxies_that_live_there(mesh_of: Load) -> None:
    text = service("a", "one") + rule("wide", "*", "istio-system") + rule("service", HOST, "one")
    assert rule_names(outbound(mesh_of(text), "istio-system")) == {"a": "service"}
    private = rule("private", HOST, "istio-system", ", exportTo: ['.']")
    assert rule_names(outbound(mesh_of(text + private), "istio-system")) == {"a": "private"}
    alone = mesh_of(service("a", "istio-system") + rule("wide", "*", "istio-system"))
    assert rule_names(outbound(alone, "istio-system")) == {"a": "wide"}


# --- endpoints and sharing


def test_a_server_without_mutual_tls_is_called_in_the_clear(mesh_of: Load) -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: a}, ports: [{port: 80, name: http}, {port: 81, name: tcp}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
spec: {containers: [{name: a, image: a}]}
status: {podIP: 10.0.0.1}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a}
spec: {selector: {matchLabels: {app: a}}, mtls: {mode: STRICT}, portLevelMtls: {81: {mode: DISABLE}}}
"""
    (view,) = outbound(mesh_of(text)).services
    assert [(e.service_port, e.tls_mode) for e in view.endpoints] == [(80, "istio"), (81, "disabled")]


def test_proxies_that_see_the_same_share_one_view(mesh_of: Load) -> None:
    text = service("a") + route("v", "h.x", rule="match: [{sourceLabels: {app: a}}], ")
    mesh = mesh_of(text)
    assert outbound(mesh, app="a", pod="1") is outbound(mesh, app="a", pod="2")
    assert outbound(mesh, app="a") is not outbound(mesh, app="b")
    assert outbound(mesh, app="a").services[0] is outbound(mesh, app="b").services[0]
    assert outbound(mesh) is not outbound(mesh, "other")
