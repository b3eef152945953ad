"""Volumes as folders that containers mount."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.diagnostics import Redacted
from lateen.model.identity import Ref
from lateen.model.pod import File, Mount, PodSpec, Volume, VolumeSource
from lateen.model.secret import Secret
from lateen.model.workload import Workload
from lateen.runtime.docker.volumes import PodVolumes, pod_volumes
from lateen.runtime.environment import Objects

OBJECTS = Objects.of(
    (
        Secret(Ref("ConfigMap", "shop", "greeting"), {"text": Redacted(b"hello"), "other": Redacted(b"\xff\0")}),
        Secret(Ref("Secret", "shop", "token"), {"key": Redacted(b"s3cret")}),
    )
)


def made(root: Path, *volumes: Volume) -> tuple[PodVolumes, list[str]]:
    """The volumes of a pod, written, and the codes of what is wrong with them."""
    pod = PodSpec(volumes=volumes)
    workload = Workload("web-0", "shop", "web", Ref("Deployment", "shop", "web"), labels={"app": "web"}, pod=pod)
    found, findings = pod_volumes(workload, ("172.20.0.2",), OBJECTS, root)
    found.write()
    return found, [f"{finding.code} {finding.message}" for finding in findings]


def volume(kind: str, *sources: VolumeSource, mode: int = 0o644) -> Volume:
    return Volume("data", kind, sources, mode=mode)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_an_object_is_a_file_for_each_key(tmp_path: Path) -> None:
    _, wrong = made(tmp_path, volume("configMap", VolumeSource("ConfigMap", "greeting")))
    assert wrong == []
    assert files(tmp_path) == {"data/text": b"hello", "data/other": b"\xff\0"}


def test_items_choose_keys_places_and_modes(tmp_path: Path) -> None:
    source = VolumeSource("Secret", "token", (File("deep/token", "key", 0o400),))
    made(tmp_path, volume("secret", source))
    assert files(tmp_path) == {"data/deep/token": b"s3cret"}
    assert (tmp_path / "data/deep/token").stat().st_mode & 0o777 == 0o400


def test_several_sources_share_a_folder(tmp_path: Path) -> None:
    fields = VolumeSource("DownwardAPI", files=(File("ip", "status.podIP"), File("app", "metadata.labels['app']")))
    made(tmp_path, volume("projected", VolumeSource("Secret", "token"), fields, mode=0o440))
    assert files(tmp_path) == {"data/key": b"s3cret", "data/ip": b"172.20.0.2", "data/app": b"web"}
    assert (tmp_path / "data/key").stat().st_mode & 0o777 == 0o440


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (VolumeSource("Secret", "nothing"), "Secret nothing"),
        (VolumeSource("Secret", "token", (File("a", "nothing"),)), "key 'nothing' of Secret token"),
        (VolumeSource("DownwardAPI", files=(File("a", "spec.nothing"),)), "spec.nothing"),
    ],
)
def test_what_does_not_exist_is_told(tmp_path: Path, source: VolumeSource, named: str) -> None:
    _, [wrong] = made(tmp_path, volume("secret", source))
    assert wrong.startswith("LAT0708")
    assert named in wrong


def test_what_is_optional_may_be_absent(tmp_path: Path) -> None:
    absent = VolumeSource("Secret", "nothing", optional=True)
    partly = VolumeSource("Secret", "token", (File("a", "nothing"), File("b", "key")), optional=True)
    _, wrong = made(tmp_path, volume("projected", absent, partly))
    assert wrong == []
    assert files(tmp_path) == {"data/b": b"s3cret"}


def test_a_kind_that_no_container_has_is_told_and_not_mounted(tmp_path: Path) -> None:
    found, [wrong] = made(tmp_path, volume("hostPath"))
    assert wrong.startswith("LAT0707")
    assert list(found.binds((Mount("data", "/data"),))) == []


def test_objects_are_mounted_read_only_and_empty_folders_for_any_user(tmp_path: Path) -> None:
    found, _ = made(tmp_path, Volume("own", "emptyDir"), volume("secret", VolumeSource("Secret", "token")))
    own, data, read = found.binds((Mount("own", "/own"), Mount("data", "/data"), Mount("own", "/in", read_only=True)))
    assert (own.source, own.read_only, data.read_only, read.read_only) == (tmp_path / "own", False, True, True)
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o777
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o755


def test_a_sub_path_is_a_part_of_the_volume_and_made_where_containers_write(tmp_path: Path) -> None:
    found, _ = made(tmp_path, Volume("own", "emptyDir"), volume("secret", VolumeSource("Secret", "token")))
    file, folder = found.binds((Mount("data", "/key", "key"), Mount("own", "/deep", "a/b")))
    assert file.source == tmp_path / "data/key"
    assert folder.source == tmp_path / "own/a/b"
    assert folder.source.stat().st_mode & 0o777 == 0o777


@pytest.mark.parametrize("sub_path", ["link", "link/below", "..", "../data", "/etc"])
def test_no_sub_path_leads_out_of_its_volume(tmp_path: Path, sub_path: str) -> None:
    """The engine would follow a link that a container made, on this machine."""
    found, _ = made(tmp_path, Volume("own", "emptyDir"))
    (tmp_path / "own/link").symlink_to("/")
    with pytest.raises(PermissionError, match="leads out"):
        list(found.binds((Mount("own", "/own", sub_path),)))
