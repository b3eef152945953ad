"""Changes of headers on a route or on one of its weighted clusters."""

from __future__ import annotations

from lateen.model.routing import HeaderOps
from lateen.xds.snapshot import Config


def header_fields(request: HeaderOps, response: HeaderOps) -> Config:
    """`request_headers_to_add` and the like, sorted by name; sets come before adds.

    Pseudo-headers and Host cannot be changed this way and are left out; the authority is `authority()`.
    """
    fields = {
        "request_headers_to_add": _added(request),
        "request_headers_to_remove": [name for name in request.remove if not _is_internal(name)],
        "response_headers_to_add": _added(response),
        "response_headers_to_remove": [name for name in response.remove if not _is_internal(name)],
    }
    return {field: value for field, value in fields.items() if value}


def authority(request: HeaderOps) -> str:
    """The value that the operations give to `:authority` or Host; `set` beats `add`."""
    values = [value for name, value in (*request.add, *request.set) if name.lower() in (":authority", "host")]
    return values[-1] if values else ""


def _added(operations: HeaderOps) -> list[Config]:
    kinds = ((operations.set, "OVERWRITE_IF_EXISTS_OR_ADD"), (operations.add, "APPEND_IF_EXISTS_OR_ADD"))
    return [
        {"header": {"key": name, "value": value}, "append_action": action}
        for pairs, action in kinds
        for name, value in sorted(pairs)
        if not _is_internal(name)
    ]


def _is_internal(name: str) -> bool:
    return name.startswith(":") or name.lower() == "host"
