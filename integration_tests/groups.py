"""Which tests run one after the other, on one worker of xdist, when two share the machine."""

from __future__ import annotations

import re
from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling

ENGINE = "engine"
"""Tests that use a container engine, or start one: two engines that start at once want the same addresses."""

_FILES = {
    "test_bad_containers",
    "test_compose",
    "test_containers",
    "test_engine",
    "test_filter_images",
    "test_images",
    "test_wheel",
}
_COMMANDS = re.compile(r"\[lateen image|--runtime docker")


def group(nodeid: str) -> str:
    """ENGINE, or the file of a test: what its tests share is made once. Those in a folder share fixed addresses."""
    path, _, name = nodeid.partition("::")
    file = PurePath(path)
    if file.stem in _FILES or "[docker" in name or _COMMANDS.search(name):
        return ENGINE
    return str(file if file.parent.name == "integration_tests" else file.parent)


class Groups(LoadScopeScheduling):
    """Gives a worker one group after the other, those with the most tests first."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
