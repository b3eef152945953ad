"""The labels of Istio's standard metrics, in Istio's order and with its fallback values.

Each label is the first of some sources that has a value: operators of Envoy's formatter with their parameters, and text
at last. A CEL expression that asks for what is not there has none. What a proxy knows of itself is text alone.
Source: Envoy, `contrib/istio/filters/http/istio_stats` (`populatePeerInfo`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from lateen.xds.filters import metadata_exchange
from lateen.xds.filters.chain import Chain, Direction
from lateen.xds.names import BLACK_HOLE_CLUSTER, INBOUND_PASSTHROUGH_CLUSTER, PASSTHROUGH_CLUSTER

_Source = tuple[str, str]
_Party = dict[str, tuple[_Source, ...]]
"""The sources of each label of one end of a call."""

_CEL, _TEXT = "CEL", ""
_UNKNOWN: _Source = (_TEXT, "unknown")
_PEER = ("workload", "namespace", "app", "version", "canonical_service", "canonical_revision", "cluster")
"""What `peer_metadata` publishes of a peer, as `wasm.peer_metadata.{downstream,upstream}_X`."""
_ENDPOINT = ("workload", "namespace", "canonical_service", "canonical_revision", "cluster")
"""What an endpoint says of its workload."""

_NAMESPACE_OF = r"re.extract({}, '^[^:]+://[^/]+/ns/([^/]+)/', r'\1')"
_SERVICE = "xds.cluster_metadata.filter_metadata['istio']['services'][0]"
_SPECIAL_CLUSTERS = (BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER, INBOUND_PASSTHROUGH_CLUSTER)
_ROUTE = f"{{'block_all': '{BLACK_HOLE_CLUSTER}', 'allow_any': '{PASSTHROUGH_CLUSTER}'}}[xds.route_name]"
_CLUSTER = f"xds.cluster_name in {list(_SPECIAL_CLUSTERS)} ? xds.cluster_name : {_SERVICE}['name']"
_TYPE = "request.headers['content-type']"
_GRPC = f"{_TYPE} == 'application/grpc' || {_TYPE}.startsWith('application/grpc+') ? 'grpc' : 'http'"
"""As Envoy tells gRPC: gRPC-Web is not, unless a filter has made it gRPC."""
_CLOSING = r")\u0025"
"""`)%` in JSON: as it stands it would end the operator."""


def http_labels(chain: Chain) -> dict[str, str]:
    """Labels of a request. The peer is who it says it is, as far as metadata is exchanged.

    Traffic to no known service is named after the host that was asked for, and after the cluster or route that took it.
    """
    exchanged = metadata_exchange.enabled(chain.scope.proxy)
    peer = _exchanged(chain) if exchanged else _observed(chain)
    host = ((_CEL, "request.host"),) if chain.direction is Direction.OUTBOUND else ()
    service = {
        "host": ((_CEL, f"{_SERVICE}['host']"), *host),
        "name": ((_CEL, _ROUTE), (_CEL, _CLUSTER), *host),
        "namespace": ((_CEL, f"{_SERVICE}['namespace']"),),
    }
    request = {
        "request_protocol": _first((_CEL, _GRPC), (_TEXT, "http")),
        "response_code": "%RESPONSE_CODE%",
        "grpc_response_status": "%GRPC_STATUS_NUMBER%",
    }
    return _labels(chain, peer, service, request)


def tcp_labels(chain: Chain, known: Mapping[str, str] | None) -> dict[str, str]:
    """Labels of a connection, whose ends do not exchange metadata.

    A server is what its endpoint is known as; for a client only its certificate speaks. `known` is what is known of the
    destination service before there is a connection; None: what its cluster will say.
    """
    if known is None:
        service: _Party = {name: ((_CEL, f"{_SERVICE}['{name}']"),) for name in ("host", "name", "namespace")}
    else:
        service = {name: ((_TEXT, known[name]),) if name in known else () for name in ("host", "name", "namespace")}
    return _labels(chain, _observed(chain), service, {"request_protocol": "tcp"})


def chosen(expression: str) -> str:
    """The format of a label whose value is the user's CEL expression; `unknown` where it has none, as in Istio."""
    return _first((_CEL, expression), _UNKNOWN)


def _labels(chain: Chain, peer: _Party, service: _Party, protocol: dict[str, str]) -> dict[str, str]:
    inbound = chain.direction is Direction.INBOUND
    certificate = f"{'connection' if inbound else 'upstream'}.uri_san_{{}}_certificate"
    own = _own(chain) | {"principal": ((_CEL, certificate.format("local")), _UNKNOWN)}
    peer = peer | {"principal": ((_CEL, certificate.format("peer")), _UNKNOWN)}
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
        **{name: _first(*given) for name, given in sources.items()},
        **protocol,
        "response_flags": "%RESPONSE_FLAGS%",
        "connection_security_policy": "%CEL(connection.mtls ? 'mutual_tls' : 'none')%" if inbound else "unknown",
    }


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
    """The peer by its own word; `peer_metadata` has filled in what it did not say."""
    side = "downstream" if chain.direction is Direction.INBOUND else "upstream"
    return {name: (("FILTER_STATE", f"wasm.peer_metadata.{side}_{name}:PLAIN"),) for name in _PEER}


def _observed(chain: Chain) -> _Party:
    """The peer without a word from it: what the endpoint of an upstream host says, else what a certificate shows.

    Istio takes the namespace from the certificate first. They agree: a certificate is held against the service accounts
    of the endpoints.
    """
    inbound = chain.direction is Direction.INBOUND
    certificate = f"{'connection' if inbound else 'upstream'}.uri_san_peer_certificate"
    peer: _Party = dict.fromkeys(_PEER, (_UNKNOWN,)) | {
        "namespace": ((_CEL, _NAMESPACE_OF.format(certificate)), _UNKNOWN),
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
    operators = [{"command": operator, "param": parameter} for operator, parameter in literal]
    given = json.dumps({"operators": operators}, separators=(",", ":"))
    return f"%COALESCE({given.replace(')%', _CLOSING)})%"


def _quoted(text: str) -> str:
    """A string of CEL."""
    escaped = text.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"
