"""What a rule asks of HTTP filters: injected faults and CORS, as `typed_per_filter_config`."""

from __future__ import annotations

from lateen.model.routing import Cors, Fault, HttpRule
from lateen.xds.duration import duration
from lateen.xds.routes.match import string_match
from lateen.xds.snapshot import Config

_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"
_GRPC_CODES = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}


def per_filter_config(rule: HttpRule) -> Config:
    """`typed_per_filter_config` as a field of the route; nothing where the rule asks for nothing."""
    filters: Config = {}
    if rule.fault is not None:
        filters["envoy.filters.http.fault"] = {"@type": f"{_FILTERS}.fault.v3.HTTPFault"} | _fault(rule.fault)
    if rule.cors is not None:
        filters["envoy.filters.http.cors"] = {"@type": f"{_FILTERS}.cors.v3.CorsPolicy"} | _cors(rule.cors)
    return {"typed_per_filter_config": filters} if filters else {}


def fraction(percent: float) -> Config:
    """A percentage as FractionalPercent, exact to four decimals."""
    return {"numerator": round(percent * 10_000), "denominator": "MILLION"}


def _fault(fault: Fault) -> Config:
    config: Config = {}
    if fault.delay is not None:
        config["delay"] = {"fixed_delay": duration(fault.delay), "percentage": fraction(fault.delay_percent)}
    if fault.abort_grpc:
        status = _GRPC_CODES.get(fault.abort_grpc.upper(), _GRPC_CODES["UNKNOWN"])
        config["abort"] = {"grpc_status": status, "percentage": fraction(fault.abort_percent)}
    elif fault.abort_http:
        config["abort"] = {"http_status": fault.abort_http, "percentage": fraction(fault.abort_percent)}
    return config


def _cors(cors: Cors) -> Config:
    config: Config = {
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "forward_not_matching_preflights": cors.unmatched_preflights != "IGNORE",
    }
    if cors.allow_origins:
        config["allow_origin_string_match"] = [string_match(origin) for origin in cors.allow_origins]
    lists = {
        "allow_methods": cors.allow_methods,
        "allow_headers": cors.allow_headers,
        "expose_headers": cors.expose_headers,
    }
    config |= {field: ",".join(values) for field, values in lists.items() if values}
    if cors.max_age is not None:
        config["max_age"] = str(int(cors.max_age))
    if cors.allow_credentials is not None:
        config["allow_credentials"] = cors.allow_credentials
    return config
