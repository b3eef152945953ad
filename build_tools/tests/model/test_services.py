"""Services, slices and service entries: who stands behind a name."""

from __future__ import annotations

from lateen.model.service import Protocol, Resolution

from .workloads import SHOP, Load, addresses, pod


def service(spec: str, annotations: str = "{}") -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: a, annotations: {annotations}}}\nspec: {spec}\n"


def test_a_service_without_addresses_is_what_its_type_says(mesh_of: Load) -> None:
    (headless,) = mesh_of(service("{clusterIP: None, ports: [{port: 80}]}")).services
    assert (headless.headless, headless.resolution, headless.addresses) == (True, Resolution.PASSTHROUGH, ())
    (alias,) = mesh_of(service("{type: ExternalName, externalName: b.example}")).services
    assert (alias.alias_of, alias.resolution) == ("b.example", Resolution.ALIAS)
    (dual,) = mesh_of(service("{clusterIPs: [10.0.0.1, '2001:db8::1'], ports: [{port: 80}]}")).services
    assert dual.addresses == ("10.0.0.1", "2001:db8::1")


def test_a_service_is_exported_as_its_annotation_says(mesh_of: Load) -> None:
    spec = "{ports: [{port: 80}]}"
    exported = "{networking.istio.io/exportTo: '., other'}"
    assert mesh_of(service(spec)).services[0].export_to == {"*"}
    assert mesh_of(service(spec, exported)).services[0].export_to == {"default", "other"}
    assert mesh_of(service(spec), "defaultServiceExportTo: ['.']").services[0].export_to == {"default"}


def test_without_domain_suffix_a_service_is_name_and_namespace(mesh_of: Load) -> None:
    mesh = mesh_of(service("{ports: [{port: 80}]}"), domain_suffix="")
    assert [s.hostname for s in mesh.services] == ["a.default"]


SLICE = """---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.2], conditions: {ready: false}}
- {addresses: [10.0.0.3], conditions: {ready: false, serving: true, terminating: true}}
"""


def test_addresses_of_a_slice_belong_to_their_pods_or_are_plaintext(mesh_of: Load) -> None:
    text = service("{ports: [{name: http, port: 80}, {name: other, port: 81}]}") + SLICE
    mesh = mesh_of(text + "---" + pod(status="{podIP: 10.0.0.1}"))
    found = mesh.endpoints["a.default.svc.cluster.local", "default"]
    assert [(e.address, e.port, e.service_port, e.tls_mode, e.health, e.workload) for e in found] == [
        ("10.0.0.1", 8080, 80, "istio", "HEALTHY", "a"),
        ("10.0.0.2", 8080, 80, "disabled", "UNHEALTHY", ""),
        ("10.0.0.3", 8080, 80, "disabled", "DRAINING", ""),
    ]


def test_a_selected_pod_and_its_slice_are_one_endpoint(mesh_of: Load) -> None:
    text = service("{selector: {app: a}, ports: [{name: http, port: 80, targetPort: 8080}]}") + SLICE
    mesh = mesh_of(text + "---" + pod(labels="{app: a}", status="{podIP: 10.0.0.2}"))
    found = mesh.endpoints["a.default.svc.cluster.local", "default"]
    assert [(e.address, e.health, e.tls_mode) for e in found if e.address == "10.0.0.2"] == [
        ("10.0.0.2", "UNHEALTHY", "istio")
    ]


def entry(spec: str) -> str:
    return f"apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: a}}\nspec: {spec}\n"


def test_each_host_of_a_service_entry_is_a_service(mesh_of: Load) -> None:
    text = entry("{hosts: [a.x, b.x], location: MESH_INTERNAL, ports: [{number: 443, name: tls, protocol: TLS}]}")
    services = mesh_of(text).services
    assert [(s.hostname, s.registry, s.mesh_external, s.resolution) for s in services] == [
        ("a.x", "External", False, Resolution.PASSTHROUGH),
        ("b.x", "External", False, Resolution.PASSTHROUGH),
    ]
    assert services[0].port(443).protocol is Protocol.TLS  # type: ignore[union-attr]


