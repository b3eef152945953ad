"""Workloads and their pods: who they are, who has a proxy, and what a runtime starts."""

from __future__ import annotations

import pytest

from lateen.diagnostics import MeshError
from lateen.model.mesh import Mesh
from lateen.model.placement import place_by_cidr, unplaced
from lateen.model.pod import HttpGet, Volume

from .workloads import SHOP, Load, addresses, pod


def test_replicas_are_instances_with_the_identity_of_their_template(mesh_of: Load) -> None:
    workloads = mesh_of(SHOP).workloads
    assert [w.key for w in workloads] == ["web-0.shop", "web-1.shop"]
    assert {(w.owner, w.service_account, w.canonical_name, w.canonical_revision) for w in workloads} == {
        ("web", "web", "web", "v1")
    }
    assert all(w.addresses == () for w in workloads)


def test_a_placed_instance_is_an_endpoint_at_its_own_ports(mesh_of: Load) -> None:
    mesh = mesh_of(SHOP)
    host = "web.shop.svc.cluster.local"
    assert addresses(mesh, host) == []
    placed = mesh.placed({"web-1.shop": "10.0.0.9", "web-0.shop": "10.0.0.10"})
    assert addresses(placed, host) == [
        ("10.0.0.9", 8080, 80),
        ("10.0.0.10", 8080, 80),
        ("10.0.0.9", 9000, 81),
        ("10.0.0.10", 9000, 81),
    ]
    assert {(e.workload, e.service_account, e.tls_mode) for e in placed.endpoints[host, "shop"]} == {
        ("web", "web", "istio")
    }
    assert addresses(mesh, host) == [], "placing made a new mesh"


def test_the_name_of_a_deployment_places_its_first_instance(mesh_of: Load) -> None:
    placed = mesh_of(SHOP).placed({"web.shop": "10.0.0.1"})
    assert [(w.name, w.addresses) for w in placed.workloads] == [("web-0", ("10.0.0.1",)), ("web-1", ())]


@pytest.mark.parametrize(("name", "address"), [("nobody.shop", "10.0.0.1"), ("web", "10.0.0.1"), ("web.shop", "x")])
def test_placing_refuses_unknown_names_and_addresses(mesh_of: Load, name: str, address: str) -> None:
    with pytest.raises(ValueError, match=r"nobody|web|'x'"):
        mesh_of(SHOP).placed({name: address})


def test_a_network_places_in_order_and_must_be_large_enough(mesh_of: Load) -> None:
    mesh = mesh_of(SHOP)
    placed = place_by_cidr(mesh, "192.0.2.0/24")
    assert [w.addresses for w in placed.workloads] == [("192.0.2.1",), ("192.0.2.2",)]
    assert unplaced(placed) == ()
    assert [(d.code, d.message.split()[0]) for d in unplaced(mesh)] == [("LAT0222", "2")]
    with pytest.raises(MeshError, match="LAT0223"):
        place_by_cidr(mesh, "192.0.2.0/32")


def test_a_network_leaves_out_addresses_in_files(mesh_of: Load) -> None:
    mesh = mesh_of(SHOP + "---" + pod(status="{podIP: 192.0.2.1}"))
    placed = place_by_cidr(mesh, "192.0.2.0/29")
    assert [w.addresses[0] for w in placed.workloads] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


@pytest.mark.parametrize(
    ("text", "injected", "tls_mode"),
    [
        (pod(), True, "istio"),
        (pod(labels="{sidecar.istio.io/inject: 'false'}"), False, "disabled"),
        (pod(annotations="{sidecar.istio.io/inject: 'false'}"), False, "disabled"),
        (pod(labels="{sidecar.istio.io/inject: ''}", annotations="{sidecar.istio.io/inject: 'false'}"), True, "istio"),
        (pod(spec=", hostNetwork: true"), False, "disabled"),
        (pod(labels="{security.istio.io/tlsMode: disabled}"), True, "disabled"),
        (
            pod()
            + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {istio-injection: disabled}}",
            False,
            "disabled",
        ),
        (
            pod(labels="{sidecar.istio.io/inject: 'true'}")
            + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {istio-injection: disabled}}",
            False,
            "disabled",
        ),
        (
            pod() + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {istio.io/rev: canary}}",
            True,
            "istio",
        ),
    ],
)
def test_a_pod_has_a_sidecar_unless_it_opts_out(mesh_of: Load, text: str, injected: bool, tls_mode: str) -> None:
    mesh = mesh_of(text)
    (workload,) = mesh.workloads
    assert (workload.injected, workload.tls_mode) == (injected, tls_mode)
    assert [p.kind for p in mesh.proxies()] == (["sidecar"] if injected else [])


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_a_choice_that_istio_cannot_read_is_none(mesh_of: Load, field: str) -> None:
    mesh = mesh_of(pod(**{field: "{sidecar.istio.io/inject: 'no'}"}))
    assert [workload.injected for workload in mesh.workloads] == [True]
    assert [(f.code, f.message.split(" of ")[0]) for f in mesh.diagnostics] == [
        ("LAT0227", "sidecar.istio.io/inject: no")
    ]


