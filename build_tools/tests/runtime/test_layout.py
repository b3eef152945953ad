"""From a mesh to a plan of processes."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lateen.diagnostics import Origin, Redacted
from lateen.model.identity import Ref
from lateen.model.mesh import Mesh
from lateen.model.mesh_config import MeshConfig
from lateen.model.pod import Container, EnvVar, HttpGet, PodSpec, Probe, User, Volume
from lateen.model.secret import Secret
from lateen.model.service import Protocol, Service, ServicePort
from lateen.model.workload import Workload
from lateen.runtime.plan import Phase, Plan, Settings, instances
from lateen.runtime.process.addresses import Block
from lateen.runtime.process.bound import application_claims
from lateen.runtime.process.layout import lay_out
from lateen.runtime.state import RunFiles

SETTINGS = Settings(Path("/mesh"))
FILES = RunFiles(Path("/run/lateen/0123abcd"))
PLACE = Origin("/mesh/web.yaml", 7, 3)


def container(**fields: Any) -> Container:
    return Container(**{"name": "app", "command": ("python3", "app.py"), "origin": PLACE} | fields)


def workload(name: str, namespace: str = "shop", **fields: Any) -> Workload:
    pod = fields.pop("pod", PodSpec((container(),)))
    return Workload(f"{name}-0", namespace, name, Ref("Deployment", namespace, name, PLACE), pod=pod, **fields)


def service(name: str, protocol: Protocol, number: int = 80, **fields: Any) -> Service:
    ports = (ServicePort(protocol.value.lower(), number, protocol),)
    return Service(f"{name}.shop.svc.cluster.local", Ref("Service", "shop", name), ports, **fields)


FIRST = Block()


def planned(mesh: Mesh, block: Block = FIRST) -> tuple[Plan, list[str]]:
    plan, findings = lay_out(mesh, SETTINGS, block, FILES, ("x-tenant",))
    return plan, [f.code for f in findings]


MESH = Mesh(
    workloads=(
        workload("web"),
        workload("gate", "edge", gateway=True, pod=PodSpec((container(name="istio-proxy", image="auto"),))),
        workload("outsider", injected=False),
        workload("running", addresses=("10.0.0.1",)),
        workload("entry", pod=None),
    ),
    services=(service("db", Protocol.TCP, 5432), service("web", Protocol.HTTP)),
)


def test_instances_are_what_has_a_pod_and_no_address_by_namespace_and_name() -> None:
    assert [w.key for w in instances(MESH)] == ["gate-0.edge", "outsider-0.shop", "web-0.shop"]


def test_each_instance_is_placed_at_its_proxy_or_at_itself_without_one() -> None:
    plan, codes = planned(MESH)
    assert codes == []
    assert plan.placements == {"gate-0.edge": "127.1.0.1", "outsider-0.shop": "127.2.0.2", "web-0.shop": "127.1.0.3"}
    placed = {w.key: w.addresses for w in plan.mesh.workloads}
    assert placed["web-0.shop"] == ("127.1.0.3",)
    assert placed["running-0.shop"] == ("10.0.0.1",)


def test_another_block_has_other_addresses() -> None:
    plan, _ = planned(MESH, Block(2))
    assert plan.placements["web-0.shop"] == "127.9.0.3"


def test_the_order_of_documents_changes_nothing() -> None:
    shuffled = Mesh(workloads=tuple(reversed(MESH.workloads)), services=tuple(reversed(MESH.services)))
    assert planned(shuffled)[0].document() == planned(MESH)[0].document()


def test_a_sidecar_knows_where_everything_of_its_workload_is() -> None:
    plan, _ = planned(MESH)
    sidecar = next(p for p in plan.proxies if p.key == "web-0.shop")
    assert sidecar.proxy.kind == "sidecar"
    assert sidecar.proxy.node_id.startswith("sidecar~127.1.0.3~web-0.shop~")
    assert sidecar.proxy.metadata == sidecar.proxy.metadata | {
        "INTERCEPTION_MODE": "NONE",
        "LATEEN_APP_ADDRESS": "127.2.0.3",
        "LATEEN_BIND_ADDRESS": "127.1.0.3",
        "LATEEN_CALL_LOG": "/run/lateen/0123abcd/calls/web-0.shop.jsonl",
        "LATEEN_CALL_LOG_HEADERS": ["x-tenant"],
        "LATEEN_HTTP_PROXY_PORT": 15002,
        "LATEEN_MODULE_DIR": "/run/lateen/0123abcd/modules",
        "LATEEN_OUTBOUND_ADDRESS": "127.3.0.3",
        "LATEEN_TCP_ADDRESSES": {"db.shop.svc.cluster.local:5432": "127.4.3.1"},
        "LATEEN_XDS_SOCKET": "/run/lateen/0123abcd/xds/3.sock",
    }


def test_a_router_has_no_application_and_no_outbound_listeners() -> None:
    plan, _ = planned(MESH)
    router = next(p for p in plan.proxies if p.key == "gate-0.edge")
    assert router.proxy.kind == "router"
    assert router.proxy.metadata["LATEEN_BIND_ADDRESS"] == "127.1.0.1"
    assert "LATEEN_APP_ADDRESS" not in router.proxy.metadata
    assert [app.name for app in plan.applications] == ["outsider-0.shop.app", "web-0.shop.app"]


def test_only_instances_get_proxies() -> None:
    plan, _ = planned(MESH)
    assert sorted(p.key for p in plan.proxies) == ["gate-0.edge", "web-0.shop"]


def test_the_control_plane_reads_where_to_serve_what() -> None:
    document = planned(MESH)[0].document()
    assert (document["version"], document["directory"], document["mesh_config"]) == (1, "/mesh", None)
    assert document["placements"]["web-0.shop"] == "127.1.0.3"
    assert document["proxies"]["web-0.shop"]["socket"] == "/run/lateen/0123abcd/xds/3.sock"


def application(mesh: Mesh, key: str = "web-0.shop") -> tuple[dict[str, str], tuple[str, ...]]:
    [app] = [app for app in planned(mesh)[0].applications if app.workload.key == key]
    return app.environment, app.argv


def test_an_application_reaches_http_by_its_proxy_and_tcp_by_an_address_of_its_own() -> None:
    environment, _ = application(MESH)
    assert environment["http_proxy"] == environment["HTTP_PROXY"] == "http://127.3.0.3:15002"
    assert environment["no_proxy"].startswith("127.0.0.0/8")
    assert (environment["DB_SERVICE_HOST"], environment["DB_SERVICE_PORT"]) == ("127.4.3.1", "5432")
    assert environment["WEB_SERVICE_HOST"] == "web.shop.svc.cluster.local"


def test_the_port_of_http_proxy_is_the_mesh_configs() -> None:
    environment, _ = application(Mesh(config=MeshConfig(proxy_http_port=8888), workloads=MESH.workloads))
    assert environment["http_proxy"] == "http://127.3.0.3:8888"


def test_an_application_without_sidecar_has_no_proxy_and_no_services() -> None:
    environment, _ = application(MESH, "outsider-0.shop")
    assert not {"http_proxy", "HTTP_PROXY", "DB_SERVICE_HOST"} & environment.keys()


def test_an_application_inherits_where_it_is_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_TOKEN", "secret")
    monkeypatch.setenv("TZ", "UTC")
    environment, _ = application(MESH)
    assert environment["TZ"] == "UTC"
    assert "CLOUD_TOKEN" not in environment
    assert environment["PATH"].startswith(str(Path(sys.executable).parent))


def test_python3_is_this_interpreter_and_arguments_expand() -> None:
    env = (EnvVar("POD_IP", field_ref="status.podIP"), EnvVar("KEY", secret=("login", "key")))
    pod = PodSpec((container(command=("python3", "app.py"), args=("--host", "$(POD_IP)", "$$(X)"), env=env),))
    mesh = Mesh(
        workloads=(workload("web", pod=pod),),
        secrets=(Secret(Ref("Secret", "shop", "login"), {"key": Redacted(b"hunter2")}),),
    )
    environment, argv = application(mesh)
    assert argv == (sys.executable, "app.py", "--host", "127.2.0.1", "$(X)")
    assert environment["KEY"] == "hunter2"
    assert "hunter2" not in repr(planned(mesh)[0].applications)


def test_the_working_directory_is_the_meshs_unless_the_container_names_one() -> None:
    pod = PodSpec((container(), container(name="other", working_dir="/srv")))
    plan, _ = planned(Mesh(workloads=(workload("web", pod=pod),)))
    assert [str(app.directory) for app in plan.applications] == ["/mesh", "/srv"]


def test_ports_and_probe_come_along() -> None:
    probe = Probe(HttpGet("http", "/health"))
    pod = PodSpec((container(ports=(("http", 8080), ("admin", 9090)), readiness=probe),))
    [app] = planned(Mesh(workloads=(workload("web", pod=pod),)))[0].applications
    assert (app.address, app.ports, app.readiness, app.origin) == ("127.2.0.1", (8080, 9090), probe, PLACE)


def test_what_cannot_be_honoured_is_said_once_for_all_replicas() -> None:
    pod = PodSpec((container(),), unsupported=(("spec.volumes", PLACE),))
    first = workload("web", pod=pod)
    second = Workload("web-1", "shop", "web", first.ref, pod=pod)
    assert planned(Mesh(workloads=(first, second)))[1] == ["LAT0707"]


def test_a_container_without_a_command_is_an_error() -> None:
    assert planned(Mesh(workloads=(workload("web", pod=PodSpec((container(command=()),))),)))[1] == ["LAT0710"]


def test_a_mesh_without_pods_has_nothing_to_run() -> None:
    assert planned(Mesh())[1] == ["LAT0714"]


def test_more_workloads_than_addresses_for_tcp_services_are_an_error() -> None:
    many = tuple(workload(f"w{number}") for number in range(256))
    assert planned(Mesh(workloads=many, services=MESH.services))[1] == ["LAT0715"]


def test_headless_tcp_services_need_no_address() -> None:
    mesh = Mesh(workloads=MESH.workloads, services=(service("db", Protocol.TCP, headless=True),))
    sidecar = next(p for p in planned(mesh)[0].proxies if p.key == "web-0.shop")
    assert sidecar.proxy.metadata["LATEEN_TCP_ADDRESSES"] == {}


def test_what_a_process_cannot_have_is_told_once_for_all_replicas() -> None:
    pod = PodSpec(
        (container(user=User(os.getuid() + 1), unsupported=(("spec.containers[0].resources", PLACE),)),),
        volumes=(Volume("data", "emptyDir"),),
    )
    annotations = {"traffic.sidecar.istio.io/excludeOutboundPorts": "6379", "other": "x"}
    one = workload("web", pod=pod, annotations=annotations, proxy_config={"concurrency": 2})
    _, findings = lay_out(Mesh(workloads=(one, replace(one, name="web-1"))), SETTINGS, FIRST, FILES)
    assert [(f.code, f.message.partition(" of web")[0]) for f in findings] == [
        ("LAT0707", "volume data"),
        ("LAT0707", "spec.containers[0].resources"),
        ("LAT0707", f"runAsUser {os.getuid() + 1} of container app"),
        ("LAT0707", "traffic.sidecar.istio.io/excludeOutboundPorts"),
        ("LAT0707", "concurrency of proxy.istio.io/config"),
    ]


def test_init_containers_come_first_and_claim_no_port() -> None:
    init = (container(name="migrate"), container(name="cache", sidecar=True))
    [*apps] = planned(Mesh(workloads=(workload("web", pod=PodSpec((container(),), init)),)))[0].applications
    assert [(a.container, a.phase) for a in apps] == [
        ("migrate", Phase.INIT),
        ("cache", Phase.SIDECAR),
        ("app", Phase.MAIN),
    ]
    assert list(application_claims(replace(apps[0], ports=(80,)))) == []
