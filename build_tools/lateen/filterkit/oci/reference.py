"""The name of an image: `HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import BAD_REFERENCE

DOCKER_HUB = "index.docker.io"
SCHEME = "oci://"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_LENGTH = 255  # of HOST/REPOSITORY, as in the distribution project


@dataclass(frozen=True, slots=True)
class Reference:
    """An image, or what a tag stands for at the moment. Of tag and digest at least one is given; the digest decides."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def identifier(self) -> str:
        """What the registry is asked for."""
        return self.digest or self.tag

    @property
    def local(self) -> bool:
        """Whether the registry is on this machine, where plain HTTP is what registries speak."""
        host = self.registry.rsplit(":", 1)[0] if not self.registry.endswith("]") else self.registry
        try:
            return ipaddress.ip_address(host.strip("[]")).is_loopback
        except ValueError:
            return host == "localhost"

    def at(self, *, tag: str = "", digest: str = "") -> Reference:
        """Another image of the same repository."""
        return replace(self, tag=tag, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """The image that a user named, with or without `oci://`.

    As for docker, a name without a host is one of Docker Hub, and one without tag and digest means `latest`. Raises
    MeshError (LAT0630).
    """
    name, _, digest = text.removeprefix(SCHEME).partition("@")
    if digest and not is_digest(digest):
        if "/" in digest:
            raise _broken("HOST/...", "a login is read from the Docker configuration, never from the name")
        raise _broken(text, "a digest is sha256: and 64 hexadecimal digits")
    host, slash, rest = name.partition("/")
    if not slash or not (host == "localhost" or set(host) & {".", ":", "["}):
        host, rest = DOCKER_HUB, name if slash else f"library/{name}"
    if host in ("docker.io", "registry-1.docker.io"):
        host = DOCKER_HUB
    repository, colon, tag = rest.partition(":")
    if host == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    problem = _problem(host, repository, tag if colon else None)
    if problem:
        raise _broken(text, problem)
    return Reference(host.lower(), repository, tag or ("" if digest else "latest"), digest)


def is_digest(text: str) -> bool:
    """Whether it is a digest of the one kind that registries must know, SHA-256."""
    return _DIGEST.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether it can be a tag."""
    return _TAG.fullmatch(text) is not None


def _problem(host: str, repository: str, tag: str | None) -> str:
    if not _HOST.fullmatch(host):
        return f"{host!r} is no host"
    if not _REPOSITORY.fullmatch(repository):
        return f"{repository!r} is no repository; it has lower case letters, digits, and single . _ - / between them"
    if len(host) + len(repository) >= _MAX_LENGTH:
        return f"it has more than {_MAX_LENGTH} characters"
    if tag is not None and not is_tag(tag):
        return f"{tag!r} is no tag"
    return ""


def _broken(text: str, problem: str) -> MeshError:
    return MeshError(
        (
            BAD_REFERENCE.at(
                Origin(), reference=repr(text), problem=problem, hint="HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]"
            ),
        )
    )
