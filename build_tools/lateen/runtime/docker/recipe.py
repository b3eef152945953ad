"""What an image is made from, and the name that this gives it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes import engine as codes
from lateen.runtime.docker.libraries import libraries, name_services
from lateen.runtime.docker.rootfs import FileChangedError, Rootfs

_DIGITS = 12
_AUTHORITIES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Alpine, Arch
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora
    Path("/var/lib/ca-certificates/ca-bundle.pem"),  # openSUSE
)
"""Where distributions keep the certificate authorities that they trust."""

_NOWHERE = Origin()
_NAME_SERVICE_SWITCH = b"hosts: files dns\n"
_ACCOUNTS = b"""\
root:x:0:0:root:/root:/sbin/nologin
app:x:1000:1000:app:/tmp:/sbin/nologin
istio-proxy:x:1337:1337:istio-proxy:/tmp:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
"""
_GROUPS = b"root:x:0:\napp:x:1000:\nistio-proxy:x:1337:\nnogroup:x:65534:\n"


@dataclass(frozen=True)
class Recipe:
    """An image: files, and how its containers run.

    `kind` is what it is for (`envoy`), `version` what a person knows it by. `instructions` are lines of a Dockerfile
    after FROM. Without a `base` the files are the whole of it; with one, instructions copy them onto that image.
    """

    kind: str
    version: str
    rootfs: Rootfs
    instructions: tuple[str, ...] = ()
    base: str = ""

    @cached_property
    def name(self) -> str:
        """`lateen-KIND:VERSION-DIGEST`: equal recipes have equal names. Raises OSError if a file cannot be read."""
        whole = "\n".join((self.base, *self.instructions, self.rootfs.digest))
        return f"lateen-{self.kind}:{self.version}-{hashlib.sha256(whole.encode()).hexdigest()[:_DIGITS]}"


@contextmanager
def building(kind: str) -> Iterator[None]:
    """A block that reads files for an image. Raises MeshError (LAT0735) if one is missing, unreadable or changing."""
    try:
        yield
    except FileChangedError as error:
        raise not_built(kind, str(error)) from error
    except OSError as error:
        raise not_built(kind, f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error


def not_built(kind: str, reason: str, origin: Origin = _NOWHERE) -> MeshError:
    """The error that says why an image cannot be built, and which line of a file asks for what is not there."""
    return MeshError((codes.IMAGE_NOT_BUILT.at(origin, image=f"lateen-{kind}", reason=reason),))


def system(*binaries: Path) -> Rootfs:
    """All that C programs expect of a system: the libraries that `binaries` need, names, users, /tmp."""
    rootfs = Rootfs()
    found = libraries(*binaries)
    add_libraries(rootfs, (*found, *name_services(found)))
    rootfs.add_bytes("/etc/nsswitch.conf", _NAME_SERVICE_SWITCH)
    rootfs.add_bytes("/etc/passwd", _ACCOUNTS)
    rootfs.add_bytes("/etc/group", _GROUPS)
    rootfs.add_folder("/tmp", 0o1777)  # noqa: S108 - a path in the image
    return rootfs


def add_libraries(rootfs: Rootfs, found: Iterable[Path]) -> None:
    """Libraries at their own paths. Those that this machine's loader finds by its cache get a link where the image's,
    which has no cache, looks: beside the C library."""
    found = tuple(found)
    folder = next((library.parent for library in found if library.name.startswith("libc.so")), None)
    for library in found:
        rootfs.add_file(library)
        if folder is not None and library.parent != folder and not library.name.startswith("ld-"):
            rootfs.add_link(f"{folder}/{library.name}", str(library))


def trust(rootfs: Rootfs, *places: str) -> None:
    """Add the certificate authorities that this machine trusts, if it has any: where Envoy looks, and at `places`."""
    for bundle in _AUTHORITIES:
        if bundle.exists():
            for place in {str(_AUTHORITIES[0]), *places}:
                rootfs.add_file(bundle, place)
            return


def entry_point(*argv: str) -> str:
    """The instruction that gives containers their program."""
    return f"ENTRYPOINT {json.dumps(argv)}"
