"""The validator and the encoder held against protobuf's own JSON parser, on generated messages of Envoy's API."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lateen.schema import Schema, SchemaError, wellknown
from lateen.schema.codec import MessageClasses
from lateen.schema.descriptors import ENUM, MESSAGE, Field
from lateen.schema.validator import Validator

SCHEMA = Schema.default()
TYPES_ONLY = Validator(SCHEMA.descriptors, rules=False)
CLASSES = MessageClasses(SCHEMA.descriptor_set)
ROOTS = (
    "envoy.config.cluster.v3.Cluster",
    "envoy.config.listener.v3.Listener",
    "envoy.config.route.v3.RouteConfiguration",
    "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "envoy.config.bootstrap.v3.Bootstrap",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "envoy.extensions.transport_sockets.tls.v3.Secret",
    "envoy.extensions.filters.http.rbac.v3.RBAC",
    "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
    "xds.type.matcher.v3.Matcher",
)
WRONG = st.sampled_from([1.5, "word", ["list"], {"a": "b"}, -1, "-7", 2**40, 2**70, True])
NUMBERS = {
    Proto.TYPE_DOUBLE: st.sampled_from([0, 1.5, -2, "NaN", "1e3", "Infinity"]),
    Proto.TYPE_FLOAT: st.sampled_from([0, 1.5, "-Infinity", 1e39]),
    Proto.TYPE_BOOL: st.booleans(),
    Proto.TYPE_STRING: st.sampled_from(["", "a", "\u20ac\U0001f600", "x" * 200]),
    Proto.TYPE_BYTES: st.sampled_from(["", "AQID", "_-8", "_-8="]),
    Proto.TYPE_INT32: st.sampled_from([0, -1, 2**31 - 1, 2**31]),
    Proto.TYPE_INT64: st.sampled_from([0, -1, "5", 2**63 - 1, 2**63]),
    Proto.TYPE_UINT32: st.sampled_from([0, 1, 80.0, "300", 2**32 - 1, 2**32]),
    Proto.TYPE_UINT64: st.sampled_from([0, 1, str(2**64 - 1), 2**64]),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
SPECIAL = {
    "google.protobuf.Duration": st.sampled_from(
        ["0s", "-1.5s", "0.000000001s", "315576000000s", "315576000001s", "1m"]
    ),
    "google.protobuf.Timestamp": st.sampled_from(
        ["1970-01-01T00:00:00Z", "2026-02-03T04:05:06.7+01:00", "2026-02-30T00:00:00Z", "2026-02-03"]
    ),
    "google.protobuf.FieldMask": st.sampled_from(["", "a,bC.d", "a_b"]),
    "google.protobuf.Struct": st.dictionaries(st.text(max_size=3), JSON, max_size=3),
    "google.protobuf.ListValue": st.lists(JSON, max_size=2),
    "google.protobuf.Value": JSON.filter(lambda value: value is not None),
}
ANYS = (
    "envoy.extensions.filters.http.router.v3.Router",
    "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    "google.protobuf.StringValue",
    "google.protobuf.Struct",
    "google.protobuf.Duration",
    "google.protobuf.Empty",
)


@cache
def message(name: str, depth: int) -> st.SearchStrategy[Any]:
    if name == wellknown.ANY:
        return st.sampled_from(ANYS).flatmap(lambda inner: any_of(inner, depth))
    if name in wellknown.WRAPPED:
        return NUMBERS[wellknown.WRAPPED[name]]
    if name in SPECIAL:
        return SPECIAL[name]
    fields = SCHEMA.descriptors.message(name).fields
    if depth == 0 or not fields:
        return st.just({})
    chosen = st.lists(st.sampled_from(fields), max_size=4, unique=True)
    return chosen.flatmap(
        lambda some: st.fixed_dictionaries({spelled(field): value(field, depth - 1) for field in some})
    )


def spelled(field: Field) -> str:
    return field.json_name if field.number % 3 == 0 else field.name


@cache
def any_of(name: str, depth: int) -> st.SearchStrategy[Any]:
    url = f"type.googleapis.com/{name}"
    if name in wellknown.CONVERT:
        return message(name, depth).map(lambda body: {"@type": url, "value": body})
    return message(name, max(depth - 1, 0)).map(lambda body: {"@type": url, **body})


@cache
def single(field: Field, depth: int) -> st.SearchStrategy[Any]:
    if field.type == MESSAGE:
        right = message(field.type_name, depth)
    elif field.type == ENUM:
        names = SCHEMA.descriptors.enum(field.type_name)
        right = st.sampled_from([*names, *names.values(), 77, "NO_SUCH_NAME"])
    else:
        right = NUMBERS[field.type]
    return st.integers(0, 60).flatmap(lambda die: right if die else WRONG)


@cache
def value(field: Field, depth: int) -> st.SearchStrategy[Any]:
    if field.entry:
        keys = (
            st.sampled_from(["", "a", "b.c"])
            if field.entry[0].type == Proto.TYPE_STRING
            else st.sampled_from(["7", "x"])
        )
        return st.dictionaries(keys, single(field.entry[1], depth), max_size=2)
    return st.lists(single(field, depth), max_size=2) if field.repeated else single(field, depth)


CASES = st.sampled_from(ROOTS).flatmap(lambda name: st.tuples(st.just(name), message(name, 4)))
PROFILE = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def parse(name: str, config: Any) -> Any:
    """protobuf's own verdict; it gets a copy because it reorders the keys of what it reads."""
    return json_format.ParseDict(copy.deepcopy(config), CLASSES.of(name)(), descriptor_pool=CLASSES.pool)


def lax(config: Any) -> bool:
    """Whether the config holds what Python's protobuf lets pass and Envoy's C++ does not: a boolean as a number, a
    fraction as an enum, text that is no base64."""
    if isinstance(config, dict):
        return any(lax(item) for item in config.values())
    if isinstance(config, list):
        return any(lax(item) for item in config)
    return config is True or config is False or config in (1.5, "word", "-7", "_-8", "_-8=")


@PROFILE
@given(CASES)
def test_the_verdict_on_types_is_that_of_protobuf(case: tuple[str, Any]) -> None:
    name, config = case
    try:
        parse(name, config)
        problem = ""
    except (json_format.ParseError, TypeError, ValueError, AttributeError) as error:
        problem = str(error)
    violations = TYPES_ONLY.check(name, config)
    assert bool(problem) == bool(violations) or (violations and lax(config)), problem


@PROFILE
@given(CASES)
def test_the_encoding_is_the_message_that_protobuf_parses(case: tuple[str, Any]) -> None:
    name, config = case
    if TYPES_ONLY.check(name, config):
        with pytest.raises(SchemaError):
            SCHEMA.encode(name, config)
        return
    before = repr(config)
    data = SCHEMA.encode(name, config)
    assert repr(config) == before
    assert CLASSES.decode(name, data) == json_format.MessageToDict(
        parse(name, config), preserving_proto_field_name=True, descriptor_pool=CLASSES.pool
    )
    assert SCHEMA.encode(name, SCHEMA.decode(name, data)) == data


def test_the_generator_reaches_both_verdicts() -> None:
    verdicts = {True: 0, False: 0}

    @settings(PROFILE, max_examples=150)
    @given(CASES)
    def count(case: tuple[str, Any]) -> None:
        verdicts[bool(TYPES_ONLY.check(*case))] += 1

    count()
    assert min(verdicts.values()) > 20
