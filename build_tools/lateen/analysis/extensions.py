"""Extensions that cannot be loaded as they stand, or that no proxy loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import analyze as codes
from lateen.diagnostics.codes import extensions as own
from lateen.diagnostics.codes import operations
from lateen.filterkit.configuration import Problem
from lateen.model.attachment import GATEWAY_API, GATEWAY_NAME, serves
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.source.document import field_path
from lateen.source.yaml import parse

DOCKER_CONFIG = ".dockerconfigjson"
"""The key of a Secret that holds credentials of registries."""

_KINDS = {
    "unreadable": operations.FILE_UNREADABLE,
    "document": operations.BAD_OPENAPI,
    "ambiguous": operations.AMBIGUOUS_OPERATION,
    "limit": operations.OPERATION_LIMIT,
    "quota": operations.QUOTA_CONTRADICTION,
}
"""The code of each kind of problem that a compiler of configurations finds."""

CODES = (
    codes.UNKNOWN_FILTER,
    codes.FILTER_CONFIG,
    own.NOT_FETCHED,
    own.OTHER_DIGEST,
    own.NOT_CACHED,
    own.FILE_CHANGED,
    own.TWO_DIGESTS,
    own.NOT_VERIFIED,
    own.UNKNOWN_TARGET,
    own.WAYPOINT_TARGET,
    own.UNKNOWN_PULL_SECRET,
    *_KINDS.values(),
)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """What is wrong with each extension: its code, its configuration, its targets, its pull secret."""
    proxies = mesh.proxies() if any(extension.targets for extension in mesh.extensions) else ()
    for extension in mesh.extensions:
        if finding := missing_code(extension):
            yield finding
        yield from _configuration(extension)
        yield from _targets(extension, mesh, proxies)
        if extension.pull_secret and not _has_secret(extension, mesh):
            where = extension.ref.at(extension.field, "imagePullSecret")
            namespace = extension.ref.namespace
            yield own.UNKNOWN_PULL_SECRET.at(where, namespace=namespace, name=extension.pull_secret)


def missing_code(extension: Extension) -> Diagnostic | None:
    """Why there is no code to run: no such filter in the suite, or a module that was not fetched."""
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    name = extension.suite_name
    if not name or name in catalog():
        return extension.unavailable
    hint = f"the suite has {', '.join(sorted(catalog()))}"
    return codes.UNKNOWN_FILTER.at(extension.ref.at(extension.field, "url"), hint=hint, name=name)


def _configuration(extension: Extension) -> Iterator[Diagnostic]:
    """What a filter of the suite refuses of its configuration; a module of others has no schema."""
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    found = catalog().get(extension.suite_name) if extension.suite_name else None
    for path, problem in found.problems(extension.config) if found else ():
        steps = [step for step in str(path).strip("/").replace("/", ".").split(".") if step]
        where = [int(step) if step.isdecimal() else step for step in steps]
        yield codes.FILTER_CONFIG.at(extension.ref.at(extension.field, "pluginConfig", *where), problem=problem)
    for fault in found.configuration(extension.config, dict(extension.files)).problems if found else ():
        yield _KINDS[fault.kind].at(_place(extension, fault), problem=_told(fault))


def _place(extension: Extension, fault: Problem) -> Origin:
    """Where the fault is: in the mesh, or in the file that the configuration names."""
    in_mesh = ((*extension.field.split("."), "pluginConfig", *fault.path), extension.ref.document)
    text = dict(extension.files).get(fault.file)
    if text is None:
        path, document = in_mesh
        return document.origin(path) if document else extension.ref.origin
    file = str(Path(extension.ref.origin.file).parent / fault.file)
    documents, broken = parse(text, file)
    if not fault.file_path and broken:
        return broken[0].origin
    return documents[0].origin(fault.file_path, key=True) if documents else Origin(file)


def _told(fault: Problem) -> str:
    path = field_path(fault.file_path or fault.path)
    return f"{path}: {fault.message}" if fault.file_path else fault.message


def _targets(extension: Extension, mesh: Mesh, proxies: tuple[Proxy, ...]) -> Iterator[Diagnostic]:
    namespace = extension.ref.namespace
    for target in extension.targets:
        where = extension.ref.at(target.path, "name")
        if target.kind != "Gateway":
            yield own.WAYPOINT_TARGET.at(where, hint="selector.matchLabels chooses sidecars", kind=target.kind)
        elif not any(serves(proxy, target, namespace, mesh.gateways) for proxy in proxies):
            hint = f"its proxies have the label {GATEWAY_NAME}" if target.group == GATEWAY_API else ""
            yield own.UNKNOWN_TARGET.at(where, hint=hint, namespace=namespace, kind=target.kind, name=target.name)


def _has_secret(extension: Extension, mesh: Mesh) -> bool:
    return any(
        secret.ref.kind == "Secret"
        and (secret.ref.namespace, secret.ref.name) == (extension.ref.namespace, extension.pull_secret)
        and DOCKER_CONFIG in secret.data
        for secret in mesh.secrets
    )
