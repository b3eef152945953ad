"""YAML text to documents with positions, by libyaml's composer and a constructor of our own.

A fault ends one document only: parsing goes on at the next `---`.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

from yaml import MarkedYAMLError, Node
from yaml._yaml import CParser
from yaml.events import MappingEndEvent, MappingStartEvent, SequenceEndEvent, SequenceStartEvent
from yaml.reader import ReaderError

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import source as codes
from lateen.source.construct import MAX_DEPTH, PLAIN, QUOTED, Constructor, TooLargeError
from lateen.source.document import Document

_MARKER = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DEEP_LINE = re.compile(r"[^\n]{4000}")
_DEEP_BRACKETS = 2000
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HINTS = {
    "mapping values are not allowed": "quote a value that contains `: `, or check the indentation",
    "cannot start any token": "quote a value that starts with a special character",
    "could not find expected ':'": "a key needs `: ` and a value; check the indentation",
}

_Fault = MarkedYAMLError | ReaderError | TooLargeError


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


def parse(text: str, file: str, line: int = 1, column: int = 1) -> tuple[list[Document], list[Diagnostic]]:
    """All documents of `text` but the empty ones, and a finding for each fault.

    `line` and `column` are the place of the first character in `file`, for text that is embedded in a document.
    A document that cannot be parsed is left out; one that is merely wrong (a key twice) is kept.
    """
    documents: list[Document] = []
    found: list[Diagnostic] = []
    while True:
        constructor = Constructor(text, file, line, column)
        try:
            _refuse_deep_nesting(text)
            composer = _Composer(text)
            while composer.check_node():
                if (root := composer.get_node()) is not None and (data := constructor.document(root)) is not None:
                    documents.append(Document(data, file, root.start_mark.line + line))
            return documents, found + constructor.diagnostics
        except (MarkedYAMLError, ReaderError, TooLargeError) as error:
            finding, stopped = _explain(error, text, constructor)
        found += constructor.diagnostics
        if finding.origin not in {known.origin for known in found}:
            found.append(finding)
        rest = _MARKER.search(text, max(1, _line_start(text, stopped)))
        if rest is None:
            return documents, found
        line += text.count("\n", 0, rest.start())
        text = text[rest.start() :]


def _refuse_deep_nesting(text: str) -> None:
    """libyaml's composer recurses and dies, with the process, on tens of thousands of levels.

    So many take a long line or many brackets, which is cheap to see; only then the events are counted.
    Raises TooLargeError.
    """
    starts = [0, *(marker.start() for marker in _MARKER.finditer(text)), len(text)]
    brackets = max(text.count("[", *span) + text.count("{", *span) for span in itertools.pairwise(starts))
    if brackets < _DEEP_BRACKETS and not _DEEP_LINE.search(text):
        return
    parser = CParser(text)
    depth = 0
    while event := parser.get_event():
        depth += isinstance(event, (MappingStartEvent, SequenceStartEvent))
        depth -= isinstance(event, (MappingEndEvent, SequenceEndEvent))
        if depth > MAX_DEPTH and event.start_mark:
            raise TooLargeError(f"more than {MAX_DEPTH} levels of nesting", event.start_mark)


def _line_start(text: str, line: int) -> int:
    """The index of the first character of a line, counted from 0."""
    index = 0
    for _ in range(line):
        index = text.find("\n", index) + 1
    return index


def _explain(error: _Fault, text: str, constructor: Constructor) -> tuple[Diagnostic, int]:
    """The finding for an error that ended a document, and the line (from 0) where the parser stood."""
    if isinstance(error, TooLargeError):
        return codes.TOO_LARGE.at(constructor.place(error.mark), problem=error.problem), error.mark.line
    if isinstance(error, ReaderError):
        return _explain_character(text, constructor)
    return _explain_syntax(error, text, constructor)


def _explain_character(text: str, constructor: Constructor) -> tuple[Diagnostic, int]:
    match = _UNPRINTABLE.search(text)
    index = match.start() if match else 0
    row = text.count("\n", 0, index)
    start = constructor.origin(row, index - text.rfind("\n", 0, index) - 1)
    problem = f"character U+{ord(text[index]):04X} is not allowed"
    return codes.BROKEN_YAML.at(
        start, problem=problem, hint="remove it, or write it as an escape in double quotes"
    ), row


def _explain_syntax(error: MarkedYAMLError, text: str, constructor: Constructor) -> tuple[Diagnostic, int]:
    mark, context = error.problem_mark, error.context_mark
    at = mark or context
    if at is None:
        return codes.BROKEN_YAML.at(Origin(constructor.file), problem=str(error.problem)), 0
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
    return codes.BROKEN_YAML.at(place, problem=problem, related=related, hint=hint), at.line
