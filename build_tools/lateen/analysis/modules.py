"""Extensions whose module is not here, that no proxy loads, or whose pull secret does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.analysis.extensions import unknown_filter
from lateen.diagnostics import Diagnostic, Redacted
from lateen.diagnostics.codes import extensions as codes
from lateen.model.attachment import GATEWAY_API, GATEWAY_NAME, serves
from lateen.model.extension import Extension
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy

DOCKER_CONFIG = ".dockerconfigjson"
"""The key of a Secret that holds credentials of registries."""

CODES = (
    codes.NOT_FETCHED,
    codes.OTHER_DIGEST,
    codes.NOT_CACHED,
    codes.FILE_CHANGED,
    codes.TWO_DIGESTS,
    codes.NOT_VERIFIED,
    codes.UNKNOWN_TARGET,
    codes.WAYPOINT_TARGET,
    codes.UNKNOWN_PULL_SECRET,
)


def find(mesh: Mesh) -> Iterator[Diagnostic]:
    """What each extension names and is not there: a module, the proxies of a target, a Secret."""
    proxies = mesh.proxies() if any(extension.targets for extension in mesh.extensions) else ()
    for extension in mesh.extensions:
        if extension.unavailable:
            yield extension.unavailable
        yield from _targets(extension, mesh, proxies)
        yield from missing_secret(extension, mesh)


def missing_code(extension: Extension) -> Diagnostic | None:
    """Why there is no code to run: no such filter in the suite, or a module that was not fetched."""
    return unknown_filter(extension) or extension.unavailable


def missing_secret(extension: Extension, mesh: Mesh) -> Iterator[Diagnostic]:
    """That the mesh does not have the pull secret, so that the user's own logins are taken instead."""
    if extension.pull_secret and logins(extension, mesh) is None:
        where = extension.ref.at(extension.section, "imagePullSecret")
        yield codes.UNKNOWN_PULL_SECRET.at(where, namespace=extension.ref.namespace, name=extension.pull_secret)


def logins(extension: Extension, mesh: Mesh) -> Redacted | None:
    """What the pull secret of an extension holds: a Docker configuration."""
    named = ("Secret", extension.ref.namespace, extension.pull_secret)
    secrets = (s for s in mesh.secrets if (s.ref.kind, s.ref.namespace, s.ref.name) == named)
    return next((s.data[DOCKER_CONFIG] for s in secrets if DOCKER_CONFIG in s.data), None)


def _targets(extension: Extension, mesh: Mesh, proxies: tuple[Proxy, ...]) -> Iterator[Diagnostic]:
    namespace = extension.ref.namespace
    for target in extension.targets:
        where = extension.ref.at(target.path, "name")
        if target.kind != "Gateway":
            yield codes.WAYPOINT_TARGET.at(where, hint="selector.matchLabels chooses sidecars", kind=target.kind)
        elif not any(serves(proxy, target, namespace, mesh.gateways) for proxy in proxies):
            hint = f"its proxies have the label {GATEWAY_NAME}" if target.group == GATEWAY_API else ""
            yield codes.UNKNOWN_TARGET.at(where, hint=hint, namespace=namespace, kind=target.kind, name=target.name)
