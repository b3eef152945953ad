"""What a pod says of its containers, volumes and sidecar."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lateen.diagnostics import Severity
from lateen.model.injection import Redirection, SidecarSettings
from lateen.model.mesh import Mesh
from lateen.model.pod import (
    EnvSource,
    Exec,
    File,
    GrpcCheck,
    HttpGet,
    Mount,
    PodSpec,
    Probe,
    TcpSocket,
    User,
    Volume,
    VolumeSource,
)

Load = Callable[..., Mesh]

HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, annotations: %s}\nspec:\n"


def pod_of(mesh_of: Load, spec: str, annotations: str = "{}") -> PodSpec:
    (workload,) = mesh_of(HEAD % annotations + spec).workloads
    assert workload.pod is not None
    return workload.pod


def test_containers_in_the_order_of_their_start(mesh_of: Load) -> None:
    spec = """
  terminationGracePeriodSeconds: 5
  initContainers:
  - {name: migrate, command: [migrate], restartPolicy: Never}
  - {name: cache, image: redis, restartPolicy: Always, ports: [{name: redis, containerPort: 6379}]}
  containers:
  - {name: app, image: web}
  - {name: istio-proxy, image: auto}
"""
    pod = pod_of(mesh_of, spec)
    assert [(c.name, c.sidecar, c.is_proxy) for c in (*pod.init, *pod.containers)] == [
        ("migrate", False, False),
        ("cache", True, False),
        ("app", False, False),
        ("istio-proxy", False, True),
    ]
    assert ([c.name for c in pod.serving], pod.termination_grace) == (["cache", "app", "istio-proxy"], 5.0)


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("httpGet: {port: http}", HttpGet("http")),
        (
            "httpGet: {port: '80', path: /x?y=1, scheme: HTTPS, host: h, httpHeaders: [{name: a, value: b}]}",
            HttpGet(80, "/x?y=1", "HTTPS", "h", (("a", "b"),)),
        ),
        ("tcpSocket: {port: 80}", TcpSocket(80)),
        ("grpc: {port: 9090, service: shop}", GrpcCheck(9090, "shop")),
        ("exec: {command: [cat, /run/healthy]}", Exec(("cat", "/run/healthy"))),
    ],
)
def test_every_kind_of_probe(mesh_of: Load, text: str, check: HttpGet | TcpSocket | GrpcCheck | Exec) -> None:
    times = "initialDelaySeconds: 1, periodSeconds: 2, timeoutSeconds: 3, successThreshold: 1, failureThreshold: 4"
    spec = f"  containers: [{{name: app, livenessProbe: {{{text}}}, startupProbe: {{{text}, {times}}}}}]"
    (app,) = pod_of(mesh_of, spec).containers
    assert app.liveness == Probe(check, 0.0, 10.0, 1.0, 1, 3)
    assert app.startup == Probe(check, 1.0, 2.0, 3.0, 1, 4)
    assert (app.readiness, app.unsupported) == (None, ())


def test_volumes_and_mounts(mesh_of: Load) -> None:
    spec = """
  volumes:
  - {name: scratch, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  - {name: settings, configMap: {name: web, defaultMode: 0400, items: [{key: a, path: sub/a, mode: 0440}]}}
  - {name: login, secret: {secretName: login, optional: true}}
  - name: all
    projected:
      sources:
      - configMap: {name: web}
      - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
      - serviceAccountToken: {path: token}
  - {name: disk, persistentVolumeClaim: {claimName: data}}
  containers:
  - name: app
    volumeMounts:
    - {name: scratch, mountPath: /scratch}
    - {name: settings, mountPath: /etc/web/a, subPath: sub/a, readOnly: true}
"""
    pod = pod_of(mesh_of, spec)
    labels = VolumeSource("DownwardAPI", files=(File("labels", "metadata.labels"),))
    assert pod.volumes == (
        Volume("scratch", "emptyDir", in_memory=True),
        Volume("settings", "configMap", (VolumeSource("ConfigMap", "web", (File("sub/a", "a", 0o440),)),), mode=0o400),
        Volume("login", "secret", (VolumeSource("Secret", "login", optional=True),)),
        Volume("all", "projected", (VolumeSource("ConfigMap", "web"), labels)),
        Volume("disk", "persistentVolumeClaim"),
    )
    assert pod.containers[0].mounts == (
        Mount("scratch", "/scratch"),
        Mount("settings", "/etc/web/a", "sub/a", read_only=True),
    )
    assert [name for name, _ in pod.unsupported] == ["spec.volumes[3].projected"]


def test_variables_from_whole_objects_and_resources(mesh_of: Load) -> None:
    spec = """
  securityContext: {runAsUser: 1000}
  containers:
  - name: app
    securityContext: {runAsUser: 1001}
    envFrom:
    - {prefix: A_, configMapRef: {name: settings, optional: true}}
    - {secretRef: {name: login}}
    env: [{name: CPUS, valueFrom: {resourceFieldRef: {containerName: app, resource: limits.cpu, divisor: 1}}}]
"""
    (app,) = pod_of(mesh_of, spec).containers
    assert app.env_from == (EnvSource("ConfigMap", "settings", "A_", optional=True), EnvSource("Secret", "login"))
    assert (app.env[0].resource_ref, app.user, app.unsupported) == ("limits.cpu", User(1001), ())


EMPTY = "  containers: []"


def test_annotations_say_which_traffic_a_sidecar_takes(mesh_of: Load) -> None:
    annotations = """
    traffic.sidecar.istio.io/includeOutboundIPRanges: "10.0.0.0/8, fd00::/8"
    traffic.sidecar.istio.io/excludeOutboundIPRanges: 10.1.0.0/16
    traffic.sidecar.istio.io/includeOutboundPorts: "443"
    traffic.sidecar.istio.io/excludeOutboundPorts: "6379,27017"
    traffic.sidecar.istio.io/includeInboundPorts: ""
    traffic.sidecar.istio.io/excludeInboundPorts: "9000"
    traffic.sidecar.istio.io/excludeInterfaces: eth1
    sidecar.istio.io/rewriteAppHTTPProbers: "false"
"""
    pod = pod_of(mesh_of, EMPTY, "{" + ", ".join(annotations.strip().splitlines()) + "}")
    assert pod.redirection == Redirection(
        ("10.0.0.0/8", "fd00::/8"), ("10.1.0.0/16",), (443,), (6379, 27017), (), (9000,), ("eth1",)
    )
    assert pod.sidecar == SidecarSettings(rewrite_probes=False)


def test_without_annotations_a_sidecar_takes_all(mesh_of: Load) -> None:
    pod = pod_of(mesh_of, EMPTY)
    assert (pod.redirection, pod.sidecar) == (Redirection(), SidecarSettings())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("traffic.sidecar.istio.io/includeOutboundIPRanges", "10.0.0.0"),
        ("traffic.sidecar.istio.io/excludeOutboundIPRanges", "*"),
        ("traffic.sidecar.istio.io/excludeOutboundPorts", "redis"),
        ("traffic.sidecar.istio.io/includeInboundPorts", "70000"),
        ("sidecar.istio.io/interceptionMode", "redirect"),
        ("sidecar.istio.io/rewriteAppHTTPProbers", "yes"),
    ],
)
def test_an_annotation_that_the_injector_refuses_is_an_error_there(mesh_of: Load, name: str, value: str) -> None:
    (finding,) = mesh_of(HEAD % f'{{{name}: "{value}"}}' + EMPTY).diagnostics
    assert (finding.code, finding.severity, finding.origin.line) == ("LAT0226", Severity.ERROR, 3)
    assert name in finding.message


def test_an_annotation_that_nothing_reads_is_told(mesh_of: Load) -> None:
    annotations = "{sidecar.istio.io/proxyCPU: '1', traffic.sidecar.istio.io/kubevirtInterfaces: net1, other: x, "
    annotations += "inject.istio.io/templates: 'sidecar, mine'}"
    found = mesh_of(HEAD % annotations + EMPTY).diagnostics
    assert sorted((d.code, d.message.removesuffix(" is not compiled, so it has no effect")) for d in found) == [
        ("LAT0202", "sidecar.istio.io/proxyCPU"),
        ("LAT0202", "template mine of inject.istio.io/templates"),
        ("LAT0202", "traffic.sidecar.istio.io/kubevirtInterfaces"),
    ]


PROXY_CONFIG = """apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations:
    proxy.istio.io/config: |
      concurrency: 4
      holdApplicationUntilProxyStarts: true
      proxyMetadata: {DNS: "1"}
      %s
spec: {containers: []}
"""


def test_a_proxy_config_of_its_own_stands_over_the_meshs(mesh_of: Load) -> None:
    mesh = mesh_of(PROXY_CONFIG % "", mesh_config="defaultConfig: {concurrency: 2, proxyMetadata: {A: b}}")
    (workload,) = mesh.workloads
    assert workload.pod is not None
    assert workload.pod.sidecar == SidecarSettings(4, hold_application=True)
    metadata = mesh.proxies()[0].metadata
    assert (metadata["DNS"], metadata["A"]) == ("1", "b")


@pytest.mark.parametrize(
    ("line", "code", "place"),
    [("tracing: {sampling: 1}", "LAT0202", 6), ("concurency: 1", "LAT0110", 10), ("statusPort: x", "LAT0111", 10)],
)
def test_a_fault_of_a_proxy_config_stands_at_its_line(mesh_of: Load, line: str, code: str, place: int) -> None:
    found = mesh_of(PROXY_CONFIG % line).diagnostics
    assert [(d.code, d.origin.line) for d in found] == [(code, place)]


@pytest.mark.parametrize(
    ("volumes", "mount", "place"),
    [
        ("{name: ../data, emptyDir: {}}", "{}", "volumes[0].name"),
        ("{name: data, secret: {secretName: s, items: [{key: k, path: ../k}]}}", "{}", "items[0].path"),
        ("{name: data, secret: {secretName: s, items: [{key: k, path: /k}]}}", "{}", "items[0].path"),
        ("{name: data, emptyDir: {}}", "{name: data, mountPath: /d, subPath: a/../../b}", "subPath"),
        ("{name: data, emptyDir: {}}", "{name: data, mountPath: /d, subPath: /etc}", "subPath"),
    ],
)
def test_a_path_that_leads_out_of_its_volume_is_an_error(mesh_of: Load, volumes: str, mount: str, place: str) -> None:
    mounts = "[]" if mount == "{}" else f"[{mount}]"
    spec = f"  volumes: [{volumes}]\n  containers: [{{name: app, volumeMounts: {mounts}}}]\n"
    [finding] = mesh_of(HEAD % "{}" + spec).diagnostics
    assert finding.severity is Severity.ERROR
    assert finding.origin.field_path.endswith(place)
