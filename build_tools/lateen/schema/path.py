"""Ways to values inside a configuration, and how they are written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

At = tuple[Any, str | int] | None
"""The way to a value: its parent's way and the last step. A path is only spelled out when something is wrong."""

_STEP = re.compile(r"""\[(?:\d+|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]|\.?[^.\[]+""")


def path_of(at: At) -> str:
    """The path as text: `clusters[0].metadata.filter_metadata['envoy.lb']`."""
    steps: list[str | int] = []
    while at is not None:
        at, step = at
        steps.append(step)
    text = ""
    for step in reversed(steps):
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text and not step.startswith("[") else step
    return text


def key_step(key: object) -> str:
    """The step to the value of a map's key; quoted if the bare key would read as something else."""
    return key if isinstance(key, str) and key and not set(key) & set(".[") else f"[{key!r}]"


def steps_of(at: At | str) -> tuple[str | int, ...]:
    """The steps of a way or of a path, keys of maps as they are in the map."""
    if isinstance(at, str):
        return tuple(_step(step) for step in _STEP.findall(at))
    if at is None:
        return ()
    outer, step = at
    return (*steps_of(outer), _step(step) if isinstance(step, str) else step)


def _step(text: str) -> str | int:
    if text.startswith("["):
        step: str | int = ast.literal_eval(text[1:-1])
        return step
    return text.removeprefix(".")


def ancestors(path: str) -> Iterator[str]:
    """The path itself, then each shorter one, at last the empty path."""
    steps = _STEP.findall(path)
    for length in range(len(steps), -1, -1):
        yield "".join(steps[:length]).removeprefix(".")
