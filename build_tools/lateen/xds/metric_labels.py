"""The labels of Istio's standard metrics, in Istio's order and with its fallback values.

Each label is the first of some sources that has a value: operators of Envoy's formatter with their parameters, and text
at last. A CEL expression that asks for what is not there has none. What a proxy knows of itself is text alone.

A logger evaluates every label of every metric at each request, and a CEL expression costs many times what an operator
does. So expressions stand last, where ordinary traffic does not get to them, and where a value only needs to be told
from another, a matcher does it.

Source: Envoy, `contrib/istio/filters/http/istio_stats` (`populatePeerInfo`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from lateen.xds.filters import metadata_exchange, peer_namespace
from lateen.xds.filters.chain import Chain, Direction, typed
from lateen.xds.names import BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER, SERVICE
from lateen.xds.snapshot import Config

_Source = tuple[str, str]
_Party = dict[str, tuple[_Source, ...]]
"""The sources of each label of one end of a call."""

_CEL, _TEXT = "CEL", ""
_HOST: _Source = ("REQ", ":authority")
_UNKNOWN: _Source = (_TEXT, "unknown")
_PEER = ("workload", "namespace", "app", "version", "canonical_service", "canonical_revision", "cluster")
"""What `peer_metadata` publishes of a peer, as `wasm.peer_metadata.{downstream,upstream}_X`."""
_ENDPOINT = ("workload", "namespace", "canonical_service", "canonical_revision", "cluster")
"""What an endpoint says of its workload."""

_SERVICE = "xds.cluster_metadata.filter_metadata['istio']['services'][0]"
"""Istio's form, which only CEL can index: that of clusters that lateen did not make."""
_ROUTE = f"{{'block_all': '{BLACK_HOLE_CLUSTER}', 'allow_any': '{PASSTHROUGH_CLUSTER}'}}[xds.route_name]"
_GRPC = {"application/grpc": "grpc", "application/grpc-web": "http"}
"""As Envoy tells gRPC, by the longest prefix: gRPC-Web is not, unless a filter has made it gRPC."""
_CLOSING = r")\u0025"
"""`)%` in JSON: as it stands it would end the operator."""


def http_labels(chain: Chain) -> dict[str, Config]:
    """Labels of a request, each as the fields of its tag.

    The peer is who it says it is, as far as metadata is exchanged. Traffic to no known service is named after the host
    that was asked for, and after the cluster or route that took it.
    """
    exchanged = metadata_exchange.enabled(chain.scope.proxy)
    peer = _exchanged(chain) if exchanged else _observed(chain)
    host = (_HOST,) if chain.direction is Direction.OUTBOUND else ()
    name, *elsewhere = _service("name")
    service = {
        "host": (*_service("host"), *host),
        "name": (name, (_CEL, _ROUTE), *elsewhere, *host),
        "namespace": _service("namespace"),
    }
    request = {
        "request_protocol": _told("%REQ(content-type)%", "prefix_match_map", _GRPC, "http"),
        "response_code": tag("%RESPONSE_CODE%"),
        "grpc_response_status": tag("%GRPC_STATUS_NUMBER%"),
    }
    return _labels(chain, peer, service, request)


def tcp_labels(chain: Chain, known: Mapping[str, str] | None) -> dict[str, Config]:
    """Labels of a connection, each as the fields of its tag; the ends do not exchange metadata.

    A server is what its endpoint is known as; for a client only its certificate speaks. `known` is what is known of the
    destination service before there is a connection; None: what its cluster will say.
    """
    if known is None:
        service: _Party = {name: _service(name) for name in ("host", "name", "namespace")}
    else:
        service = {name: ((_TEXT, known[name]),) if name in known else () for name in ("host", "name", "namespace")}
    return _labels(chain, _observed(chain), service, {"request_protocol": tag("tcp")})


def tag(value_format: str) -> Config:
    """A tag whose value is that format."""
    return {"value_format": value_format}


def chosen(expression: str) -> Config:
    """A label whose value is the user's CEL expression; `unknown` where it has none, as in Istio."""
    return tag(_first((_CEL, expression), _UNKNOWN))


