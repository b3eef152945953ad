"""Native filters of the suite: Envoy's own filters, configured by typed messages.

A module here is named by `emitter` in a filter's `filter.yaml`, and has one pure function:

    http_filter(config) -> HttpFilter

It gets what the filter's JSON Schema accepts and gives a message of envoy-data-plane. The library takes most of a
second to import, so such a module is imported only where a mesh uses the filter.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from importlib import import_module
from typing import Any

import orjson

from lateen.filterkit.catalog import Filter
from lateen.schema import Schema, SchemaError

_HTTP_FILTER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"


def type_url(suite: Filter, config: object) -> str:
    """The type of the filter's configuration."""
    url: str = typed_config(suite, config)["@type"]
    return url


def typed_config(suite: Filter, config: object) -> dict[str, Any]:
    """The configuration of a native filter, in canonical form.

    `config` is one that the filter's schema accepts. Raises SchemaError if Envoy would refuse what the emitter gives.
    """
    return _typed_config(suite.emitter, orjson.dumps(config))


@lru_cache(maxsize=64)
def _typed_config(emitter: str, config: bytes) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # hundreds, of envoy-data-plane's own use of pydantic
        message = import_module(emitter).http_filter(orjson.loads(config))
    schema = Schema.default()
    # By way of the wire format: the library's own JSON is wrong for names with digits.
    decoded = schema.decode(_HTTP_FILTER, bytes(message))
    if violations := schema.validate(_HTTP_FILTER, decoded):
        raise SchemaError(_HTTP_FILTER, violations)
    typed: dict[str, Any] = decoded["typed_config"]
    return typed
