"""Patched configuration as text, as a difference, and as files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from lateen.deliver.bundles.bundle import File, Role, json_bytes
from lateen.deliver.bundles.write import place
from lateen.deliver.existing.configuration import BOOTSTRAP, Configuration
from lateen.deliver.existing.sites import CLUSTER
from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.existing import COMMENTS
from lateen.emit import to_yaml
from lateen.filterkit.catalog import Filter

MODULES = "modules"
"""The folder of module files beside what is written."""

_KEY_MATERIAL = re.compile(r"[A-Za-z0-9+/=_-]{40,}")


def changed(before: Configuration, after: Configuration) -> bool:
    """Whether the patch has anything to do in a file."""
    return before.config != after.config


def text(before: Configuration, after: Configuration) -> str:
    """The file as it is to be; one that does not change stays as it is, with its comments and layout."""
    return _canonical(after) if changed(before, after) else before.text


def difference(before: Configuration, after: Configuration) -> str:
    """What changes, as a unified diff of the values: layout and comments play no part. Empty if nothing does.

    Of what stays, nothing is shown that could be key material.
    """
    old, new = (_canonical(each).splitlines(keepends=True) for each in (before, after))
    name = str(before.path)
    return "".join(
        _KEY_MATERIAL.sub("[redacted]", line) if line.startswith(" ") else line
        for line in difflib.unified_diff(old, new, name, name)
    )


def lost_comments(before: Configuration, after: Configuration) -> list[Diagnostic]:
    """A finding if the file changes and has comments: the first of them."""
    where = _comment(before) if changed(before, after) and not before.is_json else None
    if where is None:
        return []
    line, column = before.text.count("\n", 0, where) + 1, where - before.text.rfind("\n", 0, where)
    return [COMMENTS.at(Origin(str(before.path), line, column), hint=COMMENTS.fix)]


def _comment(file: Configuration) -> int | None:
    """Where the first comment begins: a `#` that is part of no token; or in the head of a block scalar."""
    end = 0
    for token in yaml.scan(file.text, yaml.CSafeLoader):
        start = token.start_mark.index
        between = file.text.find("#", end, start)
        if between >= 0:
            return between
        end = max(end, token.end_mark.index)
        if file.text[start : start + 1] in ("|", ">") and "#" in file.text[start:end].partition("\n")[0]:
            return file.text.index("#", start)
    return None


def write(
    before: Sequence[Configuration], after: Sequence[Configuration], modules: Sequence[Filter], out: Path
) -> list[Diagnostic]:
    """Write the files and the modules that they load, all or none.

    `out` is a file for a single one, else a folder. Modes stay as they were. Raises OSError.
    """
    alone = len(after) == 1 and not out.is_dir()
    folder = out.parent if alone else out
    files = [
        File(
            out.name if alone else new.path.name,
            text(old, new).encode(),
            new.path.stat().st_mode & 0o777,
            _role(new),
        )
        for old, new in zip(before, after, strict=True)
    ]
    files += (File(f"{MODULES}/{suite.module_name}", suite.module()) for suite in modules)
    return place(files, folder)


def _role(file: Configuration) -> Role:
    """When it takes its place: Envoy may be reading."""
    if file.message == BOOTSTRAP:
        return Role.BOOTSTRAP
    types = {str(each.get("@type", "")).rpartition("/")[2] for each in file.config["resources"]}
    return Role.CLUSTERS if CLUSTER in types else Role.AFTER


def _canonical(file: Configuration) -> str:
    return json_bytes(file.config).decode() if file.is_json else to_yaml(file.config)
