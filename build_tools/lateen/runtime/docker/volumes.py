"""Volumes of a pod, as folders of the run that its containers mount."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import runtime as codes
from lateen.model.pod import Mount, Volume, VolumeSource
from lateen.model.workload import Workload
from lateen.runtime.environment import Environment, Objects

_SUPPORTED = ("emptyDir", "configMap", "secret", "downwardAPI", "projected")
_SCRATCH = 0o777
"""The mode of what containers write to, as whatever user."""

_OBJECT_KINDS = ("ConfigMap", "Secret")


@dataclass(frozen=True, slots=True)
class VolumeFile:
    """A file of a volume: where it stands in the volume's folder, its content and its mode."""

    path: PurePosixPath
    content: bytes = field(repr=False)
    mode: int


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder or file of the run where a container mounts it."""

    source: Path
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class PodVolumes:
    """The volumes of one pod below `root`; `files` is empty for an emptyDir, whose folder its containers write to."""

    root: Path
    files: Mapping[str, tuple[VolumeFile, ...]]

    def binds(self, mounts: tuple[Mount, ...]) -> Iterator[Bind]:
        """What a container mounts; volumes that are not here are left out, a finding has said so.

        Raises PermissionError for a `subPath` that a link, which an earlier container may have made, leads out of its
        volume: the engine would follow it on this machine.
        """
        for mount in mounts:
            if mount.volume in self.files:
                filled = bool(self.files[mount.volume])
                folder = (self.root / mount.volume).resolve()
                source = (folder / mount.sub_path).resolve()
                if not source.is_relative_to(folder):
                    raise PermissionError(errno.EPERM, f"subPath {mount.sub_path!r} leads out of it", mount.volume)
                if not filled and not source.exists():
                    source.mkdir(parents=True)
                    source.chmod(_SCRATCH)
                yield Bind(source, mount.path, mount.read_only or filled)

    def write(self) -> None:
        """Make the folders, with their files. Whoever is in a container may read them: nobody else gets so far."""
        for volume, files in self.files.items():
            folder = self.root / volume
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755 if files else _SCRATCH)
            for file in files:
                path = folder / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.content)
                path.chmod(file.mode)


def pod_volumes(
    workload: Workload, addresses: tuple[str, ...], objects: Objects, root: Path
) -> tuple[PodVolumes, tuple[Diagnostic, ...]]:
    """The volumes of an instance, and a finding for each that a container cannot have or that refers to nothing."""
    findings: list[Diagnostic] = []
    files: dict[str, tuple[VolumeFile, ...]] = {}
    for volume in workload.pod.volumes if workload.pod else ():
        if volume.kind not in _SUPPORTED:
            findings.append(
                codes.NOT_HONOURED.at(
                    volume.origin,
                    field=f"volume {volume.name} ({volume.kind})",
                    workload=workload.owner,
                    runtime="docker",
                )
            )
            continue
        found: list[VolumeFile] = []
        for source in volume.sources:
            try:
                found += _files(volume, source, workload, addresses[0], objects)
            except KeyError as error:
                findings.append(
                    codes.MISSING_REFERENCE.at(
                        volume.origin,
                        variable=f"volume {volume.name}",
                        workload=workload.owner,
                        source=str(error.args[0]),
                    )
                )
        files[volume.name] = tuple(found)
    return PodVolumes(root, files), tuple(findings)


def _files(
    volume: Volume, source: VolumeSource, workload: Workload, address: str, objects: Objects
) -> Iterator[VolumeFile]:
    """The files of one source. Raises KeyError with the name of what does not exist."""
    if source.kind not in _OBJECT_KINDS:
        fields = Environment(workload, address, objects, {})
        for file in source.files:
            text = fields.field(file.key)
            if text is None:
                raise KeyError(f"the field {file.key}")
            yield VolumeFile(PurePosixPath(file.path), text.encode(), file.mode or volume.mode)
        return
    data = objects.by_name.get((source.kind, workload.namespace, source.name))
    if data is None:
        if source.optional:
            return
        raise KeyError(f"{source.kind} {source.name}")
    if not source.files:
        for key, content in sorted(data.items()):
            yield VolumeFile(PurePosixPath(key), content, volume.mode)
    for file in source.files:
        if file.key in data:
            yield VolumeFile(PurePosixPath(file.path), data[file.key], file.mode or volume.mode)
        elif not source.optional:
            raise KeyError(f"key {file.key!r} of {source.kind} {source.name}")