def test_a_finished_pod_is_none(mesh_of: Load) -> None:
    assert mesh_of(pod(status="{phase: Succeeded}")).workloads == ()


def test_a_pod_that_is_not_ready_is_an_unhealthy_endpoint(mesh_of: Load) -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n---"
    status = "{podIP: 10.0.0.1, conditions: [{type: Ready, status: 'False'}]}"
    mesh = mesh_of(service + pod(labels="{app: a}", status=status))
    assert [e.health for e in mesh.endpoints["a.default.svc.cluster.local", "default"]] == ["UNHEALTHY"]


def test_gateway_injection_makes_a_router_that_takes_no_mesh_tls_by_itself(mesh_of: Load) -> None:
    mesh = mesh_of(pod(annotations="{inject.istio.io/templates: gateway}"))
    assert [(p.kind, w.tls_mode) for p, w in zip(mesh.proxies(), mesh.workloads, strict=True)] == [
        ("router", "disabled")
    ]


def test_a_workload_that_a_gateway_selects_is_a_router(mesh_of: Load) -> None:
    gateway = """---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: other}
spec: {selector: {istio: edge}, servers: [{port: {number: 80, name: h, protocol: HTTP}, hosts: ['*']}]}
"""
    mesh = mesh_of(pod(labels="{istio: edge}") + gateway)
    assert [p.kind for p in mesh.proxies()] == ["router"]


def test_a_proxy_says_who_it_is(mesh_of: Load) -> None:
    config = "defaultConfig: {proxyMetadata: {A: mesh, B: mesh}, interceptionMode: TPROXY}"
    annotations = "{proxy.istio.io/config: '{proxyMetadata: {B: pod}}'}"
    (proxy,) = mesh_of(pod(annotations=annotations, status="{podIP: 10.0.0.1}"), config).proxies()
    assert proxy.node_id == "sidecar~10.0.0.1~a.default~default.svc.cluster.local"
    assert proxy.metadata == {
        "A": "mesh",
        "B": "pod",
        "CLUSTER_ID": "Kubernetes",
        "INTERCEPTION_MODE": "TPROXY",
        "MESH_ID": "cluster.local",
        "OWNER": "kubernetes://apis/v1/namespaces/default/pods/a",
    }
    assert mesh_of(SHOP).proxies()[1].metadata["OWNER"] == "kubernetes://apis/apps/v1/namespaces/shop/deployments/web"


def test_a_replica_set_is_named_after_its_deployment(mesh_of: Load) -> None:
    text = pod().replace("name: a,", "name: a-5d9c-x1, ownerReferences: [{kind: ReplicaSet, name: a-5d9c}],", 1)
    assert [(w.name, w.owner) for w in mesh_of(text).workloads] == [("a-5d9c-x1", "a")]


def test_a_pod_spec_is_what_a_runtime_starts(mesh_of: Load) -> None:
    text = """
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  volumes: [{name: v}]
  containers:
  - name: main
    image: i
    command: [run]
    args: [fast]
    env:
    - {name: A, value: "1"}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: C, valueFrom: {configMapKeyRef: {name: m, key: k}}}
    - {name: S, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}
    ports: [{name: http, containerPort: 80}]
    readinessProbe: {httpGet: {path: /ok, port: http}, periodSeconds: 2}
    resources: {limits: {cpu: 1}}
"""
    spec = mesh_of(text).workloads[0].pod
    assert spec is not None
    (container,) = spec.containers
    assert (container.command, container.args, container.ports) == (("run",), ("fast",), (("http", 80),))
    assert [(v.name, v.value, v.field_ref, v.config_map, v.secret, v.optional) for v in container.env] == [
        ("A", "1", "", None, None, False),
        ("IP", "", "status.podIP", None, None, False),
        ("C", "", "", ("m", "k"), None, False),
        ("S", "", "", None, ("s", "k"), True),
    ]
    assert container.readiness is not None
    assert (container.readiness.check, container.readiness.period) == (HttpGet("http", "/ok"), 2.0)
    assert [(path, origin.line) for path, origin in container.unsupported] == [("spec.containers[0].resources", 19)]
    assert (spec.volumes, spec.unsupported) == ((Volume("v", "emptyDir"),), ())


