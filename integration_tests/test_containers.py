"""What only containers can show: redirection, as in Istio's pods, and what a pod has besides processes.

One mesh serves all of it. `web` is STRICT and may call anything; `reviews` listens on every address and may call what
the registry knows; `legacy` is outside the mesh, not known to it, and started by its image's entry point.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import client, eventually
from lateen.runtime.docker.container import RUN_LABEL
from lateen.runtime.docker.engine import connect
from lateen.runtime.docker.images import Images
from lateen.runtime.plan import Settings
from lateen.runtime.supervisor import Options, Running, start
from meshes import deployment, documents, service, write

pytestmark = pytest.mark.parametrize("runtime", ["docker"], indirect=True)

ENTRY_POINT = "lateen-test:entrypoint"
ANY_ADDRESS = [
    {"name": "HOST", "value": "::"},
    {"name": "PORT", "value": "8080"},
    {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
]
STRICT = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}, "mtls": {"mode": "STRICT"}},
}
REGISTRY_ONLY = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "metadata": {"name": "reviews"},
    "spec": {
        "workloadSelector": {"labels": {"app": "reviews"}},
        "egress": [{"hosts": ["*/*"]}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    },
}


def with_volumes() -> list[dict[str, Any]]:
    """`web` with files of two objects, and with a folder that an init container writes to."""
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "greeting"}, "data": {"text": "hello"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"key": "s3cret"}}
    web = deployment(
        "web",
        readinessProbe={"httpGet": {"path": "/", "port": 8080}},  # asked behind its sidecar, which is STRICT
        volumeMounts=[
            {"name": "greeting", "mountPath": "/etc/greeting"},
            {"name": "token", "mountPath": "/etc/token", "readOnly": True},
            {"name": "scratch", "mountPath": "/scratch", "subPath": "deep/down"},
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
            "command": ["python3", "-c", "open('/scratch/deep/down/made', 'w').write('by init')"],
            "volumeMounts": [
                {"name": "scratch", "mountPath": "/scratch/deep/down", "subPath": "deep/down"},
            ],
        }
    ]
    return [web, config, secret]


def mesh() -> str:
    """The resources."""
    inside = {"exec": {"command": ["python3", "-c", "import os; assert os.environ['PORT'] == '9000'"]}}
    legacy = deployment("legacy", port=9000, inject=False, image=ENTRY_POINT, readinessProbe=inside)
    del legacy["spec"]["template"]["spec"]["containers"][0]["command"]
    reviews = deployment("reviews", env=ANY_ADDRESS)
    return documents(*with_volumes(), service("web"), reviews, service("reviews"), STRICT, REGISTRY_ONLY, legacy)


@pytest.fixture(scope="module")
def running(runtime: str, state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The mesh. A test that ends something of it waits until it is back."""
    directory = write(tmp_path_factory.mktemp("containers"), workloads=mesh())
    with closing(connect()) as engine:
        base = Images(engine).application(directory / "app")
        (directory / "Dockerfile").write_text(f'FROM {base}\nENTRYPOINT ["python3", "app/echo.py"]\n')
        image, _ = engine.images.build(path=str(directory), tag=ENTRY_POINT, rm=True)
        try:
            with start(Settings(directory), Options(runtime=runtime, base=state, timeout=120.0)) as started:
                yield started
        finally:
            engine.images.remove(image.id, force=True)


def addresses(running: Running, owner: str) -> tuple[str, ...]:
    """The addresses of a workload's first instance, IPv4 first."""
    return next(workload.addresses for workload in running.mesh.workloads if workload.owner == owner)


def urls(running: Running, owner: str, port: int) -> list[str]:
    """A port of a pod, at each of its addresses."""
    return [f"http://{f'[{one}]' if ':' in one else one}:{port}/" for one in addresses(running, owner)]


def ask(running: Running, owner: str, url: str) -> requests.Response:
    """Call from a workload."""
    with client(running, owner) as session:
        return session.get(url, timeout=10)


@contextmanager
def in_plaintext(running: Running) -> Iterator[requests.Session]:
    """A client in the network of `legacy`, where there is no sidecar."""
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": next(app.http_proxy for app in running.view.apps if app.owner == "legacy")}
        yield session


def caller(answer: requests.Response) -> str:
    """Who called, as the application saw it; one that listens for both families sees IPv4 in IPv6's form."""
    return str(answer.json()["peer"]).removeprefix("::ffff:")


def test_the_application_sees_istios_source_address(running: Running) -> None:
    assert caller(ask(running, "web", "http://reviews:8080/")) == "127.0.0.6"


