"""What only containers can show: redirection, as in Istio's pods, and what a pod has besides processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import Run, client, eventually
from lateen.runtime.docker.container import RUN_LABEL
from lateen.runtime.docker.engine import connect
from lateen.runtime.docker.images import Images
from lateen.runtime.supervisor import Running
from meshes import MESH_CONFIG, STRICT, deployment, documents, service, write

pytestmark = pytest.mark.parametrize("runtime", ["docker"], indirect=True)

REGISTRY_ONLY = f"{MESH_CONFIG}outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\n"
ANY_ADDRESS = [
    {"name": "HOST", "value": "::"},
    {"name": "PORT", "value": "8080"},
    {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
]


@pytest.fixture
def mesh(directory: Path) -> Path:
    """`web` calls `reviews`, which listens on every address; `legacy` is outside the mesh, and not known to it."""
    objects = [deployment("web"), service("web"), deployment("reviews", env=ANY_ADDRESS), service("reviews")]
    return write(directory, workloads=documents(*objects, deployment("legacy", port=9000, inject=False)))


def addresses(running: Running, owner: str) -> tuple[str, ...]:
    """The addresses of a workload's first instance, IPv4 first."""
    return next(workload.addresses for workload in running.mesh.workloads if workload.owner == owner)


def ask(running: Running, owner: str, url: str) -> requests.Response:
    """Call from a workload."""
    with client(running, owner) as session:
        return session.get(url, timeout=10)


@contextmanager
def in_plaintext(running: Running, owner: str) -> Iterator[requests.Session]:
    """A client in the network of a workload without sidecar."""
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": next(app.http_proxy for app in running.view.apps if app.owner == owner)}
        yield session


def caller(answer: requests.Response) -> str:
    """Who called, as the application saw it; one that listens for both families sees IPv4 in IPv6's form."""
    return str(answer.json()["peer"]).removeprefix("::ffff:")


def test_the_application_sees_istios_source_address(mesh: Path, up: Run) -> None:
    with up(mesh) as running:
        assert caller(ask(running, "web", "http://reviews:8080/")) == "127.0.0.6"


def test_ipv6_is_redirected_too(mesh: Path, up: Run) -> None:
    with up(mesh) as running:
        _, ipv6 = addresses(running, "reviews")
        answer = ask(running, "web", f"http://[{ipv6}]:8080/")
        assert answer.json()["name"] == "reviews-0"
        assert caller(answer) == "::6"


def test_a_pods_address_can_be_called_and_is_no_way_around_strict(mesh: Path, up: Run) -> None:
    with up(mesh) as running:
        for address in addresses(running, "reviews"):
            url = f"http://{f'[{address}]' if ':' in address else address}:8080/"
            assert ask(running, "web", url).json()["name"] == "reviews-0"
            with in_plaintext(running, "legacy") as legacy:
                assert legacy.get(url, timeout=10).json()["name"] == "reviews-0"


@pytest.mark.parametrize("port", [8080, 8081, 15001, 15006], ids=["service", "unknown", "outbound", "inbound"])
def test_strict_cannot_be_walked_around(mesh: Path, up: Run, port: int) -> None:
    write(mesh, strict=STRICT)
    with up(mesh) as running, in_plaintext(running, "legacy") as legacy:
        assert ask(running, "web", "http://reviews:8080/").ok
        for address in addresses(running, "reviews"):
            answer = legacy.get(f"http://{f'[{address}]' if ':' in address else address}:{port}/", timeout=10)
            assert answer.headers.get("x-lateen-error") == "reset"


def test_the_operators_ports_are_closed_to_other_pods(mesh: Path, up: Run) -> None:
    with up(mesh) as running:
        address, _ = addresses(running, "reviews")
        assert requests.get(f"http://{address}:15000/ready", timeout=5).ok
        with in_plaintext(running, "legacy") as legacy:
            for port in (15000, 15002):
                answer = legacy.get(f"http://{address}:{port}/ready", timeout=10)
                assert answer.headers.get("x-lateen-error") == "refused"


