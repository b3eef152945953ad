"""`lateen fetch` on files and web servers: what it locks, what it refuses, and what compiles afterwards."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lateen.fetch import http
from lateen.fetch.fetched import FetchError
from lateen.fetch.unbox import unboxed
from lateen.filterkit.oci.transfer import TooLargeError

from .conftest import MODULE, OTHER, Run, Web, long_names, packed, plugin, sparse

DIGEST, OTHER_DIGEST = (hashlib.sha256(content).hexdigest() for content in (MODULE, OTHER))


def lock(mesh: Path) -> dict[str, Any]:
    content = json.loads((mesh / "lateen.lock").read_text())
    assert content["version"] == 1
    entries: dict[str, Any] = content["entries"]
    return entries


def findings(text: str) -> list[tuple[str, int]]:
    return [(f["code"], f["line"]) for f in json.loads(text)["findings"]]


def test_what_a_mesh_names_is_locked_by_digest_and_compiles(
    lateen: Run, mesh: Path, web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.content["/a.wasm"] = MODULE
    (mesh / "b.wasm").write_bytes(OTHER)
    (mesh / "plugins.yaml").write_text(plugin("a", f"{web.url}/a.wasm") + plugin("b", "file://b.wasm"))
    assert lateen("analyze") == 1
    assert lateen("fetch") == 0
    assert lock(mesh) == {
        f"{web.url}/a.wasm": {"sha256": DIGEST, "size": len(MODULE), "path": f"sha256/{DIGEST}.wasm"},
        "file://b.wasm": {"sha256": OTHER_DIGEST, "size": len(OTHER), "path": f"sha256/{OTHER_DIGEST}.wasm"},
    }
    assert (tmp_path / "cache" / f"sha256/{DIGEST}.wasm").read_bytes() == MODULE
    assert lateen("analyze") == 0
    capsys.readouterr()
    assert lateen("fetch") == 0
    assert capsys.readouterr().out == f"{mesh / 'lateen.lock'}: up to date\n"
    assert web.asked == ["/a.wasm"]


@pytest.mark.parametrize(
    ("after", "policy", "option", "status", "locked"),
    [
        pytest.param(OTHER, "", "", 0, DIGEST, id="what is locked is not asked for again"),
        pytest.param(OTHER, "Always", "", 0, OTHER_DIGEST, id="Always takes what comes"),
        pytest.param(OTHER, "", "--update", 0, OTHER_DIGEST, id="so does --update"),
        pytest.param(404, "Always", "", 1, DIGEST, id="what fails keeps its entry"),
    ],
)
def test_a_second_fetch(
    lateen: Run, mesh: Path, web: Web, after: bytes | int, policy: str, option: str, status: int, locked: str
) -> None:
    url = f"{web.url}/a.wasm"
    web.content["/a.wasm"] = MODULE
    (mesh / "a.yaml").write_text(plugin("a", url, **({"imagePullPolicy": policy} if policy else {})))
    assert lateen("fetch") == 0
    web.content["/a.wasm"] = after
    assert lateen("fetch", *([option] if option else [])) == status
    assert lock(mesh)[url]["sha256"] == locked


def test_an_emptied_cache_is_filled_with_what_is_locked_and_nothing_else(
    lateen: Run, mesh: Path, web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.content["/a.wasm"] = MODULE
    (mesh / "a.yaml").write_text(plugin("a", f"{web.url}/a.wasm"))
    assert lateen("fetch") == 0
    before = (mesh / "lateen.lock").read_bytes()
    cached = tmp_path / "cache" / f"sha256/{DIGEST}.wasm"
    cached.unlink()
    assert lateen("analyze") == 1
    web.content["/a.wasm"] = OTHER
    capsys.readouterr()
    assert lateen("fetch", "-o", "json") == 1
    assert findings(capsys.readouterr().err) == [("LAT0644", 4)]
    web.content["/a.wasm"] = MODULE
    assert lateen("fetch") == 0
    assert cached.read_bytes() == MODULE
    assert (mesh / "lateen.lock").read_bytes() == before


def test_the_digest_that_the_mesh_names_decides(
    lateen: Run, mesh: Path, web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{web.url}/a.wasm"
    web.content["/a.wasm"] = MODULE
    (mesh / "a.yaml").write_text(plugin("a", url, sha256=OTHER_DIGEST))
    assert lateen("fetch", "-o", "json") == 1
    assert findings(capsys.readouterr().err) == [("LAT0644", 4)]
    assert not (mesh / "lateen.lock").exists()
    assert not (tmp_path / "cache").exists()
    web.content["/a.wasm"] = OTHER
    assert lateen("fetch") == 0
    (mesh / "a.yaml").write_text(plugin("a", url, sha256=DIGEST))
    capsys.readouterr()
    assert lateen("analyze", "-o", "json") == 1
    assert ("LAT0231", 4) in findings(capsys.readouterr().out)
    web.content["/a.wasm"] = MODULE
    assert lateen("fetch") == 0
    assert lock(mesh)[url]["sha256"] == DIGEST


def test_one_failure_leaves_the_others_alone(
    lateen: Run, mesh: Path, web: Web, capsys: pytest.CaptureFixture[str]
) -> None:
    web.content |= {"/a.wasm": MODULE, "/b.wasm": 500}
    names = ("a", "b", "gone")
    (mesh / "a.yaml").write_text("".join(plugin(name, f"{web.url}/{name}.wasm") for name in names))
    assert lateen("fetch", "-o", "json") == 1
    output = capsys.readouterr()
    assert findings(output.err) == [("LAT0641", 9), ("LAT0641", 14)]
    assert lock(mesh).keys() == {f"{web.url}/a.wasm"}
    assert [(m["url"], m["change"]) for m in json.loads(output.out)["modules"]] == [
        (f"{web.url}/a.wasm", "fetched"),
        (f"{web.url}/b.wasm", "failed"),
        (f"{web.url}/gone.wasm", "failed"),
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda mesh: None, []),
        (lambda mesh: (mesh / "a.yaml").write_text(plugin("a", "file://b.wasm")), [("LAT0645", 0), ("LAT0230", 4)]),
        (
            lambda mesh: (mesh / "a.yaml").write_text(plugin("a", "file://a.wasm", sha256=OTHER_DIGEST)),
            [("LAT0231", 4)],
        ),
        (lambda mesh: (mesh / "a.yaml").unlink(), [("LAT0645", 0)]),
        (lambda mesh: (mesh / "a.wasm").write_bytes(OTHER), [("LAT0237", 4)]),
        (lambda mesh: (mesh / "lateen.lock").unlink(), [("LAT0230", 4)]),
    ],
    ids=["nothing", "another URL", "another digest", "one less", "another file", "no lock"],
)
def test_check_tells_what_has_changed_and_writes_nothing(
    lateen: Run,
    mesh: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Any,
    found: list[tuple[str, int]],
) -> None:
    (mesh / "rest.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n")
    (mesh / "a.wasm").write_bytes(MODULE)
    (mesh / "a.yaml").write_text(plugin("a", "file://a.wasm"))
    assert lateen("fetch") == 0
    change(mesh)
    before = {path: path.read_bytes() for path in mesh.iterdir()}
    (tmp_path / "cache" / f"sha256/{DIGEST}.wasm").unlink()  # a cache of this machine is no matter of the lock
    capsys.readouterr()
    assert lateen("fetch", "--check", "-o", "json") == int(bool(found))
    assert sorted(findings(capsys.readouterr().err)) == sorted(found)
    assert {path: path.read_bytes() for path in mesh.iterdir()} == before


def test_what_the_mesh_no_longer_names_leaves_the_lock(lateen: Run, mesh: Path) -> None:
    for name in ("a", "b"):
        (mesh / f"{name}.wasm").write_bytes(MODULE)
        (mesh / f"{name}.yaml").write_text(plugin(name, f"file://{name}.wasm"))
    assert lateen("fetch") == 0
    (mesh / "b.yaml").unlink()
    assert lateen("fetch") == 0
    assert lock(mesh).keys() == {"file://a.wasm"}


def test_a_mesh_without_modules_gets_no_lock(lateen: Run, mesh: Path) -> None:
    (mesh / "a.yaml").write_text(plugin("a", "lateen://peer_metadata"))
    assert lateen("fetch") == 0
    assert not (mesh / "lateen.lock").exists()


@pytest.mark.parametrize("layers", [(), ("gzip",), ("tar",), ("tar", "gzip"), ("gzip", "tar", "gzip")])
def test_a_module_may_be_packed(web: Web, layers: tuple[str, ...]) -> None:
    web.content["/a"] = packed(MODULE, *layers)
    assert http.download(f"{web.url}/a").content == MODULE


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (404, "LAT0641", "status 404"),
        (401, "LAT0641", "status 401"),
        (b"", "LAT0642", "empty"),
        (b"<html>", "LAT0642", "does not begin as one"),
        (MODULE + b"\x01\x05half", "LAT0642", "it ends in a section, at byte 10 of 14"),
        (MODULE + bytes(2 * 10_001), "LAT0642", "it has more than 10000 sections"),
        (b"\0asm\x0d\0\1\0", "LAT0642", "component"),
        (packed(b"<html>", "gzip"), "LAT0642", "does not begin as one"),
        (packed(MODULE, "gzip")[:-4], "LAT0642", "does not begin as one"),
        (MODULE + bytes(2 << 20), "LAT0643", "1 MiB"),
        (packed(MODULE + bytes(2 << 20), "gzip"), "LAT0643", "1 MiB"),
        (packed(MODULE + bytes(2 << 20), "tar", "gzip"), "LAT0643", "1 MiB"),
        (sparse(2 << 30), "LAT0643", "1 MiB"),
        (packed(MODULE, "tar")[:515], "LAT0642", "does not begin as one"),
        (long_names(2000), "LAT0642", "does not begin as one"),
        ("/a", "LAT0641", "redirects more than 5 times"),
    ],
    ids=range(16),
)
def test_what_is_no_module_is_refused(web: Web, content: bytes | str | int, code: str, says: str) -> None:
    web.content["/a"] = content
    with pytest.raises(FetchError) as refused:
        http.download(f"{web.url}/a?token=hunter2", limit=1 << 20)
    error = refused.value
    assert error.code.code == code
    message = error.code.message.format(**error.details)
    assert says in message
    assert "hunter2" not in message


def test_what_is_in_sections_is_not_read(web: Web) -> None:
    web.content["/a"] = content = MODULE + b"\x07\x02\x05\xff" + b"\x00\x01\x09"
    assert http.download(f"{web.url}/a").content == content


@pytest.mark.parametrize("host", ["127.0.0.1:9", "127.0.0.1:99999", "a..b", "a" * 64, "[::1"])
def test_a_server_that_is_not_there_is_named_without_its_query(host: str) -> None:
    with pytest.raises(FetchError) as refused:
        http.download(f"http://{host}/a.wasm?token=hunter2")
    assert refused.value.details["url"] == f"http://{host}/a.wasm"
    assert "hunter2" not in str(refused.value.details)


def test_what_a_server_says_cannot_control_a_terminal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(3):  # a read is made again twice
                with server.accept()[0] as client:
                    client.recv(4096)
                    client.sendall(b"\x1b[2Jgone\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(FetchError) as refused:
            http.download(f"http://127.0.0.1:{server.getsockname()[1]}/a")
    assert str(refused.value.details["reason"]).isprintable()


@pytest.mark.parametrize("location", ["http://[::1/a", "http://a..b/", "ftp://127.0.0.1/a?token=hunter2"])
def test_a_redirect_to_nowhere_is_a_failure_of_the_fetch(web: Web, location: str) -> None:
    web.content["/a"] = location
    with pytest.raises(FetchError) as refused:
        http.download(f"{web.url}/a")
    assert refused.value.code.code == "LAT0641"
    assert "hunter2" not in str(refused.value.details)


def test_a_redirect_is_followed_without_a_login(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login ci password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    web.content |= {"/a": web.url.replace("127.0.0.1", "localhost") + "/b", "/b": MODULE}
    assert http.download(f"{web.url}/a").content == MODULE
    assert web.asked == ["/a", "/b"]
    assert [bool(login) for login in web.logins] == [True, False]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2048), st.sampled_from([b"", b"\x1f\x8b\x08", bytes(257) + b"ustar"]))
def test_whatever_comes_is_unpacked_or_left_alone(content: bytes, head: bytes) -> None:
    with suppress(TooLargeError):
        assert isinstance(unboxed(head + content, 4096), bytes)


def test_standard_input_has_no_place_for_a_lock(lateen: Run, capsys: pytest.CaptureFixture[str]) -> None:
    from lateen.cli import main  # noqa: PLC0415

    assert main(["fetch", "-"]) == 2
    assert "standard input" in capsys.readouterr().err


def test_a_broken_lock_stops_everything(lateen: Run, mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mesh / "a.yaml").write_text(plugin("a", "file://a.wasm"))
    (mesh / "lateen.lock").write_text("<<<<<<< ours\n")
    for command in ("fetch", "compile", "analyze"):
        assert lateen(command, "-o", "json") == 1
        output = capsys.readouterr()
        assert "LAT0640" in output.out + output.err
    assert (mesh / "lateen.lock").read_text() == "<<<<<<< ours\n"


def test_a_token_in_a_url_is_not_printed(lateen: Run, mesh: Path, web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    (mesh / "a.yaml").write_text(plugin("a", f"{web.url}/a.wasm?token=hunter2"))
    assert lateen("analyze") == 1
    assert lateen("fetch") == 1
    web.content["/a.wasm"] = MODULE
    assert lateen("fetch") == 0
    output = capsys.readouterr()
    assert "hunter2" not in output.out + output.err
