"""Regular expressions, compiled by the engine that Envoy has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import re2

from lateen.diagnostics.codes.verify import BAD_REGEX
from lateen.schema.walk import Node
from lateen.verification.problem import Problem

_MATCHERS = ("envoy.type.matcher.v3.RegexMatcher", "xds.type.matcher.v3.RegexMatcher")


def check(nodes: Sequence[Node]) -> Iterator[Problem]:
    """A problem for each expression that does not compile, in the words that Envoy uses as well."""
    for node in nodes:
        if node.type in _MATCHERS and isinstance(expression := node.value.get("regex"), str):
            problem = _problem(expression)
            if problem:
                yield Problem(BAD_REGEX, f"{node.path}.regex".removeprefix("."), {"problem": problem})


@lru_cache(maxsize=4096)
def _problem(expression: str) -> str:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(expression, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "cannot be compiled"
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return ""
