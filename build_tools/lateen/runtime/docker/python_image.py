"""Images of Python applications: the interpreter that runs lateen, installed distributions, and a folder."""

from __future__ import annotations

import json
import os
import platform
import re
import ssl
import sys
import sysconfig
from pathlib import Path

from lateen.runtime.docker.libraries import libraries
from lateen.runtime.docker.recipe import Recipe, add_libraries, building, system, trust
from lateen.runtime.docker.rootfs import Rootfs

WORKING_DIRECTORY = "/srv"
"""Where containers start. The application is a folder in it, so that `python3 app/shop.py` means what it means when
the process runtime starts it in the mesh's folder."""

REQUIREMENTS = "requirements.txt"

_VENV = "/opt/venv"
_SHELL = Path("/bin/sh")
_CACHE = "__pycache__"  # holds times of this machine
_LEFT_OUT = frozenset(
    (_CACHE, "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip")
)
_LEFT_OUT_PREFIXES = ("config-", "_tkinter.")  # for linking against the interpreter; needs a desktop's libraries
_COMPILE = (
    "import compileall, py_compile, sys\n"
    "for folder in sys.argv[1:]:\n"
    "    compileall.compile_dir(folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)"
)
"""Compiles what can be compiled: containers would do it at each start, as their user may not write beside sources."""


def python_recipe() -> Recipe:
    """An image of the interpreter that runs lateen, at its own path, with its standard library and a shell.

    Raises MeshError (LAT0735) if a file of it cannot be read.
    """
    with building("python"):
        program = Path(os.path.realpath(sys._base_executable))  # type: ignore[attr-defined]
        library = Rootfs()
        for folder in _standard_library():
            library.add_tree(folder, skip=_left_out)
        rootfs = system(program, _SHELL, *library.extensions())
        rootfs.add_all(library)
        for file in (program, _SHELL):
            rootfs.add_file(file)
        home = f"home = {program.parent}\ninclude-system-site-packages = false\n"
        rootfs.add_bytes(f"{_VENV}/pyvenv.cfg", home.encode())
        for name in ("python", "python3"):
            rootfs.add_link(f"{_VENV}/bin/{name}", str(program))
        trust(rootfs, ssl.get_default_verify_paths().openssl_cafile)
        instructions = (
            f"ENV PATH={_VENV}/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1",
            f"WORKDIR {WORKING_DIRECTORY}",
            'CMD ["python3"]',
        )
        return Recipe("python", platform.python_version(), rootfs, instructions)


def application_recipe(folder: Path, base: str) -> Recipe:
    """An image of the application in `folder`, on the image `base` of `python_recipe`; it runs as uid 1000.

    It has the distributions that `folder/requirements.txt` names, as they are installed beside lateen.
    Raises MeshError (LAT0735) if one is not, or a file cannot be read.
    """
    folder = folder.resolve()
    with building("app"):
        rootfs = Rootfs()
        rootfs.add_folder("/installed")
        rootfs.add_tree(folder, f"/folder/{folder.name}", skip=lambda file: file.name == _CACHE or file.name[0] == ".")
        if (requirements := folder / REQUIREMENTS).exists():
            from lateen.runtime.docker.distributions import install  # noqa: PLC0415 - needs the extra's packages

            installed = install(requirements, _VENV)
            found, own = libraries(*installed.extensions()), installed.sources()
            add_libraries(installed, (library for library in found if library not in own))
            rootfs.add_all(installed, "/installed")
        instructions = (
            "USER 0:0",
            _compile(*map(str, _standard_library())),  # first, so that the engine has it from the last application
            "COPY installed /",
            _compile(f"{_VENV}/lib"),
            f"COPY folder {WORKING_DIRECTORY}",
            "USER 1000:1000",
        )
        return Recipe("app", _version(folder), rootfs, instructions, base)


def _standard_library() -> tuple[Path, ...]:
    """The folders of the interpreter's own modules, a virtual environment's aside."""
    bases = {"base": sys.base_prefix, "installed_base": sys.base_prefix}
    bases |= {"platbase": sys.base_exec_prefix, "installed_platbase": sys.base_exec_prefix}
    names = {sysconfig.get_path(name, vars=bases) for name in ("stdlib", "platstdlib")}
    return tuple(Path(name) for name in sorted(names) if Path(name).is_dir())


def _compile(*folders: str) -> str:
    return f"RUN {json.dumps(['python3', '-c', _COMPILE, *folders])}"


def _left_out(file: Path) -> bool:
    """What no server needs of the standard library."""
    return file.name in _LEFT_OUT or file.name.startswith(_LEFT_OUT_PREFIXES)


def _version(folder: Path) -> str:
    """What tells a person whose application it is, in the letters that a tag may have: `storefront-app`."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", "-".join(folder.parts[-2:])).strip("-.")[:64] or "app"
