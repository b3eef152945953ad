"""What the server of modules answers, and what it does not let be done to it."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from lateen.diagnostics import MeshError
from lateen.filterkit import serve
from lateen.filterkit.catalog import Filter, catalog
from lateen.filterkit.serve import ModuleServer, served

NAME = "peer_metadata"


@pytest.fixture
def server() -> Iterator[ModuleServer]:
    with ModuleServer(("127.0.0.1", 0), served([catalog()[NAME]])) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


def module_url(server: ModuleServer) -> str:
    return f"{server.url}/{NAME}/{catalog()[NAME].sha256}.wasm"


def test_a_module_stands_under_its_digest(server: ModuleServer) -> None:
    answer = requests.get(module_url(server), timeout=5)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == catalog()[NAME].sha256
    assert answer.headers["Content-Length"] == str(len(catalog()[NAME].module()))
    assert answer.headers["Content-Type"] == "application/wasm"
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_index_lists_what_is_there(server: ModuleServer) -> None:
    answer = requests.get(f"{server.url}/index.json", timeout=5)
    assert answer.headers["Cache-Control"] == "no-cache"
    (entry,) = answer.json()["modules"]
    assert (entry["name"], entry["sha256"]) == (NAME, catalog()[NAME].sha256)
    found = requests.get(f"{server.url}{entry['path']}", timeout=5)
    assert len(found.content) == entry["size"]


def test_an_ipv6_address_will_do() -> None:
    with ModuleServer(("::1", 0), served([catalog()[NAME]])) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        assert running.url.startswith("http://[::1]:")
        assert requests.get(module_url(running), timeout=5).status_code == 200
        running.shutdown()


def test_head_tells_the_same_without_the_content(server: ModuleServer) -> None:
    whole, head = requests.get(module_url(server), timeout=5), requests.head(module_url(server), timeout=5)
    assert head.content == b""
    assert {**head.headers, "Date": ""} == {**whole.headers, "Date": ""}


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
def test_what_a_client_has_is_not_sent_again(server: ModuleServer, form: str) -> None:
    tag = requests.head(module_url(server), timeout=5).headers["ETag"]
    answer = requests.get(module_url(server), headers={"If-None-Match": form.format(tag)}, timeout=5)
    assert (answer.status_code, answer.content) == (304, b"")
    other = requests.get(module_url(server), headers={"If-None-Match": '"other"'}, timeout=5)
    assert other.status_code == 200


@pytest.mark.parametrize("path", ["/", f"/{NAME}/{'0' * 64}.wasm", f"/{NAME}.wasm", "/../etc/passwd", "/filter.yaml"])
def test_anything_else_is_not_there(server: ModuleServer, path: str) -> None:
    connection = socket.create_connection(server.server_address[:2], timeout=5)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    with connection, connection.makefile("rb") as answer:
        assert answer.readline().split()[1] == b"404"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(server: ModuleServer, method: str) -> None:
    assert requests.request(method, module_url(server), data=b"x", timeout=5).status_code == 501
    assert requests.get(module_url(server), timeout=5).content == catalog()[NAME].module()


def test_a_client_that_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "CONNECTION_SECONDS", 0.1)
    with ModuleServer(("127.0.0.1", 0), {}) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        with socket.create_connection(running.server_address[:2], timeout=5) as connection:
            assert connection.recv(1) == b""
        running.shutdown()


def test_more_clients_than_places_wait_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(serve, "CONNECTION_SECONDS", 0.3)
    with ModuleServer(("127.0.0.1", 0), served([catalog()[NAME]])) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        idle = [socket.create_connection(running.server_address[:2]) for _ in range(2)]
        assert requests.get(module_url(running), timeout=5).status_code == 200
        for connection in idle:
            connection.close()
        running.shutdown()


def test_a_filter_without_its_module_cannot_be_served(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Filter) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(Filter, "module", missing)
    absent = Filter("absent", "wasm", "", "AUTHN", "FAIL_RELOAD", {}, (), catalog()[NAME].directory)
    with pytest.raises(MeshError, match="LAT0606"):
        served([absent])
