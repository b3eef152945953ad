"""The two messages of the delta protocol, between their wire form and plain values."""

from __future__ import annotations

from typing import Any

from lateen.deliver.protocol import Request, Response
from lateen.schema import Schema

_DISCOVERY = "envoy.service.discovery.v3."


class Messages:
    """Needs no generated code: the classes come from the schema of the Envoy in use."""

    def __init__(self, schema: Schema) -> None:
        self._request: Any = schema.message_class(f"{_DISCOVERY}DeltaDiscoveryRequest")
        self._response: Any = schema.message_class(f"{_DISCOVERY}DeltaDiscoveryResponse")

    def parse(self, data: bytes) -> Request:
        """A request. Raises ValueError if it is none."""
        message = self._request.FromString(data)
        return Request(
            type_url=message.type_url,
            subscribe=tuple(message.resource_names_subscribe),
            unsubscribe=tuple(message.resource_names_unsubscribe),
            initial_versions=dict(message.initial_resource_versions),
            nonce=message.response_nonce,
            error=message.error_detail.message if message.HasField("error_detail") else None,
        )

    def serialize(self, response: Response) -> bytes:
        """A response as it is sent."""
        message = self._response(type_url=response.type_url, nonce=response.nonce, removed_resources=response.removed)
        for name, resource in response.resources.items():
            entry = message.resources.add(name=name, version=resource.version)
            entry.resource.type_url, entry.resource.value = response.type_url, resource.body
        data: bytes = message.SerializeToString()
        return data
