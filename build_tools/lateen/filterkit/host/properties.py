"""Properties: Envoy's attributes by path, in the encodings in which Envoy hands them to modules."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lateen.filterkit.host.abi import Refused, Status
from lateen.filterkit.host.pairs import serialize
from lateen.filterkit.host.stream import State

if TYPE_CHECKING:
    from lateen.filterkit.host.fields import Fields
    from lateen.filterkit.host.vm import Vm
    from lateen.filterkit.host.wasm_filter import WasmStream

PREFIX = "wasm."
"""Filter state of modules has it in front; modules leave it out."""

DIRECTIONS = {"inbound": 1, "outbound": 2}


def get_property(vm: Vm, path: bytes) -> bytes:
    """The value at a path whose parts are separated by zero bytes. Raises Refused."""
    parts = path.decode(errors="surrogateescape").removesuffix("\0").split("\0")
    stream = vm.context.stream
    preset = {} if stream is None else stream.info.properties
    dotted = ".".join(parts)
    if dotted in preset:
        if preset[dotted] is None:
            raise Refused(Status.NOT_FOUND)
        return encode(preset[dotted])
    value: Any = _attributes(vm, stream)
    if stream is not None and parts[0] not in value and PREFIX + parts[0] in stream.info.filter_state:
        value = {parts[0]: stream.info.filter_state[PREFIX + parts[0]].value}
    for part in parts:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise Refused(Status.NOT_FOUND)
        if callable(value):
            value = value()
    if value is None:
        raise Refused(Status.NOT_FOUND)
    return encode(value)


def set_property(vm: Vm, path: bytes, value: bytes) -> None:
    """Set filter state of the stream. Raises Refused: there is none, or it is declared read-only and set already."""
    stream = vm.context.stream
    if stream is None:
        raise Refused(Status.NOT_FOUND)
    key = PREFIX + path.decode(errors="surrogateescape")
    state = stream.info.filter_state.get(key)
    if state is None:
        kind, readonly = vm.declared.get(path, ("bytes", False))
        stream.info.filter_state[key] = State(value, kind, readonly)
    elif state.readonly:
        raise Refused(Status.BAD_ARGUMENT)
    else:
        state.value = value


def encode(value: Any) -> bytes:  # noqa: PLR0911 - one for each type
    """As CEL values become bytes: numbers in 8 bytes, text as it is, maps and lists as pairs. Raises Refused."""
    if isinstance(value, bool):
        return bytes((value,))
    if isinstance(value, int):
        return struct.pack("<Q" if value >= 2**63 else "<q", value)
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    if isinstance(value, bytes):
        return value
    if isinstance(value, Mapping):
        return serialize((encode(key), encode(item() if callable(item) else item)) for key, item in value.items())
    if isinstance(value, list):
        return serialize((encode(item), b"") for item in value)
    raise Refused(Status.SERIALIZATION_FAILURE)


def _attributes(vm: Vm, stream: WasmStream | None) -> dict[str, Any]:
    plugin = vm.plugin
    found: dict[str, Any] = {"plugin_root_id": plugin.root_id, "plugin_vm_id": plugin.vm_id, "plugin_name": plugin.name}
    if stream is None:
        return found | {"xds": {"node": _NODE}}
    info = stream.info
    return found | {
        "connection_id": 1,
        "request": _request(stream),
        "response": _response(stream),
        "connection": {"id": 1, "mtls": False, "requested_server_name": "", "tls_version": None},
        "source": {"address": info.source, "port": _port(info.source)},
        "destination": {"address": info.destination, "port": _port(info.destination)},
        "upstream": {} if info.upstream is None else {"address": info.upstream, "port": _port(info.upstream)},
        "metadata": {"filter_metadata": info.metadata},
        "filter_state": {key: state.value for key, state in info.filter_state.items()},
        "xds": {
            "node": _NODE,
            "cluster_name": "upstream",
            "route_name": "",
            "virtual_host_name": "upstream",
            "listener_direction": DIRECTIONS[info.direction],
        },
    }


_NODE = {"id": "scenario", "cluster": "scenario", "metadata": {}}


def _request(stream: WasmStream) -> dict[str, Any]:
    info, fields = stream.info, stream.stream.request.fields
    if fields is None:
        return {}
    path = _text(fields, b":path") or ""
    plain, _, query = path.partition("?")
    headers = {name.decode(errors="surrogateescape"): b",".join(fields.all(name)) for name, _ in fields}
    found: dict[str, Any] = {
        "path": path,
        "url_path": plain,
        "query": query.partition("#")[0],
        "host": _text(fields, b":authority"),
        "scheme": _text(fields, b":scheme"),
        "method": _text(fields, b":method"),
        "referer": _text(fields, b"referer"),
        "useragent": _text(fields, b"user-agent"),
        "id": _text(fields, b"x-request-id"),
        "headers": headers,
        "protocol": "HTTP/1.1",
        "time": info.started,
        "size": _length(fields, info.request_bytes),
        "total_size": info.request_bytes + fields.size,
    }
    if stream.logging:
        found["duration"] = stream.vm.world.now - info.started
    return found


def _response(stream: WasmStream) -> dict[str, Any]:
    info, fields = stream.info, stream.stream.response.fields or stream.stream.at_client.headers
    found: dict[str, Any] = {"flags": 0, "code_details": info.details or None}
    if info.code is not None:
        found["code"] = info.code
    if fields is not None:
        found["headers"] = {name.decode(errors="surrogateescape"): b",".join(fields.all(name)) for name, _ in fields}
        found["size"] = info.response_bytes
        found["total_size"] = info.response_bytes + fields.size
        status = fields.get(b"grpc-status")
        if status is not None and status.isdigit():
            found["grpc_status"] = int(status)
    return found


def _text(fields: Fields, name: bytes) -> str | None:
    value = fields.get(name)
    return None if value is None else value.decode(errors="surrogateescape")


def _length(fields: Fields, otherwise: int) -> int:
    given = fields.get(b"content-length") or b""
    return int(given) if given.isdigit() else otherwise


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
