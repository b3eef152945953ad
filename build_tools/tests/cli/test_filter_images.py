"""The verbs on images: what they print, which exit code a fault has, and that it leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from lateen.cli import main

NOWHERE = "127.0.0.1:1/shop/hmac_auth:1.0"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and a user without a login."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return tmp_path


@pytest.fixture
def key(folder: Path) -> str:
    """A public key, outside of the folder."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    path = folder.parent / f"{folder.name}.pub"
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(public.public_bytes(serialization.Encoding.PEM, form))
    return str(path)


def test_package_prints_the_digest_of_each_image(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filters", "package", "peer_metadata"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["peer_metadata.oci:", "compat"], ["peer_metadata.oci:", "oci"]]
    assert main(["filters", "package", "peer_metadata", "--layout", "oci", "--out", "again", "-o", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["images"]
    assert row["digest"] in lines[1]
    assert sorted(path.name for path in folder.iterdir()) == ["again", "peer_metadata.oci"]


def test_package_overwrites_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out").write_text("kept")
    assert main(["filters", "package", "peer_metadata", "--out", "out"]) == 2
    assert capsys.readouterr().err.startswith("lateen: LAT0639 error: out exists already\n")
    assert (folder / "out").read_text() == "kept"


def test_pull_overwrites_nothing_and_asks_nobody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("module", "bill"):
        (folder / name).write_text("kept")
    assert main(["filters", "pull", NOWHERE, "--out", "module", "--sbom", "bill"]) == 2
    assert capsys.readouterr().err.count("LAT0639 error") == 2


def test_pull_writes_two_files_or_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filters", "pull", NOWHERE, "--out", "one", "--sbom", "one"]) == 2
    assert capsys.readouterr().err == "lateen filters pull: --out and --sbom name one file\n"


@pytest.mark.parametrize(
    ("verb", "more"),
    [("push", ["tenant_context"]), ("pull", []), ("verify", []), ("pull", ["--plain-http"])],
)
def test_a_registry_that_is_not_there_is_one_fault(
    verb: str, more: list[str], key: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--key", key] if verb == "verify" else []
    assert main(["filters", verb, *more, NOWHERE, *options]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("lateen: LAT0631 error: 127.0.0.1:1 cannot be reached: [Errno 111] Connection refused\n")
    assert errors.count(" error: ") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["pull", "ghcr.io/Shop/hmac_auth:1.0"], "LAT0630"),
        (["push", "tenant_context", f"ghcr.io/shop/tenant@sha256:{'0' * 64}"], "LAT0630"),
        (["push", "no_such_filter", NOWHERE], "LAT0601"),
        (["package", "no_such_filter"], "LAT0601"),
        (["package", "quota"], "LAT0694"),
        (["push", "quota", NOWHERE], "LAT0694"),
        (["serve", "tenant_context"], "LAT0650"),
    ],
)
def test_what_cannot_be_meant_is_one_fault(
    arguments: list[str], code: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["filters", *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.count(" error: ") == 1
    assert code in errors
    assert list(folder.iterdir()) == []


def test_a_key_that_cannot_be_used_is_told_before_anything_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("text").write_text("no key")
    for arguments in (["push", "tenant_context", NOWHERE], ["pull", NOWHERE], ["verify", NOWHERE]):
        assert main(["filters", *arguments, "--key", "text"]) == 2
        assert "LAT0638 error: the key text cannot be used" in capsys.readouterr().err
        assert main(["filters", *arguments, "--key", "missing"]) == 2
        assert capsys.readouterr().err == "lateen: missing: No such file or directory\n"


def test_a_broken_login_is_told_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    Path("docker").mkdir()
    Path("docker/config.json").write_text('{"auths": {"127.0.0.1:1": {"auth": "secret!"}}')
    assert main(["filters", "pull", NOWHERE]) == 2
    errors = capsys.readouterr().err
    assert "LAT0638 error" in errors
    assert "secret" not in errors


def test_serve_says_when_its_address_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["filters", "serve", "peer_metadata", "--listen", address]) == 2
    assert "Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["8099", "127.0.0.1:x", "127.0.0.1:99999"])
def test_serve_takes_an_address_with_a_port(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["filters", "serve", "--listen", address])
    assert ended.value.code == 2
    assert f"'{address}' is not ADDRESS:PORT" in capsys.readouterr().err


def test_serve_tells_programs_what_it_serves() -> None:
    lateen = Path(sys.executable).with_name("lateen")
    command = [lateen, "filters", "serve", "peer_metadata", "tenant_context", "--listen", "127.0.0.1:0", "-o", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = ""
    while not printed.endswith("}\n") or printed.count("{") != printed.count("}"):
        printed += process.stdout.readline()
    told = json.loads(printed)
    (module,) = told["modules"]
    assert [(found["code"], found["severity"]) for found in told["findings"]] == [("LAT0650", "info")]
    assert module["url"].endswith(f"/peer_metadata/{module['sha256']}.wasm")
    assert hashlib.sha256(requests.get(module["url"], timeout=30).content).hexdigest() == module["sha256"]
    for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):  # both are there when it goes on
        process.send_signal(number)
    assert process.wait(30) == 0