def test_what_is_not_in_the_registry_is_reached_by_its_address(mesh: Path, up: Run) -> None:
    with up(mesh) as running:
        address, _ = addresses(running, "legacy")
        answer = ask(running, "web", f"http://{address}:9000/")
        assert answer.json()["name"] == "legacy-0"
        assert caller(answer) == addresses(running, "web")[0]  # by PassthroughCluster


def test_what_is_not_in_the_registry_is_refused_where_that_is_asked(mesh: Path, up: Run) -> None:
    write(mesh, mesh=REGISTRY_ONLY)
    with up(mesh) as running:
        address, _ = addresses(running, "legacy")
        assert ask(running, "web", f"http://{address}:9000/").headers["x-lateen-error"] == "reset"  # BlackHoleCluster
        assert ask(running, "web", "http://nobody.example:8080/").status_code == 502  # block_all


def test_probes_are_asked_behind_the_sidecar(mesh: Path, up: Run) -> None:
    probe = {"httpGet": {"path": "/", "port": 8080}}
    objects = [deployment("web"), service("web"), deployment("reviews", readinessProbe=probe), service("reviews")]
    with up(write(mesh, strict=STRICT, workloads=documents(*objects))) as running:
        assert ask(running, "web", "http://reviews:8080/").ok


def test_a_pod_has_the_volumes_that_its_template_names(directory: Path, up: Run) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "greeting"}, "data": {"text": "hello"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"key": "s3cret"}}
    web = deployment(
        "web",
        volumeMounts=[
            {"name": "greeting", "mountPath": "/etc/greeting"},
            {"name": "token", "mountPath": "/etc/token", "readOnly": True},
            {"name": "scratch", "mountPath": "/scratch"},
        ],
    )
    pod = web["spec"]["template"]["spec"]
    pod["volumes"] = [
        {"name": "greeting", "configMap": {"name": "greeting"}},
        {"name": "token", "secret": {"secretName": "token", "items": [{"key": "key", "path": "deep/token"}]}},
        {"name": "scratch", "emptyDir": {}},
    ]
    pod["initContainers"] = [
        {
            "name": "prepare",
            "image": "lateen.local/test",
            "command": ["python3", "-c", "open('/scratch/made', 'w').write('by init')"],
            "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        }
    ]
    with up(write(directory, workloads=documents(web, service("web"), config, secret))) as running:
        for path, content in (
            ("/etc/greeting/text", "hello"),
            ("/etc/token/deep/token", "s3cret"),
            ("/scratch/made", "by init"),
        ):
            assert ask(running, "web", f"http://web:8080/file?{path}").json()["file"] == content


def test_without_a_command_the_image_says_what_runs(directory: Path, up: Run) -> None:
    template = deployment("web")
    write(directory)
    api = connect()
    base = Images(api).application(directory / "app")
    (directory / "Dockerfile").write_text(f'FROM {base}\nENTRYPOINT ["python3", "app/echo.py"]\n')
    image, _ = api.images.build(path=str(directory), tag="lateen-test:entrypoint", rm=True)
    try:
        container: dict[str, Any] = template["spec"]["template"]["spec"]["containers"][0]
        del container["command"]
        container["image"] = "lateen-test:entrypoint"
        with up(write(directory, workloads=documents(template, service("web")))) as running:
            assert ask(running, "web", "http://web:8080/").json()["name"] == "web-0"
    finally:
        api.images.remove(image.id, force=True)


def mine(running: Running) -> list[Any]:
    """The containers of a run."""
    return list(connect().containers.list(all=True, filters={"label": f"{RUN_LABEL}={running.id}"}))


@pytest.mark.parametrize("part", ["app", "envoy", "sandbox"])
def test_what_dies_in_a_pod_comes_back(mesh: Path, up: Run, part: str) -> None:
    with up(mesh) as running:
        [victim] = [container for container in mine(running) if container.name.endswith(f"-reviews-0.default.{part}")]
        since = len(running.events)
        victim.kill("KILL")
        running.events.wait_for(
            lambda e: e["event"] == "restarted" and e["process"] == f"reviews-0.default.{part}", 30, since
        )
        eventually(lambda: ask(running, "web", "http://reviews:8080/").status_code == 200, 30)
        assert caller(ask(running, "web", "http://reviews:8080/")) == "127.0.0.6"
