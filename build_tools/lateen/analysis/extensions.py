"""Extensions that cannot be loaded as they stand, or that no proxy loads."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics import Diagnostic, Redacted
from lateen.diagnostics.codes import analyze as codes
from lateen.diagnostics.codes import extensions as own
from lateen.model.attachment import GATEWAY_API, GATEWAY_NAME, serves
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy

DOCKER_CONFIG = ".dockerconfigjson"
"""The key of a Secret that holds credentials of registries."""

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
)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """What is wrong with each extension: its code, its configuration, its targets, its pull secret."""
    proxies = mesh.proxies() if any(extension.targets for extension in mesh.extensions) else ()
    for extension in mesh.extensions:
        if finding := missing_code(extension):
            yield finding
        yield from _configuration(extension)
        yield from _targets(extension, mesh, proxies)
        yield from missing_secret(extension, mesh)


def missing_code(extension: Extension) -> Diagnostic | None:
    """Why there is no code to run: no such filter in the suite, or a module that was not fetched."""
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    name = extension.suite_name
    if not name or name in catalog():
        return extension.unavailable
    hint = f"the suite has {', '.join(sorted(catalog()))}"
    return codes.UNKNOWN_FILTER.at(extension.ref.at(extension.section, "url"), hint=hint, name=name)


def missing_secret(extension: Extension, mesh: Mesh) -> Iterator[Diagnostic]:
    """That the mesh does not have the pull secret, so that the user's own logins are taken instead."""
    if extension.pull_secret and logins(extension, mesh) is None:
        where = extension.ref.at(extension.section, "imagePullSecret")
        yield own.UNKNOWN_PULL_SECRET.at(where, namespace=extension.ref.namespace, name=extension.pull_secret)


def logins(extension: Extension, mesh: Mesh) -> Redacted | None:
    """What the pull secret of an extension holds: a Docker configuration."""
    named = ("Secret", extension.ref.namespace, extension.pull_secret)
    secrets = (s for s in mesh.secrets if (s.ref.kind, s.ref.namespace, s.ref.name) == named)
    return next((s.data[DOCKER_CONFIG] for s in secrets if DOCKER_CONFIG in s.data), None)


def _configuration(extension: Extension) -> Iterator[Diagnostic]:
    """What a filter of the suite refuses of its configuration; a module of others has no schema."""
    from lateen.filterkit.catalog import catalog  # noqa: PLC0415

    found = catalog().get(extension.suite_name) if extension.suite_name else None
    for path, problem in found.problems(extension.config) if found else ():
        steps = [step for step in str(path).strip("/").replace("/", ".").split(".") if step]
        where = [int(step) if step.isdecimal() else step for step in steps]
        yield codes.FILTER_CONFIG.at(extension.ref.at(extension.section, "pluginConfig", *where), problem=problem)


def _targets(extension: Extension, mesh: Mesh, proxies: tuple[Proxy, ...]) -> Iterator[Diagnostic]:
    namespace = extension.ref.namespace
    for target in extension.targets:
        where = extension.ref.at(target.path, "name")
        if target.kind != "Gateway":
            yield own.WAYPOINT_TARGET.at(where, hint="selector.matchLabels chooses sidecars", kind=target.kind)
        elif not any(serves(proxy, target, namespace, mesh.gateways) for proxy in proxies):
            hint = f"its proxies have the label {GATEWAY_NAME}" if target.group == GATEWAY_API else ""
            yield own.UNKNOWN_TARGET.at(where, hint=hint, namespace=namespace, kind=target.kind, name=target.name)
