"""What the rules on one resource give: values without an origin, which is known only per proxy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lateen.diagnostics.code import Code


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault at `path` of a resource. `args` are the fields of the code's message but resource and path."""

    code: Code
    path: str
    args: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """A name at `path` that must be found among the resources of `attribute`; `code` says so if it is not."""

    code: Code
    attribute: str
    name: str
    path: str