def _labels(chain: Chain, peer: _Party, service: _Party, protocol: dict[str, Config]) -> dict[str, Config]:
    inbound = chain.direction is Direction.INBOUND
    between = "DOWNSTREAM" if inbound else "UPSTREAM"
    own = _own(chain) | {"principal": ((f"{between}_LOCAL_URI_SAN", ""), _UNKNOWN)}
    peer = peer | {"principal": ((f"{between}_PEER_URI_SAN", ""), _UNKNOWN)}
    source, destination = (peer, own) if inbound else (own, peer)
    unnamed = own["canonical_service"] if inbound else (_UNKNOWN,)
    sources = {
        "reporter": ((_TEXT, "destination" if inbound else "source"),),
        "source_workload": source["workload"],
        "source_canonical_service": source["canonical_service"],
        "source_canonical_revision": source["canonical_revision"],
        "source_workload_namespace": source["namespace"],
        "source_principal": source["principal"],
        "source_app": source["app"],
        "source_version": source["version"],
        "source_cluster": source["cluster"],
        "destination_workload": destination["workload"],
        "destination_workload_namespace": destination["namespace"],
        "destination_principal": destination["principal"],
        "destination_app": destination["app"],
        "destination_version": destination["version"],
        "destination_service": (*service["host"], *unnamed),
        "destination_canonical_service": destination["canonical_service"],
        "destination_canonical_revision": destination["canonical_revision"],
        "destination_service_name": (*service["name"], *unnamed),
        "destination_service_namespace": (*service["namespace"], *destination["namespace"]),
        "destination_cluster": destination["cluster"],
    }
    return {
        **{name: tag(_first(*given)) for name, given in sources.items()},
        **protocol,
        "response_flags": tag("%RESPONSE_FLAGS%"),
        "connection_security_policy": _security_policy() if inbound else tag("unknown"),
    }


def _service(name: str) -> tuple[_Source, ...]:
    """What the cluster says of the destination service."""
    return (("CLUSTER_METADATA", f"{SERVICE}:{name}"), (_CEL, f"{_SERVICE}['{name}']"))


def _security_policy() -> Config:
    """Mutual TLS is TLS with a certificate of the client, which then has a fingerprint."""
    return _told("%DOWNSTREAM_PEER_FINGERPRINT_256%", "exact_match_map", {"": "none"}, "mutual_tls")


def _told(value_format: str, kind: str, values: Mapping[str, str], otherwise: str) -> Config:
    """A tag whose value is told from that of a format by a match map of that kind."""
    known = {"map": {value: _becomes(text) for value, text in values.items()}}
    tree = {"input": typed("value", "extensions.matching.common_inputs.stats.v3.StatTagValueInput"), kind: known}
    return tag(value_format) | {"rules": {"matcher_tree": tree, "on_no_match": _becomes(otherwise)}}


def _becomes(value: str) -> Config:
    update = {"new_tag_value": value}
    action = typed("value", "extensions.matching.actions.transform_stat.v3.TransformStat", update_tag=update)
    return {"action": action}


def _own(chain: Chain) -> _Party:
    proxy = chain.scope.proxy
    values = {
        "workload": proxy.owner,
        "namespace": proxy.namespace,
        "app": proxy.labels.get("app", ""),
        "version": proxy.labels.get("version", ""),
        "canonical_service": proxy.canonical_name,
        "canonical_revision": proxy.canonical_revision,
        "cluster": proxy.cluster,
    }
    return {name: ((_TEXT, value) if value else _UNKNOWN,) for name, value in values.items()}


def _exchanged(chain: Chain) -> _Party:
    """The peer by its own word, with which `peer_metadata` is done when a request and its response have passed it."""
    side = "downstream" if chain.direction is Direction.INBOUND else "upstream"
    observed = _observed(chain)
    return {name: (("FILTER_STATE", f"wasm.peer_metadata.{side}_{name}:PLAIN"), *observed[name]) for name in _PEER}


def _observed(chain: Chain) -> _Party:
    """The peer without a word from it: what the endpoint of an upstream host says, else what a certificate shows.

    Istio takes the namespace from the certificate first. They agree where a certificate is held against the service
    accounts of the endpoints, which it is unless these are unknown.
    """
    inbound = chain.direction is Direction.INBOUND
    certified: _Source = (_CEL, peer_namespace.expression("connection" if inbound else "upstream"))
    # The expression is left to listeners that lateen did not make, and has no value in plaintext.
    kept = (("FILTER_STATE", f"{peer_namespace.NAME}:PLAIN"),) if inbound else ()
    peer: _Party = dict.fromkeys(_PEER, (_UNKNOWN,)) | {
        "namespace": (*kept, certified, _UNKNOWN),
        "canonical_revision": ((_TEXT, "latest"),),
    }
    said = {} if inbound else {name: (("UPSTREAM_METADATA", f"lateen:{name}"), *peer[name]) for name in _ENDPOINT}
    return peer | said


@lru_cache(1024)
def _first(*sources: _Source) -> str:
    """The format of a label. Text is a source that always has a value."""
    operator, parameter = sources[0]
    if operator == _TEXT:
        return parameter.replace("%", "%%")
    if len(sources) == 1:
        return f"%{operator}({parameter})%"
    literal = [(_CEL, _quoted(text)) if operator == _TEXT else (operator, text) for operator, text in sources]
    operators = [{"command": operator} | ({"param": text} if text else {}) for operator, text in literal]
    given = json.dumps({"operators": operators}, separators=(",", ":"))
    return f"%COALESCE({given.replace(')%', _CLOSING)})%"


def _quoted(text: str) -> str:
    """A string of CEL."""
    escaped = text.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"
