"""`quota`: Envoy's local rate limit, with a bucket for each key that requests have."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from envoy_data_plane.envoy.config.core.v3 import RuntimeFractionalPercent, TypedExtensionConfig
from envoy_data_plane.envoy.config.route.v3 import (
    RateLimit,
    RateLimitAction,
    RateLimitActionGenericKey,
    RateLimitActionMetaData,
    RateLimitActionMetaDataSource,
    RateLimitActionRemoteAddress,
)
from envoy_data_plane.envoy.extensions.common.ratelimit.v3 import (
    LocalRateLimitDescriptor,
    RateLimitDescriptorEntry,
    XRateLimitHeadersRfcVersion,
)
from envoy_data_plane.envoy.extensions.filters.http.local_ratelimit.v3 import LocalRateLimit
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.extensions.rate_limit_descriptors.expr.v3 import Descriptor
from envoy_data_plane.envoy.type.metadata.v3 import MetadataKey, MetadataKeyPathSegment
from envoy_data_plane.envoy.type.v3 import FractionalPercent, HttpStatus, TokenBucket
from envoy_data_plane.google.protobuf import Any as AnyMessage

NAME = "quota"
"""First entry of every descriptor, so that limits with the same key do not share buckets; also the stat prefix."""

_ABSENT = "unknown"
_TENANT = {"namespace": "envoy.filters.http.lateen.tenant_context", "key": "tenant"}
_OPERATION = "wasm.operation_classifier.operation"
_RETRY_AFTER = b"\x98\x01\x01"
"""`enable_retry_after_header: true` (field 19) on the wire: Envoy 1.40 has it and envoy-data-plane does not."""


def http_filter(config: dict[str, Any]) -> HttpFilter:
    """The filter for a configuration that `lateen.filterkit.compilers.quota` has compiled."""
    limits = config["limits"]
    message = LocalRateLimit(
        stat_prefix=NAME,
        status=HttpStatus(code=config["status"]),
        filter_enabled=_share(config["mode"] != "off"),
        filter_enforced=_share(config["mode"] == "enforce"),
        rate_limits=[RateLimit(actions=_actions(limit)) for limit in limits],
        descriptors=[descriptor for limit in limits for descriptor in _descriptors(limit)],
        max_dynamic_descriptors=config["max_keys"],
        always_consume_default_token_bucket=False,
        rate_limited_as_resource_exhausted=True,
    )
    if config["headers"]:
        message.enable_x_ratelimit_headers = XRateLimitHeadersRfcVersion.DRAFT_VERSION_03
        message._unknown_fields = _RETRY_AFTER  # noqa: SLF001  the library's own way to carry what it does not know
    return HttpFilter(name=NAME, typed_config=AnyMessage.pack(message))


def _share(all_requests: bool) -> RuntimeFractionalPercent:
    return RuntimeFractionalPercent(default_value=FractionalPercent(numerator=100 if all_requests else 0))


def _actions(limit: dict[str, Any]) -> list[RateLimitAction]:
    """What a request's key is made of. Where an action finds nothing and has no fallback, the limit does not apply."""
    count = limit["absent"] == "count"
    named = RateLimitAction(generic_key=RateLimitActionGenericKey(descriptor_key=NAME, descriptor_value=limit["name"]))
    return [named, *(_action(source, count) for source in limit["key"])]


def _action(source: Any, count: bool) -> RateLimitAction:
    key = _key(source)
    match source:
        case "client":
            return RateLimitAction(remote_address=RateLimitActionRemoteAddress())
        case "method":
            return _expression(key, "request.method", "true", count)
        case "peer":
            path = "connection.uri_san_peer_certificate"
            return _expression(key, path, f"has({path})", count)
        case "operation":
            return _from_map(key, "filter_state", _OPERATION, count)
        case {"filter_state": str(name)}:
            return _from_map(key, "filter_state", name, count)
        case {"header": str(name)}:
            return _from_map(key, "request.headers", name, count)
        case "tenant":
            return _metadata(key, _TENANT, count)
        case _:
            return _metadata(key, source["metadata"], count)


def _key(source: Any) -> str:
    """The name of a descriptor's entry; that of `client` is Envoy's."""
    if isinstance(source, str):
        return "remote_address" if source == "client" else source
    ((kind, value),) = source.items()
    return f"{kind}:{value['namespace']}:{value['key']}" if kind == "metadata" else f"{kind}:{value}"


def _from_map(key: str, container: str, name: str, count: bool) -> RateLimitAction:
    quoted = json.dumps(name)
    return _expression(key, f"{container}[{quoted}]", f"{quoted} in {container}", count)


def _expression(key: str, value: str, there: str, count: bool) -> RateLimitAction:
    text = f"{there} ? {value} : {json.dumps(_ABSENT)}" if count else value
    packed = AnyMessage.pack(Descriptor(descriptor_key=key, text=text))
    return RateLimitAction(
        extension=TypedExtensionConfig(name="envoy.rate_limit_descriptors.expr", typed_config=packed)
    )


def _metadata(key: str, place: dict[str, str], count: bool) -> RateLimitAction:
    return RateLimitAction(
        metadata=RateLimitActionMetaData(
            descriptor_key=key,
            metadata_key=MetadataKey(key=place["namespace"], path=[MetadataKeyPathSegment(key=place["key"])]),
            default_value=_ABSENT if count else "",
            source=RateLimitActionMetaDataSource.DYNAMIC,
        )
    )


def _descriptors(limit: dict[str, Any]) -> list[LocalRateLimitDescriptor]:
    """A bucket for every key (an entry without value stands for any), and one for each override."""
    anything = [""] * len(limit["key"])
    return [_descriptor(limit, one.get("values", anything), one) for one in (limit, *limit["overrides"])]


def _descriptor(limit: dict[str, Any], values: list[str], bucket: dict[str, int]) -> LocalRateLimitDescriptor:
    named = RateLimitDescriptorEntry(key=NAME, value=limit["name"])
    keys = [_key(source) for source in limit["key"]]
    return LocalRateLimitDescriptor(
        entries=[named, *(RateLimitDescriptorEntry(key=k, value=v) for k, v in zip(keys, values, strict=True))],
        token_bucket=TokenBucket(
            max_tokens=bucket["burst"],
            tokens_per_fill=bucket["requests"],
            fill_interval=timedelta(milliseconds=bucket["window"]),
        ),
        shadow_mode=limit["mode"] == "shadow",
    )
