"""Secret and ConfigMap."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from lateen.diagnostics import Redacted
from lateen.diagnostics.codes import model as codes
from lateen.model.context import Context
from lateen.model.fields import Fields
from lateen.model.secret import Secret

ISSUE = "lateen/issue"
"""Annotation of a Secret without data: the host for which a run's throwaway CA fills it."""


def secrets(body: Fields, _context: Context) -> Iterator[Secret]:
    """The data of one Secret, decoded; `stringData` wins over `data`, as in Kubernetes."""
    found: dict[str, Redacted] = {}
    for key, value in sorted(body.labels("data").items()):
        try:
            found[key] = Redacted(base64.b64decode(value, validate=True))
        except binascii.Error:
            body.report(codes.INVALID_ENCODING, "data", key, field=f"data.{key}")
    for key, value in sorted(body.labels("stringData").items()):
        found[key] = Redacted(value.encode())
    yield Secret(body.ref, found, body.resource.annotations.get(ISSUE, ""))


def config_maps(body: Fields, _context: Context) -> Iterator[Secret]:
    """The data of one ConfigMap; `binaryData` is base64."""
    found = {key: Redacted(value.encode()) for key, value in sorted(body.labels("data").items())}
    for key, value in sorted(body.labels("binaryData").items()):
        try:
            found[key] = Redacted(base64.b64decode(value, validate=True))
        except binascii.Error:
            body.report(codes.INVALID_ENCODING, "binaryData", key, field=f"binaryData.{key}")
    yield Secret(body.ref, found)
