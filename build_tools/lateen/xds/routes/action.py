"""What a rule does with a request: send it somewhere, redirect it, or answer it."""

from __future__ import annotations

import base64
import re

from lateen.model.routing import DirectResponse, HttpRule, Mirror, Redirect, Rewrite, WeightedDestination
from lateen.model.traffic_policy import ConsistentHash
from lateen.xds.duration import duration
from lateen.xds.routes.headers import authority, header_fields
from lateen.xds.routes.per_filter import fraction
from lateen.xds.routes.retry import retry_policy
from lateen.xds.routes.target import Place
from lateen.xds.snapshot import Config

_REDIRECT_CODES = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
_DEFAULT_PORTS = {"http": 80, "https": 443}


def action(rule: HttpRule, place: Place, matched: Config, *, gateway_api: bool = False) -> Config:
    """`redirect`, `direct_response` or `route` as a field of the route, with the header changes of the rule.

    `matched` is the route's match, which a Gateway API rewrite of a prefix depends on.
    """
    if rule.redirect is not None:
        return {"redirect": _redirect(rule.redirect, place)} | header_fields(
            rule.request_headers, rule.response_headers
        )
    if rule.direct_response is not None:
        answer = {"direct_response": _direct_response(rule.direct_response)}
        return answer | header_fields(rule.request_headers, rule.response_headers)
    return _route(rule, place, matched, gateway_api=gateway_api)


def timeouts(seconds: float | None) -> Config:
    """Timeout fields of a route action. Unset means none at all, unlike Envoy's 15 s; a gRPC deadline still holds.

    With a timeout of its own a route has no other field: Envoy ignores `timeout` beside `max_stream_duration`, and
    `max_grpc_timeout`, which Istio writes, is deprecated (a warning per route). A gRPC client with a shorter deadline
    ends its call itself.
    """
    if seconds:
        return {"timeout": duration(seconds)}
    return {"timeout": "0s", "max_stream_duration": {"grpc_timeout_header_max": "0s"}}


def hash_policy(chosen: ConsistentHash) -> Config:
    """Envoy's hash policy of a consistentHash."""
    if chosen.header:
        return {"header": {"header_name": chosen.header}}
    if chosen.query:
        return {"query_parameter": {"name": chosen.query}}
    if chosen.source_ip:
        return {"connection_properties": {"source_ip": True}}
    name, path, ttl = chosen.cookie or ("", "", None)
    cookie: Config = {"name": name}
    if ttl is not None:
        cookie["ttl"] = duration(ttl)
    if path:
        cookie["path"] = path
    return {"cookie": cookie}


def _route(rule: HttpRule, place: Place, matched: Config, *, gateway_api: bool) -> Config:
    live = rule.destinations
    if len(live) > 1:
        live = tuple(weighted for weighted in live if weighted.weight)
    if not live:
        # Nothing has any weight: Envoy refuses an empty list of clusters.
        return {"direct_response": {"status": 500 if gateway_api else 503}}
    route: Config = timeouts(rule.timeout)
    if gateway_api:
        route["cluster_not_found_response_code"] = "INTERNAL_SERVER_ERROR"
    host = authority(rule.request_headers)
    if rule.rewrite is not None:
        route |= _rewrite(rule.rewrite, matched, gateway_api=gateway_api)
        host = rule.rewrite.authority or host
    fields = header_fields(rule.request_headers, rule.response_headers)
    if len(rule.destinations) == 1:
        host = host or authority(live[0].request_headers)
        own = header_fields(live[0].request_headers, live[0].response_headers)
        fields = {key: [*fields.get(key, ()), *own.get(key, ())] for key in fields | own}
        route["cluster"] = place.cluster(live[0].destination)
    else:
        route["weighted_clusters"] = {"clusters": [_weighted(weighted, place) for weighted in live]}
    if host:
        route["host_rewrite_literal"] = host
    hashes = [chosen for weighted in live if (chosen := place.hash(weighted.destination))]
    if hashes:
        route["hash_policy"] = [hash_policy(chosen) for chosen in hashes]
    if mirrors := [_mirror(mirror, place) for mirror in rule.mirrors if mirror.percent > 0]:
        route["request_mirror_policies"] = mirrors
    route |= retry_policy(rule.retry, hashed=bool(hashes) and len(rule.destinations) == 1)
    return {"route": route} | fields


def _weighted(weighted: WeightedDestination, place: Place) -> Config:
    config: Config = {"name": place.cluster(weighted.destination), "weight": weighted.weight}
    config |= header_fields(weighted.request_headers, weighted.response_headers)
    if host := authority(weighted.request_headers):
        config["host_rewrite_literal"] = host
    return config


def _rewrite(rewrite: Rewrite, matched: Config, *, gateway_api: bool) -> Config:
    if rewrite.regex is not None:
        pattern, substitution = rewrite.regex
        return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": substitution}}
    if gateway_api and rewrite.uri == "/" and "path_separated_prefix" in matched:
        # A plain prefix rewrite would leave `//rest`.
        pattern = f"^{re.escape(matched['path_separated_prefix'])}(/?)(.*)"
        return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": "/\\2"}}
    return {"prefix_rewrite": rewrite.uri} if rewrite.uri else {}


def _mirror(mirror: Mirror, place: Place) -> Config:
    share = {"default_value": fraction(mirror.percent)}
    return {"cluster": place.cluster(mirror.destination), "runtime_fraction": share, "trace_sampled": False}


def _redirect(redirect: Redirect, place: Place) -> Config:
    config: Config = {}
    if redirect.authority:
        config["host_redirect"] = redirect.authority
    if redirect.prefix:
        config["prefix_rewrite"] = redirect.prefix
    elif redirect.uri:
        config["path_redirect"] = redirect.uri
    if redirect.scheme:
        config["scheme_redirect"] = redirect.scheme
    port = place.port if redirect.derive_port == "FROM_REQUEST_PORT" else redirect.port
    scheme = redirect.scheme or ("https" if place.tls else "http")
    if port and port != _DEFAULT_PORTS.get(scheme):
        config["port_redirect"] = port
    config["response_code"] = _REDIRECT_CODES.get(redirect.code, "MOVED_PERMANENTLY")
    return config


def _direct_response(answer: DirectResponse) -> Config:
    config: Config = {"status": answer.status}
    if answer.body is not None:
        try:
            config["body"] = {"inline_string": answer.body.decode()}
        except UnicodeDecodeError:
            config["body"] = {"inline_bytes": base64.b64encode(answer.body).decode()}
    return config