def test_ipv6_is_redirected_too(running: Running) -> None:
    _, *ipv6 = urls(running, "reviews", 8080)
    if not ipv6:
        pytest.skip("this machine has no IPv6 (net.ipv6.conf.all.disable_ipv6)")
    answer = ask(running, "web", ipv6[0])
    assert answer.json()["name"] == "reviews-0"
    assert caller(answer) == "::6"


def test_a_pod_can_be_called_at_its_addresses(running: Running) -> None:
    for url in urls(running, "reviews", 8080):
        assert ask(running, "web", url).json()["name"] == "reviews-0"


def test_plaintext_is_taken_where_nothing_forbids_it(running: Running) -> None:
    with in_plaintext(running) as legacy:
        for url in urls(running, "reviews", 8080):
            assert legacy.get(url, timeout=10).json()["name"] == "reviews-0"


@pytest.mark.parametrize("port", [8080, 8081, 15001, 15006], ids=["service", "unknown", "outbound", "inbound"])
def test_strict_cannot_be_walked_around(running: Running, port: int) -> None:
    assert ask(running, "reviews", "http://web:8080/").ok
    with in_plaintext(running) as legacy:
        for url in urls(running, "web", port):
            assert legacy.get(url, timeout=10).headers.get("x-lateen-error") == "reset"


def test_the_operators_ports_are_closed_to_other_pods(running: Running) -> None:
    assert requests.get(f"{urls(running, 'reviews', 15000)[0]}ready", timeout=5).ok
    with in_plaintext(running) as legacy:
        for port in (15000, 15002):
            for url in urls(running, "reviews", port):
                assert legacy.get(f"{url}ready", timeout=10).headers.get("x-lateen-error") == "refused"


def test_what_is_not_in_the_registry_is_reached_by_its_address(running: Running) -> None:
    answer = ask(running, "web", urls(running, "legacy", 9000)[0])
    assert answer.json()["name"] == "legacy-0"
    assert caller(answer) == addresses(running, "web")[0]  # by PassthroughCluster


def test_what_is_not_in_the_registry_is_refused_where_that_is_asked(running: Running) -> None:
    outside = ask(running, "reviews", urls(running, "legacy", 9000)[0])
    assert outside.headers["x-lateen-error"] == "reset"  # BlackHoleCluster
    unknown = ask(running, "reviews", "http://nobody.example:8080/")
    assert (unknown.status_code, unknown.headers.get("x-lateen-error")) == (502, None)  # block_all


@pytest.mark.parametrize(
    ("path", "content"),
    [("/etc/greeting/text", "hello"), ("/etc/token/deep/token", "s3cret"), ("/scratch/made", "by init")],
    ids=["configMap", "secret", "emptyDir"],
)
def test_a_pod_has_the_volumes_that_its_template_names(running: Running, path: str, content: str) -> None:
    assert ask(running, "reviews", f"http://web:8080/file?{path}").json()["file"] == content


def test_a_sidecar_cannot_write_where_this_machine_does(running: Running) -> None:
    """What this machine writes, as root maybe, must not be led elsewhere by a link that a container made."""
    [envoy] = parts(running, "web-0.default.envoy")
    mounted = {mount["Destination"]: mount["RW"] for mount in envoy.attrs["Mounts"]}
    assert [place for place, writable in mounted.items() if writable] == ["/var/log/lateen/calls.jsonl"]


def test_without_a_command_the_image_says_what_runs(running: Running) -> None:
    with in_plaintext(running) as legacy:
        assert legacy.get(urls(running, "legacy", 9000)[0], timeout=10).json()["name"] == "legacy-0"


def parts(running: Running, name: str) -> list[Any]:
    """The containers of a run with that name."""
    with closing(connect()) as engine:
        found = engine.containers.list(all=True, filters={"label": f"{RUN_LABEL}={running.id}"})
        return [container for container in found if container.name.endswith(f"-{name}")]


@pytest.mark.parametrize("part", ["app", "envoy", "sandbox"])
def test_what_dies_in_a_pod_comes_back(running: Running, part: str) -> None:
    name = f"reviews-0.default.{part}"
    since = len(running.events)
    next(one.child for one in running.processes if one.name == name).signal(signal.SIGKILL)
    running.events.wait_for(lambda e: e["event"] == "restarted" and e["process"] == name, 30, since)
    eventually(lambda: ask(running, "web", "http://reviews:8080/").status_code == 200, 30)
    assert caller(ask(running, "web", "http://reviews:8080/")) == "127.0.0.6"
