"""What the validator says of configurations that are wrong in one known way."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lateen.diagnostics import Redacted
from lateen.schema import Schema
from lateen.schema.rules import _rule

SCHEMA = Schema.default()
T = "type.googleapis.com/"
CORE, CLUSTER, ROUTE = "envoy.config.core.v3.", "envoy.config.cluster.v3.", "envoy.config.route.v3."
LISTENER, TYPE, HTTP = "envoy.config.listener.v3.", "envoy.type.v3.", "envoy.extensions.filters.http."
TLS = "envoy.extensions.transport_sockets.tls.v3."
HEADER = {"key": "a", "value": "b"}
SPKI = "NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A="

RULES: list[tuple[str, str, dict[str, Any], str]] = [
    ("string min_len", CLUSTER + "Cluster", {"name": ""}, "name: must not be empty"),
    ("string min_len, absent", CLUSTER + "Cluster", {}, "name: is required: must not be empty"),
    (
        "string max_bytes",
        CORE + "HeaderValue",
        {"key": "k" * 16385},
        "key: must be at most 16384 bytes long",
    ),
    (
        "string in",
        CORE + "SchemeHeaderTransformation",
        {"scheme_to_overwrite": "ftp"},
        "scheme_to_overwrite: must be one of http, https",
    ),
    (
        "string pattern",
        ROUTE + "RouteMatch",
        {"path_separated_prefix": "/a/"},
        "path_separated_prefix: must match ^[^?#]+[^?#/]$",
    ),
    (
        "string prefix and suffix",
        ROUTE + "RateLimit.HitsAddend",
        {"format": "%REQ(a)"},
        "format: must end with '%'",
    ),
    (
        "string prefix",
        ROUTE + "RateLimit.HitsAddend",
        {"format": "REQ(a)%"},
        "format: must begin with '%'",
    ),
    (
        "header value, loose",
        CORE + "HeaderValue",
        {"key": "a", "value": "b\r\nc"},
        "value: must not contain NUL, line feed or carriage return",
    ),
    (
        "bytes max_len",
        CORE + "HeaderValue",
        {"key": "a", "raw_value": "AAAA" * 6000},
        "raw_value: must be at most 16384",
    ),
    (
        "repeated strings, min_len",
        ROUTE + "VirtualHost",
        {"name": "v", "domains": ["*"], "request_headers_to_remove": ["ok", ""]},
        "request_headers_to_remove[1]: must not be empty",
    ),
    ("repeated min_items", ROUTE + "VirtualHost", {"name": "v"}, "domains: must have at least 1 item"),
    (
        "repeated max_items",
        ROUTE + "VirtualHost",
        {"name": "v", "domains": ["*"], "request_headers_to_add": [{"header": HEADER}] * 1001},
        "request_headers_to_add: must have at most 1000 items",
    ),
    (
        "repeated unique",
        ROUTE + "InternalRedirectPolicy",
        {"response_headers_to_copy": ["a", "b", "a"]},
        "response_headers_to_copy: must not repeat items",
    ),
    (
        "repeated strings, length",
        TLS + "CertificateValidationContext",
        {"verify_certificate_spki": [SPKI, "short"]},
        "verify_certificate_spki[1]: must be at least 44 characters long",
    ),
    ("repeated enum", CORE + "HealthStatusSet", {"statuses": [99]}, "statuses[0]: must be one of the defined values"),
    (
        "repeated numbers",
        LISTENER + "FilterChainMatch",
        {"source_ports": [80, 0]},
        "source_ports[1]: value must be at least 1",
    ),
    ("map keys", CORE + "Metadata", {"filter_metadata": {"": {}}}, "filter_metadata['']: must not be empty"),
    (
        "map min_pairs",
        "xds.type.matcher.v3.Matcher.MatcherTree.MatchMap",
        {"map": {}},
        "map: must have at least 1 item",
    ),
    (
        "map values",
        "xds.data.orca.v3.OrcaLoadReport",
        {"utilization": {"cpu": 1.5}},
        "utilization.cpu: value must be at most 1",
    ),
    ("enum defined_only", CLUSTER + "Cluster", {"name": "c", "lb_policy": 99}, "lb_policy: must be one of the defined"),
    (
        "enum not_in",
        CORE + "HealthCheck.HttpHealthCheck",
        {"path": "/", "method": "CONNECT"},
        "method: must not be 6",
    ),
    ("message required", CORE + "RuntimeFeatureFlag", {"runtime_key": "k"}, "default_value: is required"),
    ("any required", CORE + "TypedExtensionConfig", {"name": "n"}, "typed_config: is required"),
    ("duration required", CORE + "HttpUri", {"uri": "/", "cluster": "c"}, "timeout: is required"),
    (
        "duration gt",
        CLUSTER + "Cluster",
        {"name": "c", "connect_timeout": "0s"},
        "connect_timeout: duration must be greater than 0s",
    ),
    (
        "duration gte",
        CORE + "BackoffStrategy",
        {"base_interval": "0.0005s"},
        "base_interval: duration must be at least 0.001s",
    ),
    (
        "duration lt",
        CORE + "HttpUri",
        {"uri": "/", "cluster": "c", "timeout": "4294967296s"},
        "timeout: duration must be less than 4.29497e+09s",
    ),
    (
        "duration lte",
        CORE + "QuicKeepAliveSettings",
        {"initial_interval": "-1s"},
        "initial_interval: ",
    ),
    (
        "uint32 lte",
        CORE + "SocketAddress",
        {"address": "a", "port_value": 65536},
        "port_value: value must be at most 65535",
    ),
    ("uint32 lt", ROUTE + "DirectResponseAction", {"status": 600}, "status: value must be less than 600"),
    ("uint32 gte, absent", ROUTE + "DirectResponseAction", {}, "status: is required: value must be at least 200"),
    (
        "uint32 of a wrapper",
        ROUTE + "HedgePolicy",
        {"initial_requests": 0},
        "initial_requests: value must be at least 1",
    ),
    (
        "uint64 of a wrapper",
        CLUSTER + "Cluster.RingHashLbConfig",
        {"minimum_ring_size": 8388609},
        "minimum_ring_size: value must be at most 8388608",
    ),
    ("double", TYPE + "Percent", {"value": 100.5}, "value: value must be at most 100"),
    (
        "bool const",
        "envoy.config.bootstrap.v3.Bootstrap",
        {"stats_flush_on_admin": False},
        "stats_flush_on_admin: must be true",
    ),
    ("required oneof", CORE + "Address", {}, "must have one of socket_address, pipe, envoy_internal_address"),
    (
        "required oneof, set to null",
        CORE + "Address",
        {"pipe": None},
        "must have one of socket_address, pipe, envoy_internal_address",
    ),
]


@pytest.mark.parametrize(("name", "config", "expected"), [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_a_broken_field_rule_is_reported_at_its_path(name: str, config: dict[str, Any], expected: str) -> None:
    found = [str(violation) for violation in SCHEMA.validate(name, config)]
    assert any(text.startswith(expected) for text in found), found


NAMED, VHOST, EXTENSION = {"name": "c"}, {"name": "v", "domains": ["*"]}, CORE + "TypedExtensionConfig"
TEXT = {"@type": T + "google.protobuf.StringValue", "value": 5}
TYPES: list[tuple[str, Any, str]] = [
    (CLUSTER + "Cluster", {"nam": "c"}, "nam: Cluster has no such field; did you mean name?"),
    (CLUSTER + "Cluster", {"name": 5}, "name: must be a string, not a number"),
    (CLUSTER + "Cluster", {"type": "EDSX"}, "type: must be one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS"),
    (CLUSTER + "Cluster", {"connect_timeout": 5}, 'connect_timeout: must be a duration in seconds such as "1.5s"'),
    (CLUSTER + "Cluster", {"connect_timeout": "1m"}, "connect_timeout: must be a duration"),
    (CLUSTER + "Cluster", {"dns_jitter": "315576000001s"}, "dns_jitter: must be a duration within 315576000000s"),
    (CLUSTER + "Cluster", {"max_requests_per_connection": -1}, "max_requests_per_connection: must be between 0"),
    (CLUSTER + "Cluster", {"metadata": {"filter_metadata": {"a": 1}}}, "metadata.filter_metadata.a: must be an object"),
    (CLUSTER + "Cluster", {"alt_stat_name": "a", "altStatName": "a"}, "altStatName: cannot be set together with alt"),
    (CLUSTER + "Cluster", {"type": "EDS", "cluster_type": NAMED}, "cluster_type: cannot be set together with type"),
    (CLUSTER + "Cluster", [], "must be an object, not a list"),
    (ROUTE + "VirtualHost", {"name": "v", "domains": "a.com"}, "domains: must be a list, not a string"),
    (ROUTE + "VirtualHost", {"name": "v", "domains": [None]}, "domains[0]: must not be null"),
    (ROUTE + "VirtualHost", VHOST | {"typed_per_filter_config": {"a.b": None}}, "_config['a.b']: must not be null"),
    (ROUTE + "VirtualHost", VHOST | {"typed_per_filter_config": {"a": {"@type": "t/x.Y"}}}, "a.@type: this Envoy has"),
    (ROUTE + "VirtualHost", VHOST | {"include_request_attempt_count": "true"}, "count: must be true or false"),
    (CORE + "DataSource", {"inline_bytes": "not base64!"}, "inline_bytes: must be a string in base64"),
    (EXTENSION, {"name": "n", "typed_config": {"name": "x"}}, "typed_config.@type: must be a type URL"),
    (EXTENSION, {"name": "n", "typed_config": TEXT}, "typed_config.value: must be a string"),
    (
        EXTENSION,
        {"name": "n", "typed_config": TEXT | {"x": 1}},
        "typed_config.x: google.protobuf.StringValue in an Any",
    ),
    ("envoy.no.Such", {}, "this Envoy has no message envoy.no.Such"),
]


@pytest.mark.parametrize(("name", "config", "expected"), TYPES, ids=[case[2] for case in TYPES])
def test_a_wrong_type_or_name_is_reported_at_its_path(name: str, config: Any, expected: str) -> None:
    assert expected in "\n".join(str(violation) for violation in SCHEMA.validate(name, config))


def test_every_violation_is_reported_and_the_input_is_left_alone() -> None:
    config = {
        "static_resources": {
            "clusters": [
                {"name": "", "connect_timeout": "0s", "bogus": 1},
                {
                    "name": "b",
                    "typed_extension_protocol_options": {
                        "h": {
                            "@type": T + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                            "common_http_protocol_options": {"max_headers_count": 0},
                        }
                    },
                },
            ]
        }
    }
    before = copy.deepcopy(config)
    assert [str(v) for v in SCHEMA.validate("envoy.config.bootstrap.v3.Bootstrap", config)] == [
        "static_resources.clusters[0].name: must not be empty",
        "static_resources.clusters[0].connect_timeout: duration must be greater than 0s",
        "static_resources.clusters[0].bogus: Cluster has no such field",
        "static_resources.clusters[1].typed_extension_protocol_options.h.common_http_protocol_options"
        ".max_headers_count: value must be at least 1",
        "static_resources.clusters[1].typed_extension_protocol_options.h: must have one of explicit_http_config,"
        " use_downstream_protocol_config, auto_config",
    ]
    assert repr(config) == repr(before)


def test_both_spellings_and_a_type_url_are_accepted() -> None:
    assert SCHEMA.validate(T + CLUSTER + "Cluster", {"name": "c", "connectTimeout": "1s", "lb_policy": "RANDOM"}) == []


def test_a_skipped_message_is_held_against_its_types_only() -> None:
    name = CORE + "KeyValueAppend"
    assert SCHEMA.validate(name, {"entry": {"key": ""}, "record": {"key": "k"}}) == []
    assert [v.path for v in SCHEMA.validate(name, {"entry": {"key": 1}, "record": {"key": "k"}})] == ["entry.key"]


def test_the_message_in_a_typed_struct_is_checked() -> None:
    config = {"@type": T + "xds.type.v3.TypedStruct", "type_url": T + CLUSTER + "Cluster", "value": {"name": 1}}
    found = SCHEMA.validate(CORE + "TypedExtensionConfig", {"name": "n", "typed_config": config})
    assert [str(v) for v in found] == ["typed_config.value.name: must be a string, not a number"]


def test_redacted_bytes_are_valid_and_never_shown() -> None:
    secret = {
        "name": "s",
        "tls_certificate": {"private_key": {"inline_bytes": Redacted(b"key")}, "bogus": Redacted(b"k")},
    }
    assert [str(v) for v in SCHEMA.validate(TLS + "Secret", secret)] == [
        "tls_certificate.bogus: TlsCertificate has no such field"
    ]
    assert SCHEMA.validate(CORE + "SocketAddress", {"address": "a", "port_value": Redacted(b"key")})[0].message == (
        "must be a whole number, not a Redacted"
    )


def test_every_rule_kind_of_the_api_is_known() -> None:
    """A rule that nobody looks at would pass silently: each one that Envoy's API uses must become a function."""
    handled_elsewhere = {"required", "ignore_empty", "defined_only", "strict"}
    unknown = set()
    for name in SCHEMA.descriptors.messages:
        for field in SCHEMA.descriptors.message(name).fields:
            for body, kind in _bodies(field.rules):
                for rule, given in body.ListFields():
                    if rule.name not in handled_elsewhere and _rule(kind, rule.name, given, body) is None:
                        unknown.add((kind, rule.name))
    assert not unknown


def _bodies(rules: Any) -> list[tuple[Any, str]]:
    kind = rules.WhichOneof("type") if rules is not None else None
    if kind is None:
        return []
    body = getattr(rules, kind)
    if kind == "repeated":
        assert {f.name for f, _ in body.ListFields()} <= {"min_items", "max_items", "unique", "items"}
        return _bodies(body.items)
    if kind == "map":
        assert {f.name for f, _ in body.ListFields()} <= {"min_pairs", "keys", "values"}
        return _bodies(body.keys) + _bodies(body.values)
    return [(body, kind)]
