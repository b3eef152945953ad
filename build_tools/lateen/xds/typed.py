"""A snapshot as messages of envoy-data-plane, for people who program against lateen.

Messages are made from the wire format, never by the library's own JSON reader, which misreads names with digits
(`consecutive_5xx`) and splits a string that stands for a list.
"""

from __future__ import annotations

import base64
import dataclasses
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from lateen.diagnostics import Redacted
from lateen.schema import Schema
from lateen.schema.path import ancestors
from lateen.schema.walk import Node
from lateen.xds.snapshot import TYPES, Snapshot

if TYPE_CHECKING:
    from envoy_data_plane.envoy.config.cluster.v3 import Cluster
    from envoy_data_plane.envoy.config.core.v3 import TypedExtensionConfig
    from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment
    from envoy_data_plane.envoy.config.listener.v3 import Listener
    from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration
    from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import Secret


class Untyped(NamedTuple):
    """A value at `path` of a resource that envoy-data-plane has no field or message for, in proto JSON form."""

    path: str
    value: Any


@dataclasses.dataclass(frozen=True)
class TypedSnapshot:
    """The resources of a snapshot as messages, by name.

    envoy-data-plane lags behind Envoy: what it does not know is listed in `untyped`, by attribute and resource name.
    It is in the bytes of the message all the same, so `bytes(message)` is always the whole resource. Every message in
    an Any is registered: `any.unpack()` works for all but those that `untyped` lists.
    Bytes of secrets read `[redacted]`.
    """

    listeners: dict[str, Listener]
    routes: dict[str, RouteConfiguration]
    clusters: dict[str, Cluster]
    endpoints: dict[str, ClusterLoadAssignment]
    secrets: dict[str, Secret]
    extensions: dict[str, TypedExtensionConfig]
    untyped: dict[tuple[str, str], tuple[Untyped, ...]]


def typed(snapshot: Snapshot) -> TypedSnapshot:
    """The messages of every resource. Raises SchemaError if one does not fit the packaged schema."""
    schema = Schema.default()
    messages: dict[str, dict[str, Any]] = {attribute: {} for attribute in TYPES}
    untyped: dict[tuple[str, str], tuple[Untyped, ...]] = {}
    for attribute, type_url in TYPES.items():
        message = message_class(type_url.rpartition("/")[2])
        for name, config in getattr(snapshot, attribute).items():
            hidden = _hidden(config)
            messages[attribute][name] = message.parse(schema.encode(type_url, hidden))
            if unknown := tuple(_unknown(schema.walk(type_url, hidden))):
                untyped[attribute, name] = unknown
    return TypedSnapshot(**messages, untyped=untyped)


@cache
def message_class(name: str) -> Any:
    """The envoy-data-plane class of the message of that full name, or None if there is none."""
    package = Schema.default().descriptors.package(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # hundreds, of the library's own use of pydantic
        pool = import_module("envoy_data_plane.message_pool").default_message_pool
        try:
            import_module(f"envoy_data_plane.{package}")
        except ModuleNotFoundError:
            return None
    return pool.url_to_type.get(f"type.googleapis.com/{name}")


@cache
def _numbers(name: str) -> frozenset[int] | None:
    """The field numbers that envoy-data-plane knows of a message, or None if it has no such message."""
    found = message_class(name)
    return (
        None
        if found is None
        else frozenset(field.metadata["betterproto"].number for field in dataclasses.fields(found))
    )


def _unknown(nodes: list[Node]) -> Iterator[Untyped]:
    """The outermost places that have no message or no field."""
    fields = {name: Schema.default().descriptors.message(name).fields for name in {node.type for node in nodes}}
    covered: set[str] = set()
    for node in nodes:
        if covered.intersection(ancestors(node.path)):
            continue
        known = _numbers(node.type)
        if known is None:
            covered.add(node.path)
            yield Untyped(node.path, node.value)
            continue
        for field in fields[node.type]:
            if field.name in node.value and field.number not in known:
                path = f"{node.path}.{field.name}".removeprefix(".")
                covered.add(path)
                yield Untyped(path, node.value[field.name])


def _hidden(value: Any) -> Any:
    if isinstance(value, Redacted):
        return base64.b64encode(str(value).encode()).decode()
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    return [_hidden(item) for item in value] if isinstance(value, list) else value