def test_secrets_are_decoded_and_never_printed(mesh_of: Load) -> None:
    text = """
apiVersion: v1
kind: Secret
metadata: {name: a, annotations: {lateen/issue: a.example}}
data: {token: aHVudGVy, both: b2xk}
stringData: {both: new}
"""
    mesh = mesh_of(text)
    (secret,) = mesh.secrets
    assert {key: value.reveal() for key, value in secret.data.items()} == {"both": b"new", "token": b"hunter"}
    assert secret.issue == "a.example"
    assert "hunter" not in repr(mesh)


def codes(mesh: Mesh) -> list[tuple[str, str, int]]:
    return [(d.code, d.message, d.origin.line) for d in mesh.diagnostics]


def test_a_field_of_kubernetes_that_changes_nothing_is_told(mesh_of: Load) -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selektor: {app: web}
  sessionAffinity: ClientIP
  internalTrafficPolicy: Local
  externalTrafficPolicy: Cluster
  type: NodePort
  ports: [{port: 80, nodePort: 30080, appProtokol: http}]
"""
    assert codes(mesh_of(text)) == [
        ("LAT0227", "spec.selektor of this Service has no effect", 6),
        ("LAT0227", "spec.sessionAffinity of this Service has no effect", 7),
        ("LAT0227", "spec.internalTrafficPolicy of this Service has no effect", 8),
        ("LAT0227", "spec.ports[0].appProtokol of this Service has no effect", 11),
    ]
    assert [d.hint for d in mesh_of(text).diagnostics if d.hint] == [
        'did you mean "selector"?',
        'did you mean "appProtocol"?',
    ]


def test_a_misspelled_field_of_a_pod_is_told_and_one_that_runtimes_know_is_theirs(mesh_of: Load) -> None:
    text = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  strategy: {type: Recreate}
  replica: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {creationTimestamp: null, labels: {app: web}}
    spec:
      tolerationz: []
      dnsConfig: {nameservers: [192.0.2.1]}
      securityContext: {runAsUser: 1000, fsGroup: 2000}
      containers:
      - name: app
        readinesProbe: {}
        tty: true
        securityContext: {runAsGroup: 7, capabilities: {drop: [ALL]}, privileged: false}
        volumeMounts: [{name: v, mountPath: /v, subPathExpr: $(A)}]
"""
    mesh = mesh_of(text)
    assert codes(mesh) == [
        ("LAT0227", "spec.replica of this Deployment has no effect", 7),
        ("LAT0227", "tolerationz of this Deployment has no effect", 12),
        ("LAT0227", "readinesProbe of this Deployment has no effect", 17),
    ]
    pod = mesh.workloads[0].pod
    assert pod is not None
    prefix = "spec.template.spec."
    assert [name for name, _ in pod.unsupported] == [f"{prefix}dnsConfig", f"{prefix}securityContext"]
    assert [name.removeprefix(f"{prefix}containers[0].") for name, _ in pod.containers[0].unsupported] == [
        "tty",
        "volumeMounts[0].subPathExpr",
        "securityContext",
    ]
    assert (pod.containers[0].user.uid, pod.containers[0].user.gid) == (1000, 7)


def test_what_runs_to_its_end_and_what_keeps_traffic_out_is_told(mesh_of: Load) -> None:
    text = """
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: shop}
spec: {template: {spec: {containers: []}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
"""
    assert [(code, line) for code, _, line in codes(mesh_of(text))] == [("LAT0228", 2), ("LAT0201", 7), ("LAT0229", 14)]


def test_a_replica_set_is_run_like_a_deployment(mesh_of: Load) -> None:
    text = """
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web}
spec: {replicas: 2, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}
"""
    mesh = mesh_of(text)
    assert [w.name for w in mesh.workloads] == ["web-0", "web-1"]
    assert mesh.proxies()[0].metadata["OWNER"].endswith("/replicasets/web")
