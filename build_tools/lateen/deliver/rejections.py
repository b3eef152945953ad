"""Which resource a rejection (NACK) is about, and the part of Envoy's text that says why.

Envoy names resources only for listeners and clusters: `Error adding/updating cluster(s) A: why`, each further one
on a line of its own. For other types, and for what it finds before it looks at single resources, the text has no name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from lateen.deliver.protocol import WILDCARD
from lateen.schema import Schema

_CUT = "...(truncated)"
_CONSTRAINT = re.compile(r"Proto constraint validation failed \((.*?)\)(?=: |\s*$)", re.DOTALL)


def reasons(type_url: str, names: Collection[str], text: str) -> dict[str, str]:
    """Each rejected resource of a response with the reason; empty if the text does not tell which they are."""
    if len(names) == 1:
        (name,) = names
        return {name: shorten(_named(names, text).get(name, text))}
    if type_url not in WILDCARD:
        return {}
    return {name: shorten(why) for name, why in _named(names, text).items()}


def shorten(text: str) -> str:
    """On one line, without the dump of the whole message that Envoy adds when a field breaks a rule."""
    found = _CONSTRAINT.search(text)
    return " ".join((found.group(0) if found else text).split())


def explained(text: str, type_url: str, config: Any, schema: Schema) -> str:
    """A reason, or where Envoy has cut it off behind its dump of a long message, what the exact schema says of that."""
    if not text.endswith(_CUT) or config is None:
        return text
    violations = schema.validate(type_url, config)
    return str(violations[0]) if violations else "Envoy's reason is cut off here; the log of this Envoy has it"


def _named(names: Collection[str], text: str) -> dict[str, str]:
    """The text after each name that begins a line or the list."""
    any_name = "|".join(re.escape(name) for name in names)
    marks = list(re.finditer(rf"(?:^|\n|\(s\) )({any_name}): ", text))
    starts = [mark.start() for mark in marks] + [len(text)]
    return {mark.group(1): text[mark.end() : end] for mark, end in zip(marks, starts[1:], strict=True)}
