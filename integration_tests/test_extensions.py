"""Modules and scripts of users in running meshes: fetched from files, a web server and a registry, at their place."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import wasm
from harness import Run, client, eventually, in_force
from lateen.filterkit.oci.content import EMPTY, Blob, image
from lateen.filterkit.oci.credentials import anonymous
from lateen.filterkit.oci.module import WASM_LAYER
from lateen.filterkit.oci.reference import parse
from lateen.filterkit.oci.registry import Registry
from lateen.runtime.plan import Settings
from lateen.runtime.supervisor import Options, Running, start
from meshes import deployment, documents, save, service, write
from registries import running_registry

LUA = """
function envoy_on_request(handle)
  handle:headers():add("x-stamp", "lua")
end
"""


def extension(name: str, phase: str = "AUTHN", priority: int = 0, **code: Any) -> dict[str, Any]:
    spec = {"selector": {"matchLabels": {"app": "reviews"}}, "match": [{"mode": "SERVER"}], "phase": phase}
    return {
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "TrafficExtension",
        "metadata": {"name": name},
        "spec": {**spec, "priority": priority, **code},
    }


def module(name: str, url: str, phase: str = "AUTHN", priority: int = 0, **fields: Any) -> dict[str, Any]:
    return extension(name, phase, priority, wasm={"url": url, **fields})


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """A server of the files in a folder."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def push(name: str, content: bytes) -> str:
    """Push a module in Istio's `oci` layout; the digest of its image."""
    reference = parse(name)
    config, layer = Blob(EMPTY, b"{}"), Blob(WASM_LAYER, content)
    runtime = Blob("application/vnd.module.wasm.config.v1+json", b"{}")
    fields = {"config": config.descriptor(), "layers": [runtime.descriptor(), layer.descriptor()]}
    pushed = image(fields, config, runtime, layer)
    with Registry(reference, anonymous(), push=True) as registry:
        for blob in pushed.blobs:
            registry.put_blob(blob)
        registry.put_manifest(pushed.manifest, reference.tag)
    return pushed.digest


class Mesh:
    """A folder with `web`, which calls `reviews`, and a cache."""

    def __init__(self, folder: Path) -> None:
        workloads = documents(deployment("web"), service("web"), deployment("reviews"), service("reviews"))
        self.folder, self.cache = write(folder / "mesh", workloads=workloads), folder / "cache"
        self._runs = folder / "runs"

    def extend(self, *extensions: dict[str, Any]) -> None:
        save(self.folder / "extensions.yaml", documents(*extensions))

    def run(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("lateen")
        words = [program, command, self.folder, "--cache", self.cache, *more]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)

    def fetch(self, *more: str) -> None:
        done = self.run("fetch", *more)
        assert done.returncode == 0, done.stderr

    @contextmanager
    def running(self) -> Iterator[Running]:
        with start(Settings(self.folder, cache=self.cache), Options(base=self._runs, timeout=120.0)) as running:
            yield running


@pytest.fixture
def mesh(tmp_path: Path) -> Mesh:
    return Mesh(tmp_path)


def stamps(running: Running) -> list[str]:
    """What the filters before `reviews` have added, in their order."""
    with client(running, "web") as web:
        answer = web.get("http://reviews:8080/", timeout=5)
    assert answer.status_code == 200, answer.text
    found = {name.lower(): value for name, value in answer.json()["headers"].items()}
    return [stamp for stamp in found.get("x-stamp", "").split(",") if stamp]


def status(running: Running) -> int:
    with client(running, "web") as web:
        return web.get("http://reviews:8080/", timeout=5).status_code


def test_modules_of_every_source_stand_in_istios_order(mesh: Mesh, tmp_path: Path) -> None:
    (mesh.folder / "file.wasm").write_bytes(wasm.stamp("file"))
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "web.wasm").write_bytes(wasm.stamp("web"))
    with running_registry(tmp_path / "registry") as registry, web_server(tmp_path / "web") as web:
        push(f"{registry}/filters/image:1", wasm.stamp("image"))
        mesh.extend(
            module("a", f"{registry}/filters/image:1", phase="AUTHZ"),
            module("b", "file://file.wasm", priority=1),
            module("c", f"{web}/web.wasm", priority=2),
            extension("d", "STATS", lua={"inlineCode": LUA}),
            extension("e", "UNSPECIFIED", lua={"inlineCode": LUA.replace('"lua"', '"last"')}),
        )
        mesh.fetch()
    with mesh.running() as running:  # neither registry nor server is there any more
        assert stamps(running) == ["web", "file", "image", "lua", "last"]


