"""Metrics of TCP where connections are redirected: what nobody declared, in either direction, and what goes nowhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

import lateen
from harness import eventually, lacking
from lateen.identity.ca import Authority
from lateen.schema.binary import find_envoy
from lateen.source.document import Source
from meshes import APPS

POD, OTHER = "10.9.0.1", "10.9.0.2"
DECLARED, UNDECLARED, OUTSIDE = 7070, 9999, 8888
PROXY_GROUP = "1337"

MESH = f"""
apiVersion: v1
kind: Pod
metadata: {{name: server, labels: {{app: server}}}}
spec: {{containers: [{{name: app}}]}}
status: {{podIP: {POD}}}
---
apiVersion: v1
kind: Service
metadata: {{name: server}}
spec: {{selector: {{app: server}}, ports: [{{name: tcp, port: {DECLARED}}}]}}
"""
REDIRECTION = f"""
table inet test {{
  chain in {{
    type nat hook prerouting priority dstnat
    tcp dport {{ 15001, 15006, 15090 }} return
    meta l4proto tcp redirect to :15006
  }}
  chain out {{
    type nat hook output priority -100
    meta skgid {PROXY_GROUP} return
    oifname "lo" return
    meta l4proto tcp redirect to :15001
  }}
}}
"""
ENDS_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
SAY = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as connection:
    try:
        connection.sendall(b"hello\\n")
        print(connection.recv(100))
    except OSError:
        print(b"")
"""
SCRAPE = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


@dataclass(frozen=True)
class Host:
    """A network namespace; it ends with the process that holds it."""

    holder: subprocess.Popen[bytes]

    def run(self, *argv: str, given: str = "") -> str:
        """Run a command in it; gives what it prints."""
        done = subprocess.run(self._inside(*argv), input=given, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, stack: ExitStack, log: Path, *argv: str, **env: str) -> None:
        """Start a command in it that lasts as long as the stack."""
        started(stack, log, *self._inside(*argv), **env)

    def _inside(self, *argv: str) -> tuple[str, ...]:
        return "nsenter", "--target", str(self.holder.pid), "--net", *argv


