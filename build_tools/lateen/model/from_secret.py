"""Secret and ConfigMap."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import suppress

from lateen.diagnostics import Redacted
from lateen.model.context import Context
from lateen.model.fields import Fields
from lateen.model.secret import Secret

ISSUE = "lateen/issue"
"""Annotation of a Secret without data: the host for which a run's throwaway CA fills it."""


def secrets(body: Fields, _context: Context) -> Iterator[Secret]:
    """The data of one Secret, decoded; `stringData` wins over `data`, as in Kubernetes."""
    body.ignore("type", "immutable")
    found = decoded(body, "data") | plain(body, "stringData")
    yield Secret(body.ref, dict(sorted(found.items())), body.resource.annotations.get(ISSUE, ""))


def config_maps(body: Fields, _context: Context) -> Iterator[Secret]:
    """The data of one ConfigMap; `binaryData` is base64."""
    body.ignore("immutable")
    found = plain(body, "data") | decoded(body, "binaryData")
    yield Secret(body.ref, dict(sorted(found.items())))


def plain(body: Fields, name: str) -> dict[str, Redacted]:
    """A mapping of texts."""
    return {key: Redacted(value.encode()) for key, value in body.labels(name).items()}


def decoded(body: Fields, name: str) -> dict[str, Redacted]:
    """A mapping of base64; what is none has been reported by the schema and is left out."""
    found: dict[str, Redacted] = {}
    for key, value in body.labels(name).items():
        with suppress(binascii.Error):
            found[key] = Redacted(base64.b64decode(value, validate=True))
    return found
