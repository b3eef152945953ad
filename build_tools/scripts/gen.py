"""Regenerates every generated file, or (`--check`) says which of them is stale.

Each generator is a script beside this one whose `generate` gives what it would write: bytes by path. Pages in a folder
that a generator owns and no longer gives are stale, too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import gen_api
import gen_commands
import gen_diagnostics_docs
import gen_modules
import gen_types

OWNED = (gen_commands.FOLDER, gen_diagnostics_docs.FOLDER)


def wanted(crds: Path) -> dict[Path, bytes]:
    """Everything that is generated; the input schema only where the CRDs are at hand."""
    files: dict[Path, bytes] = {}
    if crds.is_dir():
        files |= gen_api.generate(crds)
    else:
        print(f"gen: {crds} is not here, so the input schema is taken as it is", file=sys.stderr)
    for generator in (gen_types, gen_modules, gen_diagnostics_docs, gen_commands):
        files |= generator.generate()
    return files


def differences(files: dict[Path, bytes], owned: Iterable[Path] = OWNED) -> tuple[list[Path], list[Path]]:
    """The files that are not as they should be, and the pages that no generator gives any more."""
    stale = [path for path, content in files.items() if not path.exists() or path.read_bytes() != content]
    return stale, [path for folder in owned for path in folder.glob("*.md") if path not in files]


def main() -> int:
    """Write what is stale, or with `--check` name it and exit 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--crds", type=Path, required=True, help="the folder of the published CRDs")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    args = parser.parse_args()
    files = wanted(args.crds)
    stale, gone = differences(files)
    if args.check:
        for path in [*stale, *gone]:
            print(f"stale: {path} (make gen)", file=sys.stderr)
        return int(bool(stale or gone))
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[path])
    for path in gone:
        path.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