def started(stack: ExitStack, log: Path, *argv: str, **env: str) -> subprocess.Popen[bytes]:
    """A process that ends with the stack, or with this one."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, env={**os.environ, **env})
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def host(stack: ExitStack, log: Path) -> Host:
    """A new network namespace with a loopback interface."""
    holder = started(stack, log, *ENDS_WITH_PARENT, "unshare", "--net", "sleep", "infinity")
    own = Path("/proc/self/ns/net").readlink()
    eventually(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() != own)
    new = Host(holder)
    new.run("ip", "link", "set", "lo", "up")
    return new


def missing() -> str:
    """Why namespaces cannot be used here, empty if they can."""
    if os.geteuid():
        return "network namespaces with redirection need root"
    lacking = [tool for tool in ("ip", "nft", "nsenter", "setpriv", "unshare") if shutil.which(tool) is None]
    return f"not installed: {', '.join(lacking)} (Debian: iproute2, nftables, util-linux)" if lacking else ""


@dataclass(frozen=True)
class Redirected:
    """A pod whose connections are redirected to its sidecar, and a host outside of the mesh."""

    pod: Host
    other: Host

    def counted(self, caller: Host, address: str, port: int) -> tuple[str, dict[str, str], float]:
        """Say a line to an address: what comes back, the labels of the connection that ended, its bytes."""
        before = self._series()
        answer = caller.run(sys.executable, "-c", SAY, address, str(port)).strip()
        moved: dict[str, tuple[dict[str, str], float]] = {}

        def ended() -> bool:
            for (name, labels), value in self._series().items():
                if value > before.get((name, labels), 0):
                    moved[name] = dict(labels), value - before.get((name, labels), 0)
            return moved.keys() >= {"connections_opened", "connections_closed"}

        eventually(ended)
        assert moved["connections_opened"] == moved["connections_closed"]
        return answer, moved["connections_closed"][0], moved.get("sent_bytes", ({}, 0.0))[1]

    def _series(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        text = self.pod.run(sys.executable, "-c", SCRAPE, f"http://{POD}:15090/stats/prometheus")
        return {
            (sample.name.removeprefix("istio_tcp_").removesuffix("_total"), tuple(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith("istio_tcp_")
        }


@pytest.fixture(scope="module", params=["ALLOW_ANY", "REGISTRY_ONLY"])
def redirected(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redirected]:
    if why := missing():
        lacking(why)
    folder = tmp_path_factory.mktemp("redirected")
    with ExitStack() as stack:
        pod, other = (host(stack, folder / f"{name}.log") for name in ("pod", "other"))
        pod.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(other.holder.pid))
        for one, address in ((pod, POD), (other, OTHER)):
            one.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
            one.run("ip", "link", "set", "eth0", "up")
        pod.run("nft", "-f", "-", given=REDIRECTION)
        lines = (*ENDS_WITH_PARENT, sys.executable, str(APPS / "lines.py"))
        for one, address, port in ((pod, POD, DECLARED), (pod, POD, UNDECLARED), (other, OTHER, OUTSIDE)):
            one.start(stack, folder / f"{port}.log", *lines, POD_IP=address, PORT=str(port))
        log = folder / "envoy.log"
        envoy = (str(find_envoy()), "-c", str(configuration(folder, request.param)), "--disable-hot-restart")
        pod.start(stack, log, *ENDS_WITH_PARENT, "--regid", PROXY_GROUP, "--clear-groups", *envoy)
        eventually(lambda: "starting main dispatch loop" in log.read_text(), seconds=20)
        yield Redirected(pod, other)


def configuration(folder: Path, unknown_traffic: str) -> Path:
    """The configuration of the pod's Envoy."""
    authority = Authority.create("cluster.local")
    leaf = authority.issue("spiffe://cluster.local/ns/default/sa/default")
    settings = f"outboundTrafficPolicy: {{mode: {unknown_traffic}}}\ndefaultProviders: {{metrics: [prometheus]}}"
    mesh = lateen.load(Source(MESH, "in.yaml"), mesh_config=settings)
    (proxy,) = mesh.proxies()
    snapshot = lateen.compile(mesh, replace(proxy, metadata={**proxy.metadata, "LATEEN_CERT_DIR": str(folder)}))
    (folder / "cert-chain.pem").write_bytes(leaf.chain)
    (folder / "key.pem").write_bytes(leaf.key.reveal())
    (folder / "root-cert.pem").write_bytes(authority.root_pem)
    (folder / "envoy.json").write_bytes(orjson.dumps(snapshot.static(modules="inline")))
    return folder / "envoy.json"


def test_what_nobody_declared_goes_on_or_nowhere(redirected: Redirected, request: pytest.FixtureRequest) -> None:
    answer, labels, sent = redirected.counted(redirected.pod, OTHER, OUTSIDE)
    allowed = request.node.callspec.params["redirected"] == "ALLOW_ANY"
    assert labels["reporter"] == "source"
    assert labels["source_workload"] == "server"
    assert labels["destination_service_name"] == ("PassthroughCluster" if allowed else "BlackHoleCluster")
    assert labels["destination_workload"] == labels["destination_service"] == "unknown"
    assert (answer, sent, labels["response_flags"]) == ((r"b'hello\n'", 6, "-") if allowed else ("b''", 0, "UH"))


@pytest.mark.parametrize(
    ("port", "service", "name"),
    [
        (DECLARED, "server.default.svc.cluster.local", "server"),
        (UNDECLARED, "server", "InboundPassthroughCluster"),
    ],
)
def test_every_port_of_a_workload_counts(redirected: Redirected, port: int, service: str, name: str) -> None:
    """A port that no service names counts as one of the workload's canonical service."""
    answer, labels, sent = redirected.counted(redirected.other, POD, port)
    assert (answer, sent) == (r"b'hello\n'", 6)
    assert labels["reporter"] == "destination"
    assert (labels["destination_service"], labels["destination_service_name"]) == (service, name)
    assert labels["destination_service_namespace"] == "default"


@pytest.mark.parametrize(("port", "reporter"), [(15001, "source"), (15006, "destination")])
def test_connections_to_the_sidecars_own_ports_end(redirected: Redirected, port: int, reporter: str) -> None:
    answer, labels, sent = redirected.counted(redirected.other, POD, port)
    assert (answer, sent) == ("b''", 0)
    assert (labels["reporter"], labels["destination_service_name"]) == (reporter, "BlackHoleCluster")
    assert labels["response_flags"] == "UH"
