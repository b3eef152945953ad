"""The compose file of `lateen compile --bundle compose`, run: one stock sidecar beside an application.

Images are made of files of this machine, because none can be pulled everywhere: the Envoy in use, the tools that the
redirection needs, and as the application one more Envoy that answers by itself.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from harness import eventually, lacking
from lateen.identity.files import write
from lateen.schema.binary import find_envoy
from two_hosts import free_port

ENVOY, TOOLS, APPLICATION = "lateen-test/envoy", "lateen-test/tools", "lateen-test/application"
COMMANDS = ("sh", "cat", "grep", "dirname", "sleep", "ip", "nft")

MESH = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "8082"}
    spec: {containers: [{name: web, image: lateen-test/application}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner}
spec:
  hosts: [partner.example]
  addresses: [203.0.113.5]
  ports: [{number: 9080, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, ports: {http: 8081}}]
"""
DENY = """
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules: [{to: [{operation: {paths: [/private]}}]}]
"""


def test_the_application_is_behind_its_sidecar(composed: Composed) -> None:
    answer = composed.get("/")
    assert (answer.text, answer.headers["server"]) == ("application", "istio-envoy")
    assert composed.get("/", excluded=True).headers["server"] == "application"  # an excluded port goes past the sidecar


def test_what_the_application_calls_goes_through_the_sidecar(composed: Composed) -> None:
    """Nothing listens at the address that the application calls; only the sidecar knows where its host is."""
    assert composed.get("/partner").text == "partner"


def test_compiling_again_changes_the_running_sidecar(composed: Composed) -> None:
    assert composed.get("/private").status_code == 200
    composed.compile(MESH + DENY)
    eventually(lambda: composed.get("/private").status_code == 403)
    composed.compile(MESH)
    eventually(lambda: composed.get("/private").status_code == 200)


def test_the_sidecar_and_the_redirection_have_no_more_rights_than_they_need(composed: Composed) -> None:
    assert composed.inspect("sidecar", "{{.Config.User}} {{.HostConfig.CapAdd}} {{.HostConfig.CapDrop}}") == (
        "1337:1337 [] [ALL]"
    )
    assert composed.inspect("redirection", "{{.State.ExitCode}} {{.HostConfig.CapAdd}}") == "0 [NET_ADMIN]"


class Composed:
    """A compose project of one sidecar, and how its ports are reached from here."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._home = folder, folder / "out" / "web-0.default"
        self._port, self._excluded = free_port(), free_port()
        self.compile(MESH)
        ports = [f"127.0.0.1:{self._port}:8080", f"127.0.0.1:{self._excluded}:8082"]
        write(self._home / "compose.override.yaml", json.dumps({"services": {"pod": {"ports": ports}}}).encode())

    def compile(self, mesh: str) -> None:
        write(self._folder / "mesh" / "web.yaml", mesh.encode())
        lateen = Path(sys.executable).with_name("lateen")
        command = [lateen, "compile", self._folder / "mesh", "--bundle", "compose", "--out", self._folder / "out"]
        subprocess.run([*command, "--image", ENVOY], check=True, capture_output=True)

    def compose(self, *arguments: str) -> str:
        environment = {**os.environ, "REDIRECTION_IMAGE": TOOLS}
        command = ["docker-compose", "-p", f"lateentest{os.getpid()}", *arguments]
        done = subprocess.run(command, cwd=self._home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def inspect(self, service: str, form: str) -> str:
        container = self.compose("ps", "-a", "-q", service).strip()
        return docker("inspect", "--format", form, container).strip()

    def get(self, path: str, *, excluded: bool = False) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self._excluded if excluded else self._port}{path}", timeout=5)

    def answers(self) -> bool:
        try:
            return self.get("/").ok
        except requests.RequestException:
            return False


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory, engine: None) -> Iterator[Composed]:
    if missing := [command for command in ("docker", "docker-compose", "nft") if not shutil.which(command)]:
        lacking(f"{', '.join(missing)} not installed (Debian: docker.io, docker-compose, nftables)")
    load_images()
    project = Composed(tmp_path_factory.mktemp("compose"))
    try:
        project.compose("up", "-d", "--no-build")
        eventually(project.answers, 30)
        yield project
    finally:
        project.compose("down", "-v", "-t", "0")


def load_images() -> None:
    envoy = str(find_envoy())
    load(ENVOY, {"/usr/local/bin/envoy": envoy}, {}, 'ENTRYPOINT ["/usr/local/bin/envoy"]')
    load(TOOLS, {f"/bin/{name}": str(shutil.which(name)) for name in COMMANDS}, {}, "ENV PATH=/bin")
    entry = 'ENTRYPOINT ["/usr/local/bin/envoy", "--disable-hot-restart", "-c", "/app.json"]'
    load(APPLICATION, {"/usr/local/bin/envoy": envoy}, {"/app.json": json.dumps(application())}, entry, "USER 1000")


def load(name: str, programs: dict[str, str], texts: dict[str, str], *changes: str) -> None:
    """An image of programs of this machine, by their place in it, with the libraries that they need."""
    libraries = "".join(run("ldd", program).stdout.decode() for program in programs.values())
    contents = programs | {path: path for path in re.findall(r"/\S+(?= \(0x)", libraries)}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for place, path in sorted(contents.items()):
            tar.add(path, place)
        for place, text in texts.items():
            entry = tarfile.TarInfo(place)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    options = [word for change in changes for word in ("-c", change)]
    docker("import", *options, "-", name, content=archive.getvalue())


def docker(*arguments: str, content: bytes = b"") -> str:
    done = run("docker", *arguments, content=content)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def run(name: str, *arguments: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(shutil.which(name)), *arguments], input=content, capture_output=True, check=False)


def application() -> dict[str, Any]:
    """Answers on 8080 and 8082, calls 203.0.113.5:9080 for /partner; 8081 is where that host really is."""
    own = [
        {
            "match": {"prefix": "/partner"},
            "route": {"cluster": "partner", "host_rewrite_literal": "partner.example:9080"},
        },
        direct("application"),
    ]
    return {
        "static_resources": {
            "listeners": [listener(8080, own), listener(8081, [direct("partner")]), listener(8082, own)],
            "clusters": [
                {
                    "name": "partner",
                    "connect_timeout": "2s",
                    "load_assignment": {
                        "cluster_name": "partner",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address("203.0.113.5", 9080)}}]}],
                    },
                }
            ],
        }
    }


def direct(text: str) -> dict[str, Any]:
    return {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": text}}}


def listener(port: int, routes: list[dict[str, Any]]) -> dict[str, Any]:
    filters = "type.googleapis.com/envoy.extensions.filters."
    router = {"name": "router", "typed_config": {"@type": f"{filters}http.router.v3.Router"}}
    manager = {
        "@type": f"{filters}network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "app",
        "server_name": "application",
        "route_config": {"virtual_hosts": [{"name": "app", "domains": ["*"], "routes": routes}]},
        "http_filters": [router],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"name": str(port), "address": address("0.0.0.0", port), "filter_chains": [chain]}  # noqa: S104


def address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
