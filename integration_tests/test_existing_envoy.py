"""Envoys that lateen does not run: what `lateen compile --out` writes for them, in every form, live."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509

from harness import Traffic, eventually, lacking
from lateen.identity.files import write
from two_hosts import EXAMPLE, TwoHosts, free_port, own_network

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "existing-envoy.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)

SUBSET = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets:
  - name: all
"""

HTTPS = """
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: secure, namespace: shop}
spec:
  selector: {app: edge}
  servers:
  - port: {number: 8443, name: https, protocol: HTTPS}
    hosts: [shop.example]
    tls: {mode: SIMPLE, credentialName: shop}
"""


def test_every_command_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    """The blocks as one session in bash; a command behind `!` must fail, every other must not."""
    lines = [line for line in page_lines() if not line.startswith("docker-compose ")]
    code, output = session(lines, tmp_path)
    assert code == 0, output
    assert "x-release: blue" in output
    assert 'source_principal="spiffe://cluster.local/ns/shop/sa/edge"' in output


def test_docker_compose_reads_what_the_page_writes(tmp_path: Path) -> None:
    if shutil.which("docker-compose") is None:
        lacking("docker-compose is missing (Debian: docker-compose)")
    code, output = session([line for line in page_lines() if "compose" in line], tmp_path)
    assert code == 0, output
    assert "image: envoyproxy/envoy:v" in output


def page_lines() -> list[str]:
    lines = [line for block in BLOCK.findall(PAGE.read_text()) for line in block.splitlines()]
    assert lines
    return lines


def session(lines: list[str], folder: Path) -> tuple[int, str]:
    """Run lines of the page, with a network and a port of this test instead of the example's; all that starts, ends."""
    shutil.copytree(ROOT / "envoy_configs", folder / "envoy_configs")
    script = folder / "session.sh"
    failing = [f"if {line[2:]}; then exit 99; fi" if line.startswith("! ") else line for line in lines]
    script.write_text("\n".join(["set -eo pipefail", *failing, ""]))
    network, port = own_network(), str(free_port())
    examples = (folder / "envoy_configs" / EXAMPLE.name, folder / "envoy_configs" / "recipes" / "existing-edge")
    for path in (script, *(path for example in examples for path in example.iterdir())):
        path.write_text(path.read_text().replace("127.31.0.", network).replace("9001", port))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    log = folder / "session.log"
    with log.open("wb") as file:
        shell = subprocess.Popen(
            ["/bin/bash", script], cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
        try:
            return shell.wait(120), log.read_text()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)


@contextmanager
def following(folder: Path) -> Iterator[tuple[TwoHosts, list[subprocess.Popen[bytes]]]]:
    """The two hosts on file xDS."""
    hosts = TwoHosts(folder, "files")
    for name in ("edge", "web"):
        hosts.certify(hosts.out / f"{name}.shop" / "certs", name)
    assert hosts.compile() == 0
    starts = (("-c", str(hosts.out / f"{name}.shop" / "bootstrap.json")) for name in ("edge", "web"))
    with hosts.running(*((*each, "--drain-strategy", "immediate") for each in starts)) as envoys:
        yield hosts, envoys


def inotify_instances(process: subprocess.Popen[bytes]) -> int:
    count = 0
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += "inotify" in str(descriptor.readlink())
    return count


def test_edits_reach_a_running_envoy_without_a_failed_request(tmp_path: Path) -> None:
    with following(tmp_path) as (hosts, envoys), Traffic(hosts.session, hosts.url, rate=150.0) as traffic:
        assert hosts.release() == "blue"
        for number in range(3):
            assert hosts.edit("set: {x-release:", f"set: {{x-edit: '{number}', x-release:") == 0
            assert hosts.edit(f"x-edit: '{number}', ", "") == 0
        with hosts.session() as kept:
            kept.get(hosts.url, timeout=5)
            assert hosts.edit("{x-release: blue}", "{x-release: green}") == 0
            eventually(lambda: hosts.release() == "green")
            kept.get(hosts.url, timeout=5)  # the last answer on that connection
            assert kept.get(hosts.url, timeout=5).headers["x-release"] == "green"
        # The route moves to a cluster that comes with it, and back, when the cluster goes.
        hosts.append(SUBSET)
        assert hosts.edit("destination: {host: web}", "destination: {host: web, subset: all}") == 0
        active = hosts.counters(1, "cluster_manager.active_clusters")
        hosts.remove(SUBSET)
        assert hosts.edit("destination: {host: web, subset: all}", "destination: {host: web}") == 0
        assert hosts.edit("x-release: green", "x-release: red") == 0
        eventually(lambda: hosts.release() == "red")
        assert hosts.counters(1, "cluster_manager.active_clusters") == active
        # Who may call is part of the other host's listener.
        assert hosts.edit("sa/edge]", "sa/edge, cluster.local/ns/shop/sa/other]") == 0
        eventually(lambda: hosts.counters(2, "lds.update_success")["listener_manager.lds.update_success"] >= 2)
        assert [inotify_instances(envoy) for envoy in envoys] == [2, 2]
    assert traffic.failures == []
    assert traffic.requests > 100


