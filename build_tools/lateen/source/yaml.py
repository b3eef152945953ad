"""YAML text to documents with positions, by libyaml's composer and a constructor of our own.

Each document is parsed by itself, so that a fault in one never hides another.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from yaml import MarkedYAMLError, Node
from yaml._yaml import CParser
from yaml.events import MappingEndEvent, MappingStartEvent, SequenceEndEvent, SequenceStartEvent

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import source as codes
from lateen.source.construct import MAX_DEPTH, PLAIN, QUOTED, Constructor, TooLargeError
from lateen.source.document import Document

_MARKER = re.compile(r"^(?:%[^\n]*\n)*---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DEEP_LINE = re.compile(r"[^\n]{4000}")
_DEEP_BRACKETS = 2000
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HINTS = {
    "mapping values are not allowed": "quote a value that contains `: `, or check the indentation",
    "cannot start any token": "quote a value that starts with a special character",
    "could not find expected ':'": "a key needs `: ` and a value; check the indentation",
    "undefined alias": "quote a value that starts with `*`",
    "scanning an anchor": "quote a value that starts with `&`",
    "scanning an alias": "quote a value that starts with `*`",
    "quoted scalar": "close the quote",
    "flow node": "brackets do not match: close `[` by `]` and `{` by `}`",
    "block node": "a value is missing or starts with a character that must be quoted",
    "flow sequence": "a list in brackets needs `,` between its items and `]` at its end",
    "flow mapping": "a mapping in braces needs `,` between its keys and `}` at its end",
    "block mapping": "keys of one mapping start in one column; check the indentation",
    "block collection": "items of one list start in one column; check the indentation",
}


class _Composer(CParser):
    """libyaml's composer with a resolver that only tells plain scalars from quoted ones."""

    def resolve(self, _kind: type[Node], _value: str | None, implicit: Any) -> str:
        return PLAIN if implicit is True or (implicit is not False and implicit[0]) else QUOTED

    def check_resolver_prefix(self, *_: object) -> None:
        """Resolvers by path are not used."""

    def descend_resolver(self, *_: object) -> None:
        """Resolvers by path are not used."""

    def ascend_resolver(self, *_: object) -> None:
        """Resolvers by path are not used."""


def parse(
    text: str, file: str, line: int = 1, column: int = 1, *, ignoring: bool = False
) -> tuple[list[Document], list[Diagnostic]]:
    """All documents of `text` but the empty ones, and a finding for each fault.

    `line` and `column` are the place of the first character in `file`, for text that is embedded in a document.
    `ignoring` leaves out entries whose key has Envoy's tag `!ignore`.
    A document that cannot be parsed is left out; one that is merely wrong (a key twice) is kept.
    """
    documents: list[Document] = []
    found: list[Diagnostic] = []
    for part in _split(text):
        constructor = Constructor(part, file, line, column, ignoring=ignoring)
        found += [_forbidden(match, constructor) for match in _UNPRINTABLE.finditer(part)]
        try:
            for document in _compose(_UNPRINTABLE.sub("\ufffd", part), constructor, line):
                documents.append(document)
        except (MarkedYAMLError, TooLargeError) as error:
            found.append(_explain(error, part, constructor))
        found += constructor.diagnostics
        line += part.count("\n")
    return documents, found


def _split(text: str) -> Iterator[str]:
    """The text before each `---` and after the last; directives (`%YAML 1.1`) belong to the document they precede."""
    starts = [0, *(marker.start() for marker in _MARKER.finditer(text)), len(text)]
    return (text[start:end] for start, end in itertools.pairwise(starts) if start < end)


def _compose(text: str, constructor: Constructor, line: int) -> Iterator[Document]:
    """The documents up to the first that is broken. Raises MarkedYAMLError and TooLargeError."""
    _refuse_deep_nesting(text)
    composer = _Composer(text)
    while composer.check_node():
        root = composer.get_node()
        data = None if root is None else constructor.document(root)
        if root is not None and data is not None:
            yield Document(data, constructor.file, root.start_mark.line + line)


def _refuse_deep_nesting(text: str) -> None:
    """libyaml's composer recurses and dies, with the process, on tens of thousands of levels.

    So many take a long line or many brackets, which is cheap to see; only then the events are counted.
    Raises TooLargeError.
    """
    if text.count("[") + text.count("{") < _DEEP_BRACKETS and not _DEEP_LINE.search(text):
        return
    parser = CParser(text)
    depth = 0
    while event := parser.get_event():
        depth += isinstance(event, (MappingStartEvent, SequenceStartEvent))
        depth -= isinstance(event, (MappingEndEvent, SequenceEndEvent))
        if depth > MAX_DEPTH and event.start_mark:
            raise TooLargeError(f"more than {MAX_DEPTH} levels of nesting", event.start_mark)


def _forbidden(match: re.Match[str], constructor: Constructor) -> Diagnostic:
    """The finding for a character that YAML forbids; libyaml would give up the document, and not say where."""
    index, before = match.start(), match.string.rfind("\n", 0, match.start())
    origin = constructor.origin(match.string.count("\n", 0, index), index - before - 1)
    problem = f"character U+{ord(match[0]):04X} is not allowed"
    return codes.BROKEN_YAML.at(origin, problem=problem, hint="remove it, or write it as an escape in double quotes")


def _explain(error: MarkedYAMLError | TooLargeError, text: str, constructor: Constructor) -> Diagnostic:
    """The finding for an error that ended a document."""
    if isinstance(error, TooLargeError):
        return codes.TOO_LARGE.at(constructor.place(error.mark), problem=error.problem)
    return _explain_syntax(error, text, constructor)


def _explain_syntax(error: MarkedYAMLError, text: str, constructor: Constructor) -> Diagnostic:
    mark, context = error.problem_mark, error.context_mark
    at = mark or context
    if at is None:
        return codes.BROKEN_YAML.at(Origin(constructor.file), problem=str(error.problem))
    problem = ", ".join(filter(None, (error.problem, error.context)))
    place = constructor.place(at)
    related: tuple[Origin, ...] = ()
    if context is not None and constructor.place(context) != place:
        related = (constructor.place(context),)
        if "quoted scalar" in problem:  # the end of the file says less than the quote that was never closed
            place, related = related[0], (place,)
    hint = next((advice for symptom, advice in _HINTS.items() if symptom in problem), "")
    if text[at.index : at.index + 1] == "\t":
        hint = "indent with spaces: YAML allows no tab here"
    return codes.BROKEN_YAML.at(place, problem=problem, related=related, hint=hint)
