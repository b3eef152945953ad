"""What a sidecar accepts, and under which mutual TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.model.security import MtlsMode
from lateen.scope.scope import scope
from lateen.scope.views import InboundView

Load = Callable[..., Mesh]

APP = """
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: a}, ports: [{port: 80, name: http, targetPort: web}, {port: 90, name: tcp-x, targetPort: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {selector: {app: a}, ports: [{port: 81, name: grpc, targetPort: 8080}, {port: 53, name: dns, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {selector: {app: other}, ports: [{port: 80, name: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
spec: {containers: [{name: a, image: a, ports: [{name: web, containerPort: 8080}]}]}
---
"""


def inbound(mesh: Mesh, **metadata: Any) -> InboundView:
    proxy = Proxy("a", labels={"app": "a"}, addresses=("10.0.0.1",), metadata=metadata)
    view, _ = scope(mesh, proxy)
    assert view.inbound is not None
    return view.inbound


def test_a_port_is_served_once_for_all_its_services(mesh_of: Load) -> None:
    ports = inbound(mesh_of(APP)).ports
    assert [(p.port, p.protocol.value, p.name, [s.hostname.split(".")[0] for s in p.services]) for p in ports] == [
        (8080, "HTTP", "http", ["a", "b"]),
        (9000, "TCP", "tcp-x", ["a"]),
    ]
    assert {(p.bind, p.endpoint) for p in ports} == {("", "")}


def test_a_proxy_that_the_mesh_does_not_declare_serves_by_its_labels(mesh_of: Load) -> None:
    view, _ = scope(mesh_of(APP), Proxy("stranger", labels={"app": "a"}))
    assert view.inbound is not None
    assert [p.port for p in view.inbound.ports] == [8080, 9000]


def test_a_proxy_finds_its_ports_by_address_alone_and_takes_over_labels(mesh_of: Load) -> None:
    text = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, labels: {app: a}}
spec: {address: 10.0.0.50, ports: {web: 7000}}
---
apiVersion: v1
kind: Pod
metadata: {name: far, labels: {app: other, version: v1}}
spec: {containers: [{name: a, image: a}]}
status: {podIP: 10.0.0.60}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict}
spec: {selector: {matchLabels: {app: other}}, mtls: {mode: STRICT}}
---
"""
    mesh = mesh_of(text + APP)

    def served(address: str) -> list[tuple[int, MtlsMode]]:
        view, _ = scope(mesh, Proxy("hand", addresses=(address,)))
        assert view.inbound is not None
        return [(port.port, port.mtls) for port in view.inbound.ports]

    permissive = MtlsMode.PERMISSIVE
    assert served("10.0.0.50") == [(7000, permissive), (9000, permissive), (8080, permissive)]
    assert served("10.0.0.60") == [(80, MtlsMode.STRICT)]
    assert served("10.0.0.70") == []


def test_a_label_more_than_the_workload_has_does_not_hide_its_named_ports(mesh_of: Load) -> None:
    view, _ = scope(mesh_of(APP), Proxy("stranger", labels={"app": "a", "added-by": "injector"}))
    assert view.inbound is not None
    assert [p.port for p in view.inbound.ports] == [8080, 9000]


def test_an_address_in_a_file_makes_a_target(mesh_of: Load) -> None:
    text = """
apiVersion: v1
kind: Service
metadata: {name: c}
spec: {ports: [{port: 80, name: http}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: c-1, labels: {kubernetes.io/service-name: c}}
addressType: IPv4
ports: [{name: http, port: 8081}]
endpoints: [{addresses: [10.0.0.1]}]
"""
    assert [p.port for p in inbound(mesh_of(text)).ports] == [8081]


def test_without_interception_nothing_is_served_unless_the_application_is_known(mesh_of: Load) -> None:
    mesh = mesh_of(APP)
    assert inbound(mesh, INTERCEPTION_MODE="NONE").ports == ()
    ports = inbound(mesh, INTERCEPTION_MODE="NONE", LATEEN_APP_ADDRESS="127.2.0.1").ports
    assert [(p.port, p.bind, p.endpoint) for p in ports] == [
        (8080, "10.0.0.1", "127.2.0.1:8080"),
        (9000, "10.0.0.1", "127.2.0.1:9000"),
    ]


def sidecar(ingress: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: s}}
spec: {{ingress: [{ingress}]}}
"""


PORT = "port: {number: 8080, name: h, protocol: HTTP}"


@pytest.mark.parametrize(
    ("listener", "metadata", "bind", "endpoint"),
    [
        (PORT, {}, "", ""),
        (f"{PORT}, defaultEndpoint: '127.0.0.1:80'", {}, "", "127.0.0.1:80"),
        (f"{PORT}, defaultEndpoint: '0.0.0.0:80'", {}, "", "10.0.0.1:80"),
        (f"{PORT}, defaultEndpoint: 'unix:///a'", {}, "", "unix:///a"),
        (f"{PORT}, bind: 10.0.0.2, captureMode: NONE", {}, "10.0.0.2", ""),
        (PORT, {"INTERCEPTION_MODE": "NONE"}, "10.0.0.1", "127.0.0.1:8080"),
        (
            f"{PORT}, defaultEndpoint: '127.0.0.1:80'",
            {"INTERCEPTION_MODE": "NONE", "LATEEN_APP_ADDRESS": "127.2.0.1"},
            "10.0.0.1",
            "127.2.0.1:80",
        ),
    ],
)
def test_ingress_listeners_replace_the_ports_of_services(
    mesh_of: Load, listener: str, metadata: dict[str, str], bind: str, endpoint: str
) -> None:
    (port,) = inbound(mesh_of(APP + sidecar(f"{{{listener}}}")), **metadata).ports
    assert (port.port, port.name, port.bind, port.endpoint) == (8080, "h", bind, endpoint)
    assert port.service is not None
    assert (port.service.hostname, str(port.ref)) == ("a.default.svc.cluster.local", "Sidecar default/s")


def test_an_ingress_port_without_service(mesh_of: Load) -> None:
    (port,) = inbound(mesh_of(APP + sidecar("{port: {number: 1, name: t, protocol: TCP}}"))).ports
    assert (port.port, port.service, port.services) == (1, None, ())


def peer(
    name: str, mode: str, namespace: str = "default", selector: str = "", ports: str = "", created: int = 0
) -> str:
    age = f", creationTimestamp: '20{created}-01-01T00:00:00Z'" if created else ""
    more = f", selector: {{matchLabels: {{app: {selector}}}}}" if selector else ""
    more += f", portLevelMtls: {{{ports}}}" if ports else ""
    return (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        f"metadata: {{name: {name}, namespace: {namespace}{age}}}\nspec: {{mtls: {{mode: {mode}}}{more}}}\n---\n"
    )


@pytest.mark.parametrize(
    ("policies", "mode"),
    [
        ("", "PERMISSIVE"),
        (peer("root", "STRICT", "istio-system"), "STRICT"),
        (peer("root", "STRICT", "istio-system") + peer("ns", "DISABLE"), "DISABLE"),
        (peer("root", "STRICT", "istio-system") + peer("ns", "UNSET"), "STRICT"),
        (peer("ns", "DISABLE") + peer("own", "STRICT", selector="a"), "STRICT"),
        (peer("ns", "DISABLE") + peer("own", "UNSET", selector="a"), "DISABLE"),
        (peer("ns", "STRICT") + peer("own", "DISABLE", selector="b"), "STRICT"),
        (peer("other", "STRICT", "other"), "PERMISSIVE"),
        (peer("selective-root", "STRICT", "istio-system", selector="a"), "PERMISSIVE"),
        (peer("a", "STRICT", created=22) + peer("b", "DISABLE", created=21), "DISABLE"),
    ],
)
def test_the_narrowest_and_oldest_policy_holds(mesh_of: Load, policies: str, mode: str) -> None:
    view = inbound(mesh_of(APP + policies))
    assert {p.mtls for p in view.ports} | {view.passthrough} == {MtlsMode(mode)}


def test_ports_have_modes_of_their_own(mesh_of: Load) -> None:
    policy = peer(
        "own", "STRICT", selector="a", ports="8080: {mode: DISABLE}, 9000: {mode: UNSET}, 7: {mode: PERMISSIVE}"
    )
    view = inbound(mesh_of(APP + policy))
    assert [(p.port, p.mtls.value) for p in view.ports] == [(8080, "DISABLE"), (9000, "STRICT")]
    assert view.passthrough is MtlsMode.STRICT
    assert view.passthrough_ports == ((7, MtlsMode.PERMISSIVE),)
    assert str(view.peer_authentication) == "PeerAuthentication default/own"


@pytest.mark.parametrize(
    "given",
    [
        '[{"name":"web","containerPort":7070,"protocol":"TCP"},{"containerPort":1}]',
        [{"name": "web", "containerPort": 7070}],
    ],
)
def test_a_proxy_that_no_document_declares_tells_its_named_ports_itself(mesh_of: Load, given: Any) -> None:
    services = APP.split("---", maxsplit=1)[0]
    assert [p.port for p in inbound(mesh_of(services), POD_PORTS=given).ports] == [7070, 9000]


@pytest.mark.parametrize("given", ["", "{", "7", '["a"]', '[{"name":"web"}]', 7])
def test_pod_ports_that_say_nothing_are_none(mesh_of: Load, given: Any) -> None:
    assert [p.port for p in inbound(mesh_of(APP.split("---", maxsplit=1)[0]), POD_PORTS=given).ports] == [9000]
