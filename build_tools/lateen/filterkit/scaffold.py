"""`filters new`: the folder of a filter that builds, passes its tests and runs in Envoy at once."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes import workbench as codes
from lateen.filterkit.catalog import SDK_FOLDERS

KINDS = ("wasm", "lua")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_WORDS = """
    sdk test core std alloc proc_macro serde serde_json
    abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl
    in let loop macro match mod move mut override priv pub ref return self static struct super trait true try type
    typeof unsafe unsized use virtual where while yield
"""
_TAKEN = frozenset(_WORDS.split())
"""What a crate beside the SDK cannot be named."""

_TESTS_NEED = re.compile(r"^\[dev-dependencies\]\n(?:[^\[\n].*\n|\n)*", re.MULTILINE)

_DOT_FILES = {"gitignore": ".gitignore"}
"""Files that would mean something where the templates lie."""


def scaffold(name: str, kind: str) -> dict[Path, bytes]:
    """The files of a new filter by their path within its folder.

    A Wasm filter is a Cargo workspace of its own with a copy of the SDK: it builds wherever it is put, and an update of
    lateen changes no byte of its module. Raises MeshError (LAT0620) if no filter can have that name.
    """
    if not _NAME.fullmatch(name) or name in _TAKEN:
        hint = "it means something in Rust" if name in _TAKEN else "a-z, then a-z, 0-9 and _, at most 63 in all"
        raise MeshError((codes.BAD_NAME.at(Origin(), name=name, hint=hint),))
    template = resources.files("lateen.filterkit").joinpath("templates", kind)
    files = {path: text.replace("{{name}}", name) for path, text in _texts(template, Path())}
    if (lock := Path("Cargo.lock")) in files:
        files[lock] = _sorted_lock(files[lock])
    written = {path: text.encode() for path, text in files.items()}
    return dict(sorted((written | (_sdk() if kind == "wasm" else {})).items()))


def write(folder: Path, content: dict[Path, bytes]) -> None:
    """Put the files into `folder`, which appears whole or not at all.

    Raises MeshError (LAT0621) if there is something of that name that is not an empty folder, OSError if nothing can be
    written there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as work:
        made = Path(work, folder.name)
        for path, data in content.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_bytes(data)
        if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
            raise MeshError((codes.FOLDER_TAKEN.at(Origin(str(folder))),))
        made.rename(folder)


def _texts(folder: Traversable, place: Path) -> Iterator[tuple[Path, str]]:
    for entry in folder.iterdir():
        name = _DOT_FILES.get(entry.name, entry.name)
        if entry.is_dir():
            yield from _texts(entry, place / name)
        else:
            yield place / name, entry.read_text(encoding="utf-8")


def _sdk() -> dict[Path, bytes]:
    """The SDK's crate without its tests, and without the dependencies that only they have."""
    root = next(folder for folder in SDK_FOLDERS if folder.is_dir())
    sources = {Path("sdk", path.relative_to(root)): path.read_bytes() for path in (root / "src").rglob("*.rs")}
    manifest = _TESTS_NEED.sub("", (root / "Cargo.toml").read_text())
    return sources | {Path("sdk", "Cargo.toml"): manifest.encode()}


def _sorted_lock(text: str) -> str:
    """Cargo's order of packages is that of their names, the new one's too; any other order is a changed lock to it."""
    head, *packages = text.rstrip("\n").split("\n\n")
    return "\n\n".join((head, *sorted(packages, key=lambda package: package.splitlines()[1]))) + "\n"
