"""What nobody has read of an object of Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.api.kinds import kinds
from lateen.api.nearest import suggestion
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import model as codes
from lateen.model.fields import Fields
from lateen.source.document import Path, field_path

_COMMON = ("apiVersion", "kind", "metadata", "status")


def unread(body: Fields) -> Iterator[Diagnostic]:
    """A finding for each given field that no builder has read or counts as rightly without effect."""
    for name in ("metadata", "status"):  # a cluster writes into them what it likes; their own check is the schema's
        body.section(name).settle()
    body.ignore(*_COMMON)
    for path in body.settle():
        origin = body.resource.origin(*path, key=True)
        hint = _nearest(body, path)
        yield codes.UNREAD.at(origin, hint=hint, field=field_path(path), kind=body.resource.kind)


def _nearest(body: Fields, path: Path) -> str:
    """The field that may have been meant."""
    resource = body.resource
    shape = kinds()[resource.group, resource.version, resource.kind].shape
    try:
        known = shape.at(*("[]" if isinstance(step, int) else step for step in path[:-1])).fields
    except KeyError:
        return ""
    name = str(path[-1])
    return "" if name in known else suggestion(name, known)
