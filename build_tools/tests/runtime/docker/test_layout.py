"""From a mesh to a plan of pods."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from lateen.diagnostics import Origin, Redacted
from lateen.model.identity import Ref, Selector
from lateen.model.injection import Redirection
from lateen.model.mesh import Mesh
from lateen.model.pod import Container, EnvVar, Mount, PodSpec, User, Volume
from lateen.model.secret import Secret
from lateen.model.service import Protocol, Service, ServicePort
from lateen.model.virtual_addresses import RANGE
from lateen.model.workload import Workload
from lateen.runtime.docker.layout import Pod, lay_out
from lateen.runtime.docker.network import Network
from lateen.runtime.plan import Phase, Plan, Settings
from lateen.runtime.state import RunFiles

FILES = RunFiles(Path("/run/lateen/0123abcd"))
NETWORK = Network("lateen-0123abcd", IPv4Network("172.20.0.0/29"), IPv6Network("fd00::/64"))
PLACE = Origin("/mesh/web.yaml", 7, 3)


def container(**fields: Any) -> Container:
    return Container(**{"name": "app", "image": "web:1", "origin": PLACE} | fields)


def workload(name: str, **fields: Any) -> Workload:
    pod = fields.pop("pod", PodSpec((container(),)))
    ref = Ref("Deployment", "shop", name, PLACE)
    return Workload(f"{name}-0", "shop", name, ref, labels={"app": name}, pod=pod, **fields)


def service(name: str, **fields: Any) -> Service:
    ports = (ServicePort("tcp", 5432, Protocol.TCP, 5432),)
    selector = Selector((("app", name),))
    return Service(f"{name}.shop.svc.cluster.local", Ref("Service", "shop", name), ports, selector=selector, **fields)


def planned(*workloads: Workload, services: tuple[Service, ...] = (), **rest: Any) -> tuple[Plan, dict[str, Pod]]:
    """A plan without findings."""
    mesh = Mesh(workloads=workloads, services=services, **rest)
    plan, pods, findings = lay_out(mesh, Settings(Path("/mesh")), NETWORK, FILES, ("x-tenant",))
    assert findings == ()
    return plan, {pod.workload.owner: pod for pod in pods}


def codes(*workloads: Workload) -> list[str]:
    return [f.code for f in lay_out(Mesh(workloads=workloads), Settings(Path("/mesh")), NETWORK, FILES)[2]]


def test_each_instance_has_the_addresses_of_its_number() -> None:
    plan, pods = planned(workload("web"), workload("cart"))
    assert (pods["cart"].addresses, pods["web"].addresses) == (("172.20.0.2", "fd00::2"), ("172.20.0.3", "fd00::3"))
    assert {w.owner: w.addresses for w in plan.mesh.workloads} == {k: pod.addresses for k, pod in pods.items()}


def test_a_sidecar_takes_its_traffic_and_a_gateway_and_a_stranger_do_not() -> None:
    spec = PodSpec((container(),), redirection=Redirection(excluded_inbound_ports=(22,)))
    gateway = workload("edge", gateway=True, pod=PodSpec((container(name="istio-proxy", image="auto"),)))
    aside = workload("aside", annotations={"sidecar.istio.io/interceptionMode": "NONE"})
    plan, pods = planned(workload("web", pod=spec), gateway, workload("legacy", injected=False), aside)
    assert pods["web"].redirection == spec.redirection
    assert pods["edge"].redirection is pods["legacy"].redirection is pods["aside"].redirection is None
    assert [pod.proxy is not None for pod in (pods["web"], pods["edge"], pods["aside"])] == [True, True, True]
    assert pods["legacy"].proxy is None
    assert {Path(path).name: redirected for path, redirected in plan.hosts.values()} == {
        str(pod.number): pod.redirection is not None for pod in pods.values()
    }


def test_a_proxy_asks_the_socket_that_is_mounted_and_another_machine_finds_it_here() -> None:
    _, pods = planned(workload("web"))
    proxy = pods["web"].proxy
    assert proxy is not None
    metadata = proxy.proxy.metadata
    assert metadata["LATEEN_XDS_SOCKET"] == "/run/lateen/xds.sock"
    assert metadata["LATEEN_CALL_LOG_HEADERS"] == ["x-tenant"]
    assert (proxy.socket, proxy.shared) == (FILES.root / "pods" / "1" / "xds.sock", True)


def test_a_proxys_own_template_is_no_application() -> None:
    template = PodSpec((container(), container(name="istio-proxy", image="auto")))
    plan, _ = planned(workload("web", pod=template))
    assert [application.container for application in plan.applications] == ["app"]


def test_containers_start_in_the_order_of_kubernetes() -> None:
    init = (container(name="migrate"), container(name="agent", sidecar=True))
    plan, _ = planned(workload("web", pod=PodSpec((container(), container(name="second")), init)))
    assert [(application.container, application.phase) for application in plan.applications] == [
        ("migrate", Phase.INIT),
        ("agent", Phase.SIDECAR),
        ("app", Phase.MAIN),
        ("second", Phase.MAIN),
    ]


def test_a_container_keeps_what_is_its_alone() -> None:
    mounts, user = (Mount("data", "/data"),), User(1000, 2000)
    own = container(args=("--port", "$(PORT)"), env=(EnvVar("PORT", "80"),), mounts=mounts, user=user, working_dir="/w")
    plan, _ = planned(workload("web", pod=PodSpec((own,), volumes=(Volume("data", "emptyDir"),))))
    [application] = plan.applications
    assert application.argv == ()
    assert application.args == ("--port", "80")
    assert (application.mounts, application.user, application.working_dir) == (mounts, user, "/w")
    assert application.wanted == ("web:1", Path("/mesh"))


def test_services_are_reached_at_virtual_addresses_and_by_name_where_nothing_redirects() -> None:
    plan, _ = planned(workload("web"), workload("legacy", injected=False), services=(service("db"),))
    hosts = {one.workload.owner: one.environment["DB_SERVICE_HOST"] for one in plan.applications}
    assert any(hosts["web"] == str(address) for address in RANGE)
    assert hosts["legacy"] == "db.shop.svc.cluster.local"


def test_secrets_of_an_environment_are_in_no_text_of_the_plan() -> None:
    secret = Secret(Ref("Secret", "shop", "token"), {"key": Redacted(b"s3cret")})
    own = container(env=(EnvVar("TOKEN", secret=("token", "key")),))
    plan, pods = planned(workload("web", pod=PodSpec((own,))), secrets=(secret,))
    assert plan.applications[0].environment["TOKEN"] == "s3cret"
    assert "s3cret" not in f"{plan} {pods} {plan.document()}"


def test_what_a_container_cannot_have_is_told() -> None:
    limited = container(unsupported=(("resources", PLACE),))
    pod = PodSpec((limited,), volumes=(Volume("disk", "hostPath"),))
    assert codes(workload("web", pod=pod)) == ["LAT0707", "LAT0707"]


def test_a_network_has_room_for_so_many() -> None:
    assert codes(*(workload(f"web-{number}") for number in range(6))) == ["LAT0715"]


def test_a_mesh_without_pods_is_none() -> None:
    assert codes() == ["LAT0714"]
