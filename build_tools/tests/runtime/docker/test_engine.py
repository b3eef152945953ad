"""One clear error for each way in which there is no engine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lateen.cli import main
from lateen.diagnostics import MeshError
from lateen.runtime.docker import engine
from lateen.runtime.docker.images import Images
from lateen.runtime.docker.recipe import Recipe
from lateen.runtime.docker.rootfs import Rootfs

REFUSAL = b'{"message": "no space left\\n on device"}'


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """`daemon(*answers)` listens where DOCKER_HOST says and answers one request after the other with those bytes."""
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve(answers: tuple[bytes, ...]) -> None:
        for answer in answers:
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(answer)

    yield lambda *answers: threading.Thread(target=serve, args=(answers,), daemon=True).start()
    server.close()


def answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n".encode() + body


def failure(monkeypatch: pytest.MonkeyPatch, host: str) -> str:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(MeshError) as caught:
        engine.connect()
    return str(caught.value)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:///nowhere.sock", "No such file or directory"),
        ("tcp://127.0.0.1:1", "Connection refused"),
        ("tcp://127.0.0.1", "port is required"),
        ("pigeon://roof", "Invalid bind address protocol"),
    ],
)
def test_no_engine_answers(monkeypatch: pytest.MonkeyPatch, host: str, reason: str) -> None:
    message = failure(monkeypatch, host)
    assert f"LAT0730 error: no container engine answers at {host}: " in message
    assert reason in message


def test_what_answers_is_no_engine(daemon: Callable[..., None]) -> None:
    daemon(b"SSH-2.0-OpenSSH_9.2\r\n")
    with pytest.raises(MeshError, match="LAT0730"):
        engine.connect()


def test_a_user_who_may_not(daemon: Callable[..., None]) -> None:
    daemon()
    Path(os.environ["DOCKER_HOST"].removeprefix("unix://")).chmod(0)
    # Files do not keep root out, unless it has given that capability away.
    powerless = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    script = "import sys; from lateen.cli import main; sys.exit(main(['image', 'list']))"
    command = [*powerless, sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"LAT0731 error: uid {os.getuid()} may not use the container engine at unix://" in done.stderr
    assert done.returncode == 2


def test_an_engine_that_refuses(daemon: Callable[..., None]) -> None:
    daemon(answer("200 OK", b'{"ApiVersion": "1.41"}'), answer("500 Internal Server Error", REFUSAL))
    client = engine.connect()
    with pytest.raises(MeshError) as caught, engine.asking("make room"):
        client.images.list()
    (finding,) = caught.value.diagnostics
    assert finding.code == "LAT0732"
    assert finding.message.endswith("could not make room: no space left on device")


def test_an_engine_of_another_platform_gets_no_image(daemon: Callable[..., None]) -> None:
    version = answer("200 OK", b'{"ApiVersion": "1.41", "Os": "linux", "Arch": "riscv64"}')
    daemon(version, answer("404 Not Found", b'{"message": "No such image: x"}'), version)
    with pytest.raises(MeshError, match=r"LAT0735.*the engine is of linux/riscv64"):
        Images(engine.connect()).build(Recipe("test", "1", Rootfs()))


def test_an_engine_that_goes_away(daemon: Callable[..., None]) -> None:
    daemon(answer("200 OK", b'{"ApiVersion": "1.41"}'), b"")
    client = engine.connect()
    with pytest.raises(MeshError, match=r"LAT073[02].*(closed|aborted|reset)"), engine.asking("stay"):
        client.images.list()


def test_the_sdk_is_an_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    assert main(["image", "list"]) == 2
    assert "pip install 'lateen[docker]'" in capsys.readouterr().err


def test_nothing_else_imports_the_sdk() -> None:
    script = "import sys, lateen, lateen.cli.image, lateen.runtime.supervisor; sys.exit('docker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_address_is_dockers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert engine.address() == "unix:///var/run/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert engine.address() == "tcp://10.0.0.1:2375"
