"""Which resource Envoy objects to: its messages seldom name one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lateen.verification.references import Key
from lateen.xds.snapshot import Snapshot

_ORDER = ("secrets", "endpoints", "clusters", "listeners", "extensions", "routes")
"""What is asked about first. A static bootstrap holds without the later ones: routes are then empty, extensions stay
references."""


def blame(snapshot: Snapshot, ask: Callable[[Snapshot], str], reason: str) -> tuple[Key, str]:
    """The first resource, in the order above, with which Envoy refuses the snapshot, and what it says then.

    `ask` gives Envoy's reason or nothing; `reason` is the one for the whole snapshot. The search halves the resources,
    so a hundred of them take seven more runs. `("bootstrap", "")` if even none of them is accepted.
    """
    keys = [(attribute, name) for attribute in _ORDER for name in getattr(snapshot, attribute)]
    accepted, refused = -1, len(keys)
    while refused - accepted > 1:
        middle = (accepted + refused) // 2
        if answer := ask(_only(snapshot, keys[:middle])):
            refused, reason = middle, answer
        else:
            accepted = middle
    return (keys[refused - 1] if refused else ("bootstrap", "")), reason


def _only(snapshot: Snapshot, keys: Sequence[Key]) -> Snapshot:
    kept: dict[str, Any] = {attribute: {} for attribute in _ORDER}
    for attribute, name in keys:
        kept[attribute][name] = getattr(snapshot, attribute)[name]
    return replace(snapshot, **kept)