def test_a_broken_edit_leaves_the_running_configuration_alone(tmp_path: Path) -> None:
    with following(tmp_path) as (hosts, _):
        before = hosts.counters(1, "_manager.*update_attempt")
        files = {path: path.stat().st_ino for path in hosts.out.rglob("*")}
        assert hosts.edit("route:", "rote:") == 1
        assert hosts.edit("rote:", "timeout: soon\n    route:") == 1
        assert {path: path.stat().st_ino for path in hosts.out.rglob("*")} == files
        assert hosts.counters(1, "_manager.*update_attempt") == before
        assert hosts.edit("timeout: soon\n    ", "") == 0
        assert hosts.edit("x-release: blue", "x-release: green") == 0
        eventually(lambda: hosts.release() == "green")


def test_renewed_certificates_are_used_without_a_failed_request(tmp_path: Path) -> None:
    with following(tmp_path) as (hosts, _), Traffic(hosts.session, hosts.url) as traffic:
        first = presented(hosts)
        for name in ("edge", "web"):
            hosts.certify(hosts.out / f"{name}.shop" / "certs", name)
        eventually(lambda: presented(hosts) != first, 15)
        rejected = hosts.counters(1, "key_rotation_failed|update_rejected")
        assert "sds.default.update_rejected" in rejected
        assert not any(rejected.values())
        with hosts.session() as session:
            assert session.get(hosts.url, timeout=5).status_code == 200
    assert traffic.failures == []


def test_a_gateways_certificate_follows_the_mesh(tmp_path: Path) -> None:
    with following(tmp_path) as (hosts, _):
        served = []
        for _ in range(2):
            certificate = hosts.authority.issue_host("shop.example")
            pair = {"tls.crt": certificate.chain.decode(), "tls.key": certificate.key.reveal().decode()}
            secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "stringData": pair}
            secret["metadata"] = {"name": "shop", "namespace": "shop"}
            write(hosts.mesh / "secret.yaml", f"---\n{json.dumps(secret)}\n{HTTPS}".encode())
            assert hosts.compile() == 0
            [file] = (hosts.out / "edge.shop" / "secrets").glob("kubernetes-*.json")
            assert file.stat().st_mode & 0o777 == 0o600
            served.append(x509.load_pem_x509_certificate(certificate.chain).serial_number)
            eventually(lambda serial=served[-1]: presented(hosts, 1, 8443) == serial, 15)
    assert served[0] != served[1]


def presented(hosts: TwoHosts, host: int = 2, port: int = 9080) -> int:
    """The serial number of the certificate that a host presents; 0 if it does not serve yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["istio", "http/1.1"])
    try:
        with (
            socket.create_connection((f"{hosts.network}{host}", port), 5) as raw,
            context.wrap_socket(raw, server_hostname="shop.example") as connection,
        ):
            found = connection.getpeercert(binary_form=True)
    except OSError:
        return 0
    assert found
    return x509.load_der_x509_certificate(found).serial_number


def test_another_control_plane_serves_the_resources(tmp_path: Path) -> None:
    """Edits through state-of-the-world ADS of a server that knows nothing of lateen, under load."""
    hosts = TwoHosts(tmp_path, "resources")
    for name in ("edge", "web"):
        hosts.certify(hosts.out / "certs" / f"{name}.shop", name)
    assert hosts.compile() == 0
    way = (hosts.mesh / "ads.json").read_text()
    starts = (("-c", f"{hosts.out}/{name}.shop.bootstrap.json", "--config-yaml", way) for name in ("edge", "web"))
    command = [sys.executable, hosts.mesh / "control_plane.py", hosts.out, f"{hosts.network}9:18000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            with hosts.running(*starts), Traffic(hosts.session, hosts.url) as traffic:
                assert hosts.edit("{x-release: blue}", "{x-release: green}") == 0
                eventually(lambda: hosts.release() == "green")
                hosts.append(SUBSET)
                assert hosts.edit("destination: {host: web}", "destination: {host: web, subset: all}") == 0
                assert hosts.edit("x-release: green", "x-release: red") == 0
                eventually(lambda: hosts.release() == "red")
                hosts.remove(SUBSET)
                assert hosts.edit("destination: {host: web, subset: all}", "destination: {host: web}") == 0
                assert hosts.edit("x-release: red", "x-release: grey") == 0
                eventually(lambda: hosts.release() == "grey")
                rejected = hosts.counters(1, "update_rejected") | hosts.counters(2, "update_rejected")
        finally:
            server.terminate()
        assert server.stderr
        complaints = server.stderr.read()
    assert traffic.failures == []
    assert complaints == ""
    assert not any(rejected.values())