@pytest.mark.parametrize(
    ("strategy", "statuses"), [("FAIL_CLOSE", {503}), ("FAIL_OPEN", {200}), ("FAIL_RELOAD", {503})]
)
def test_what_becomes_of_requests_when_a_module_traps(mesh: Mesh, strategy: str, statuses: set[int]) -> None:
    (mesh.folder / "trap.wasm").write_bytes(wasm.trap())
    mesh.extend(module("trap", "file://trap.wasm", failStrategy=strategy))
    mesh.fetch()
    with mesh.running() as running:
        eventually(lambda: status(running) in statuses)
        assert {status(running) for _ in range(5)} == statuses


def test_a_network_filter_sees_the_bytes_of_a_connection(mesh: Mesh) -> None:
    lines = deployment("lines", port=7070, command=["python3", "app/lines.py"])
    save(mesh.folder / "lines.yaml", documents(lines, service("lines", port=7070, protocol="tcp")))
    (mesh.folder / "prefix.wasm").write_bytes(wasm.prefix("checked "))
    prefix = module("prefix", "file://prefix.wasm", type="NETWORK")
    prefix["spec"]["selector"]["matchLabels"]["app"] = "lines"
    mesh.extend(prefix)
    mesh.fetch()
    with mesh.running() as running:
        host = next(proxy.address for proxy in running.view.proxies if proxy.owner == "lines")
        with socket.create_connection((host, 7070), timeout=5) as connection:
            connection.sendall(b"hello\n")
            assert connection.makefile("rb").readline() == b"checked hello\n"


def test_a_running_mesh_takes_a_module_once_it_is_fetched(mesh: Mesh, up: Run) -> None:
    (mesh.folder / "a.wasm").write_bytes(wasm.stamp("first"))
    mesh.extend(module("a", "file://a.wasm"))
    mesh.fetch()
    with up(mesh.folder, cache=mesh.cache) as running:
        assert stamps(running) == ["first"]
        since = len(running.events)
        mesh.extend(module("a", "file://a.wasm"), module("b", "file://b.wasm", phase="AUTHZ"))
        refused = running.events.wait_for(lambda e: e["event"] == "diagnostics", 15, since)
        assert ([f["code"] for f in refused["findings"]], refused["used"]) == (["LAT0230"], False)
        assert stamps(running) == ["first"]
        (mesh.folder / "a.wasm").write_bytes(wasm.stamp("second"))
        (mesh.folder / "b.wasm").write_bytes(wasm.stamp("third"))
        in_force(running, mesh.fetch)
        eventually(lambda: stamps(running) == ["second", "third"])


def test_what_was_not_fetched_starts_nothing_and_is_not_written(mesh: Mesh, tmp_path: Path) -> None:
    mesh.extend(module("a", "oci://registry.invalid/filters/a:1"))
    for command, more in (("compile", ("--out", str(tmp_path / "out"))), ("up", ("--once",)), ("verify", ())):
        done = mesh.run(command, *more)
        assert done.returncode in (1, 2), (command, done.stdout)
        assert "LAT0230" in done.stdout + done.stderr
        assert "lateen fetch DIR" in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_compiled_files_bring_their_modules(mesh: Mesh, tmp_path: Path) -> None:
    (mesh.folder / "a.wasm").write_bytes(wasm.stamp("a"))
    mesh.extend(module("a", "file://a.wasm"))
    mesh.fetch()
    assert mesh.run("verify").returncode == 0
    done = mesh.run("compile", "--out", str(tmp_path / "out"), "--place", "192.0.2.0/24")
    assert done.returncode == 0, done.stderr
    (copied,) = (tmp_path / "out" / "modules").glob("a-*.wasm")
    assert copied.read_bytes() == wasm.stamp("a")
    named = [path.name for path in (tmp_path / "out").glob("*.json") if f"/{copied.name}" in path.read_text()]
    assert named == ["reviews-0.default.json"]
    listed = json.loads(mesh.run("compile", "--proxy", "reviews", "--type", "extension").stdout)
    assert f"/etc/lateen/modules/{copied.name}" in json.dumps(listed)
