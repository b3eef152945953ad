"""Volumes of a pod, and where its containers mount them."""

from __future__ import annotations

from lateen.model.fields import Fields
from lateen.model.pod import File, Mount, Volume, VolumeSource

_OBJECTS = {"configMap": "ConfigMap", "secret": "Secret", "downwardAPI": "DownwardAPI"}
_HONOURED = (*_OBJECTS, "emptyDir", "projected")
_MODE = 0o644


def volumes(section: Fields) -> tuple[Volume, ...]:
    """Every volume; of a kind that holds no files of the mesh's own (`hostPath` ...) the name of that kind."""
    return tuple(_volume(item) for item in section.sections("volumes"))


def _volume(item: Fields) -> Volume:
    kind = next((name for name in item.names() if name != "name"), "emptyDir")
    body = item.section(kind)
    body.ignore("sizeLimit")
    mode = body.integer("defaultMode")
    sources = tuple(_projected(part) for part in body.sections("sources")) if kind == "projected" else ()
    if kind in _OBJECTS:
        sources = (_source(body, kind),)
    if kind not in _HONOURED:
        item.settle()  # its kind says all: a runtime that cannot give it reports it as a whole
    return Volume(
        name=item.text("name"),
        kind=kind,
        sources=tuple(source for source in sources if source),
        in_memory=body.text("medium") == "Memory",
        mode=_MODE if mode is None else mode,
        origin=item.origin(),
    )


def _projected(part: Fields) -> VolumeSource | None:
    kind = next((name for name in _OBJECTS if name in part), "")
    return _source(part.section(kind), kind) if kind else None


def _source(body: Fields, kind: str) -> VolumeSource:
    return VolumeSource(
        kind=_OBJECTS[kind],
        name=body.text("secretName") or body.text("name"),
        files=tuple(_file(item) for item in body.sections("items")),
        optional=body.flag("optional") is True,
    )


def _file(item: Fields) -> File:
    field = item.section("fieldRef")
    field.ignore("apiVersion")
    return File(item.text("path"), item.text("key") or field.text("fieldPath"), item.integer("mode"))


def mounts(section: Fields) -> tuple[Mount, ...]:
    """Where a container mounts volumes."""
    return tuple(
        Mount(
            volume=item.text("name"),
            path=item.text("mountPath"),
            sub_path=item.text("subPath"),
            read_only=item.flag("readOnly") is True,
            origin=item.origin(),
        )
        for item in section.sections("volumeMounts")
    )
