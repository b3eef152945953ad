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
        message._unknown_fields = _RETRY_AFTER
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
    if source == "client":
        return RateLimitAction(remote_address=RateLimitActionRemoteAddress())
    if source == "tenant":
        return _metadata(key, _TENANT, count)
    if isinstance(source, dict) and "metadata" in source:
        return _metadata(key, source["metadata"], count)
    there, value = _expression(source)
    text = f"{there} ? {value} : {json.dumps(_ABSENT)}" if count else value
    # mypy takes the class for another of that name, which the library's module imports before it defines its own.
    packed = AnyMessage.pack(Descriptor(descriptor_key=key, text=text))  # type: ignore[arg-type, call-arg]
    return RateLimitAction(
        extension=TypedExtensionConfig(name="envoy.rate_limit_descriptors.expr", typed_config=packed)
    )


def _expression(source: Any) -> tuple[str, str]:
    """CEL that tells whether a value is there, and CEL that gives it."""
    match source:
        case "method":
            return "true", "request.method"
        case "peer":
            name = "connection.uri_san_peer_certificate"
            return f"has({name})", name
        case {"header": name}:
            container = "request.headers"
        case {"filter_state": name}:
            container = "filter_state"
        case _:
            container, name = "filter_state", _OPERATION
    quoted = json.dumps(name)
    return f"{quoted} in {container}", f"{container}[{quoted}]"


def _key(source: Any) -> str:
    """The name of a descriptor's entry; that of `client` is Envoy's."""
    if isinstance(source, str):
        return "remote_address" if source == "client" else source
    ((kind, value),) = source.items()
    return f"{kind}:{value['namespace']}:{value['key']}" if kind == "metadata" else f"{kind}:{value}"


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