def test_endpoints_of_a_service_entry_take_mesh_tls_with_a_service_account(mesh_of: Load) -> None:
    spec = """{hosts: [a.x], resolution: STATIC, ports: [{number: 80, name: http, targetPort: 8080}], endpoints: [
      {address: 10.0.0.1, serviceAccount: a}, {address: 10.0.0.2, ports: {http: 9090}},
      {address: 10.0.0.3, labels: {security.istio.io/tlsMode: istio}}, {address: 'unix:///run/a.sock'}]}"""
    found = mesh_of(entry(spec)).endpoints["a.x", "default"]
    assert [(e.address, e.port, e.tls_mode) for e in found] == [
        ("10.0.0.1", 8080, "istio"),
        ("10.0.0.2", 9090, "disabled"),
        ("10.0.0.3", 8080, "istio"),
        ("/run/a.sock", 0, "disabled"),
    ]


def test_a_dns_service_entry_resolves_its_host_or_its_endpoints(mesh_of: Load) -> None:
    ports = "resolution: DNS, ports: [{number: 80, name: http}]"
    own = mesh_of(entry(f"{{hosts: [a.x], {ports}}}"))
    assert addresses(own, "a.x", "default") == [("a.x", 80, 80)]
    other = mesh_of(entry(f"{{hosts: ['*.x'], {ports}, endpoints: [{{address: b.y}}]}}"))
    assert addresses(other, "*.x", "default") == [("b.y", 80, 80)]


def test_a_dns_endpoint_may_name_a_workload_of_the_mesh(mesh_of: Load) -> None:
    spec = "{hosts: [a.x], resolution: DNS, ports: [{number: 80, name: http}], endpoints: [{address: web.shop}]}"
    mesh = mesh_of(SHOP + "---\n" + entry(spec))
    assert addresses(mesh, "a.x", "default") == [("web.shop", 80, 80)]
    placed = mesh.placed({"web-0.shop": "10.0.0.1", "web-1.shop": "10.0.0.2"})
    assert addresses(placed, "a.x", "default") == [("10.0.0.1", 80, 80), ("10.0.0.2", 80, 80)]
    assert {e.tls_mode for e in placed.endpoints["a.x", "default"]} == {"istio"}


def test_a_workload_selector_takes_pods_and_workload_entries(mesh_of: Load) -> None:
    text = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm}
spec: {address: 10.0.0.2, labels: {app: a}, ports: {http: 9090}, serviceAccount: vm, weight: 3}
---
"""
    spec = "{hosts: [a.x], resolution: STATIC, ports: [{number: 80, name: http, targetPort: 8080}], "
    spec += "workloadSelector: {labels: {app: a}}}"
    mesh = mesh_of(text + entry(spec) + "---" + pod(labels="{app: a}", status="{podIP: 10.0.0.1}"))
    found = mesh.endpoints["a.x", "default"]
    assert [(e.address, e.port, e.weight, e.tls_mode) for e in found] == [
        ("10.0.0.1", 8080, 0, "istio"),
        ("10.0.0.2", 9090, 3, "istio"),
    ]


def test_service_entries_of_one_host_and_namespace_are_one_service(mesh_of: Load) -> None:
    one = entry("{hosts: [a.x], ports: [{number: 80, name: http}]}")
    two = entry("{hosts: [a.x], ports: [{number: 80, name: h}, {number: 81, name: i}]}").replace("name: a}", "name: b}")
    (merged,) = mesh_of(one + "---\n" + two).services
    assert [(p.name, p.number) for p in merged.ports] == [("http", 80), ("i", 81)]


def test_an_endpoint_serves_the_ports_of_its_own_service_entry(mesh_of: Load) -> None:
    one = entry(
        "{hosts: [a.x], resolution: STATIC, ports: [{number: 80, name: http}], endpoints: [{address: 10.0.0.1}]}"
    )
    two = "{hosts: [a.x], resolution: STATIC, ports: [{number: 80, name: http}, {number: 81, name: tcp}], "
    two = entry(two + "endpoints: [{address: 10.0.0.2}]}").replace("name: a}", "name: b}")
    found = mesh_of(one + "---\n" + two).endpoints["a.x", "default"]
    assert [(e.address, e.service_port) for e in found] == [("10.0.0.1", 80), ("10.0.0.2", 80), ("10.0.0.2", 81)]
