"""Folders of bundles: what is written when, what stays, what is removed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lateen.deliver.bundles import Bundle, File, write
from lateen.deliver.bundles.bundle import Role
from lateen.deliver.bundles.file_xds import response
from lateen.deliver.bundles.retire import RETIRED_SECONDS, retire
from lateen.diagnostics import MeshError
from lateen.identity import files


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a run makes, none of which a test waits for."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def bundle(listeners: str = "l", clusters: tuple[str, ...] = ("c",), bootstrap: str = "b", module: str = "m") -> Bundle:
    return Bundle(
        (
            File(f"web/modules/{module}", module.encode()),
            File("web/secret", b"s", 0o600),
            File("web/cds.json", response("clusters", [{"name": name} for name in clusters]), role=Role.CLUSTERS),
            File("web/lds.json", listeners.encode(), role=Role.AFTER),
            File("web/bootstrap.json", bootstrap.encode(), role=Role.BOOTSTRAP),
        )
    )


def codes(out: Path, *, complete: bool = True, **bundles: Bundle) -> list[str]:
    return [finding.code for finding in write(bundles, out, complete=complete)]


def paths(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def clusters(out: Path) -> list[str]:
    return [config["name"] for config in json.loads((out / "web/cds.json").read_text())["resources"]]


def test_files_have_their_modes_and_a_second_run_touches_none(out: Path) -> None:
    assert codes(out, web=bundle()) == []
    assert (out / "web/secret").stat().st_mode & 0o777 == 0o600
    before = {path: (out / path).stat().st_ino for path in paths(out) if path != ".lateen"}
    assert codes(out, web=bundle()) == []
    assert {path: (out / path).stat().st_ino for path in before} == before


def test_clusters_come_before_listeners_with_time_between(
    out: Path, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes(out, web=bundle())
    assert waited == []  # nobody reads yet
    order: list[object] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda part, target: (order.append(target.name), replace(part, target)))
    monkeypatch.setattr("time.sleep", order.append)
    codes(out, web=bundle("l2", ("c", "d"), module="m2"))
    assert order == ["m2", "cds.json", 1.0, "lds.json", ".lateen"]


@pytest.mark.parametrize("edit", [bundle("l2"), bundle(clusters=("c", "d"))], ids=["listeners", "clusters"])
def test_a_change_of_one_of_them_waits_for_nothing(out: Path, waited: list[float], edit: Bundle) -> None:
    codes(out, web=bundle())
    codes(out, web=edit)
    assert waited == []


def test_a_cluster_outlives_its_routes(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    codes(out, web=bundle(clusters=("a", "b")))
    codes(out, web=bundle("l2", ("b",)))
    assert clusters(out) == ["b", "a"]
    now[0] += RETIRED_SECONDS - 1
    codes(out, web=bundle("l3", ("c",)))
    assert clusters(out) == ["c", "a", "b"]  # each from its own time on
    now[0] += 1
    codes(out, web=bundle("l3", ("c",)))
    assert clusters(out) == ["c", "b"]
    codes(out, web=bundle("l3", ("b", "c")))
    assert clusters(out) == ["b", "c"]
    now[0] += RETIRED_SECONDS
    codes(out, web=bundle("l3", ("c",)))
    assert clusters(out) == ["c", "b"]  # it was back: its time begins again


@pytest.mark.parametrize("before", [None, b"", b"[]", b"{", b'{"resources": [{}]}'])
def test_what_is_no_cluster_file_retires_nothing(before: bytes | None) -> None:
    file = File("cds.json", response("clusters", [{"name": "c"}]), role=Role.CLUSTERS)
    assert retire(file, before, {}, 0.0) == (file, {})


def test_a_changed_bootstrap_asks_for_a_restart(out: Path) -> None:
    codes(out, web=bundle())
    (finding,) = write({"web": bundle(bootstrap="b2")}, out, complete=True)
    assert finding.code == "LAT0822"
    assert f"{out}/web/bootstrap.json changed" in finding.message


def test_proxies_that_are_gone_are_removed_with_their_folders(out: Path) -> None:
    other = Bundle((File("db/deep/lds.json", b"x"), File("shared", b"x")))
    codes(out, web=bundle(), db=other)
    assert codes(out, web=Bundle((*bundle().files, File("shared", b"x")))) == []
    assert not (out / "db").exists()
    assert (out / "shared").exists()


def test_an_old_module_is_removed_once_nothing_names_it(out: Path) -> None:
    codes(out, web=bundle())
    codes(out, web=bundle(module="m2"))
    assert [path for path in paths(out) if "modules" in path] == ["web/modules/m2"]


def test_one_proxy_leaves_the_others_alone(out: Path) -> None:
    codes(out, web=bundle(), db=Bundle((File("db", b"x"),)))
    assert codes(out, complete=False, web=bundle("l2")) == []
    assert (out / "db").exists()
    codes(out, web=bundle("l2"))
    assert not (out / "db").exists()


def test_what_lateen_did_not_write_stays(out: Path) -> None:
    codes(out, web=bundle(), db=Bundle((File("db/a", b"x"), File("db/b", b"x"), File("db/c", b"x"))))
    (out / "db/certs").mkdir()
    (out / "db/certs/key.pem").write_text("key")
    (out / "db/b").write_text("changed")
    (out / "db/c").unlink()
    (finding,) = write({"web": bundle()}, out, complete=True)
    assert finding.code == "LAT0824"
    assert str(out / "db/b") in finding.message
    assert [path for path in paths(out) if path.startswith("db")] == ["db/b", "db/certs/key.pem"]


def recorded(path: str) -> str:
    return json.dumps({"version": 1, "proxies": {"db": {"files": {path: ""}, "retired": {}}}})


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "null", '{"version": 2, "proxies": {}}', '{"version": 1}'),
        *(recorded("../db"), recorded("/db"), recorded("web/../../db")),
    ],
)
def test_a_record_that_is_none_changes_nothing(out: Path, text: str) -> None:
    codes(out, web=bundle())
    (out / ".lateen").write_text(text)
    with pytest.raises(MeshError) as raised:
        write({"web": bundle("l2")}, out, complete=True)
    (finding,) = raised.value.diagnostics
    assert (finding.code, finding.origin.file) == ("LAT0823", "")
    assert (out / "web/lds.json").read_text() == "l"


def test_a_full_disk_changes_nothing(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes(out, web=bundle())
    before = {path: (out / path).read_bytes() for path in paths(out)}
    stage = files.stage

    def full(path: Path, data: bytes, mode: int = 0o644) -> Path:
        if path.name == "lds.json":
            raise OSError(28, os.strerror(28), str(path))
        return stage(path, data, mode)

    monkeypatch.setattr(files, "stage", full)
    with pytest.raises(OSError, match="No space left"):
        write({"web": bundle("l2", ("d",), module="m2")}, out, complete=True)
    assert {path: (out / path).read_bytes() for path in paths(out)} == before
