"""The mesh as plain data, for people and for comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from lateen.diagnostics import Origin, Redacted
from lateen.model.mesh import Mesh


def plain(mesh: Mesh) -> dict[str, Any]:
    """Everything in the mesh as dicts, lists and scalars, the same for equal meshes; secrets are `[redacted]`.

    What `repr` leaves out is left out: a document may hold a key in clear.
    """
    found: dict[str, Any] = _plain(mesh)
    del found["diagnostics"]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Redacted | Origin):
        return str(value)
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.repr}
    if isinstance(value, Mapping):
        return {_key(key): _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, frozenset | set):
        return sorted(_plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _key(key: Any) -> str:
    """A key of several parts as one text: `(host, namespace)` is `host/namespace`."""
    return "/".join(key) if isinstance(key, tuple) else str(key)
