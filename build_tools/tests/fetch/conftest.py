"""A mesh in a folder, a cache of its own, and a web server that gives modules."""

from __future__ import annotations

import gzip
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lateen.cli import main

MODULE = b"\0asm\1\0\0\0"
OTHER = MODULE + b"\0\2\1a"  # a custom section

Run = Callable[..., int]


class Web:
    """Content by path; a str is where a path redirects to, a number the status of its answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.content: dict[str, bytes | str | int] = {}
        self.asked: list[str] = []
        self.logins: list[str] = []


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            served.logins.append(self.headers.get("Authorization", ""))
            found = served.content.get(self.path.partition("?")[0], 404)
            if isinstance(found, int):
                self.send_error(found)
                return
            self.send_response(302 if isinstance(found, str) else 200)
            if isinstance(found, str):
                self.send_header("Location", found)
            body = b"" if isinstance(found, str) else found
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked has seen enough
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Web(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    (tmp_path / "mesh").mkdir()
    return tmp_path / "mesh"


@pytest.fixture
def lateen(mesh: Path, tmp_path: Path) -> Run:
    """`lateen("fetch", "--check")` on the mesh, with a cache of the test."""

    def run(command: str, *more: str) -> int:
        return main([command, str(mesh), "--cache", str(tmp_path / "cache"), *more])

    return run


def plugin(name: str, url: str, **fields: str) -> str:
    more = "".join(f", {key}: {value!r}" for key, value in fields.items())
    return (
        f"apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: {name}}}\n"
        f"spec: {{url: {url!r}{more}}}\n---\n"
    )


def packed(content: bytes, *layers: str) -> bytes:
    for layer in layers:
        if layer == "gzip":
            content = gzip.compress(content, mtime=0)
        else:
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
                member = tarfile.TarInfo("a.wasm")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            content = buffer.getvalue()
    return content


def sparse(size: int) -> bytes:
    """A tar file with one file of holes that is said to be this large (GNU's old format of sparse files)."""
    member = tarfile.TarInfo("a.wasm")
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    block[156:157] = b"S"
    block[386:410] = f"{size - 1:011o}\0{0:011o}\0".encode()
    block[483:495] = f"{size:011o}\0".encode()
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + bytes(1024)


def long_names(count: int) -> bytes:
    """A tar file of nothing but headers, each of which gives a long name to what follows."""
    member = tarfile.TarInfo("././@LongLink")
    member.type = tarfile.GNUTYPE_LONGNAME
    return member.tobuf(tarfile.GNU_FORMAT) * count + bytes(1024)
