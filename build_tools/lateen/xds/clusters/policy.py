"""Traffic policy as fields of a cluster, with Istio's defaults."""

from __future__ import annotations

from lateen.model.traffic_policy import (
    ConnectionPool,
    ConsistentHash,
    LoadBalancer,
    OutlierDetection,
    TcpKeepalive,
)
from lateen.xds.duration import duration
from lateen.xds.snapshot import Config

_UNLIMITED = 4294967295
DEFAULT_RING_SIZE = 1024
"""Envoy's default, which Istio always writes out."""


def _thresholds(pool: ConnectionPool) -> Config:
    return {
        "max_connections": pool.max_connections or _UNLIMITED,
        "max_pending_requests": pool.http1_max_pending_requests or _UNLIMITED,
        "max_requests": pool.http2_max_requests or _UNLIMITED,
        "max_retries": pool.max_retries or _UNLIMITED,
        "track_remaining": True,
    }


_DEFAULT_BREAKERS: Config = {"thresholds": [_thresholds(ConnectionPool())]}


def circuit_breakers(pool: ConnectionPool | None, retry_budget: tuple[float, int] | None = None) -> Config:
    """Limits of a cluster: none but the user's, because Envoy's own (1024 connections, 3 retries) hit busy services.

    A retry budget replaces the limit on retries.
    """
    if pool is None and retry_budget is None:
        return _DEFAULT_BREAKERS
    thresholds = _thresholds(pool or ConnectionPool())
    if retry_budget is not None:
        percent, minimum = retry_budget
        thresholds["retry_budget"] = {"budget_percent": {"value": percent}, "min_retry_concurrency": minimum}
        del thresholds["max_retries"]
    return {"thresholds": [thresholds]}


def keepalive(probes: TcpKeepalive | None) -> Config:
    """`upstream_connection_options`, empty when the user asks for no keep-alive."""
    if probes is None:
        return {}
    settings: Config = {}
    if probes.probes:
        settings["keepalive_probes"] = probes.probes
    if probes.time is not None:
        settings["keepalive_time"] = int(probes.time)
    if probes.interval is not None:
        settings["keepalive_interval"] = int(probes.interval)
    return {"upstream_connection_options": {"tcp_keepalive": settings}}


def outlier_detection(detection: OutlierDetection) -> Config:
    """Ejection by consecutive errors only: success rates are never enforced."""
    config: Config = {"enforcing_success_rate": 0}
    if detection.consecutive_5xx is not None:
        config["consecutive_5xx"] = detection.consecutive_5xx
        config["enforcing_consecutive_5xx"] = 100 if detection.consecutive_5xx else 0
    if detection.consecutive_gateway_errors is not None:
        config["consecutive_gateway_failure"] = detection.consecutive_gateway_errors
        config["enforcing_consecutive_gateway_failure"] = 100 if detection.consecutive_gateway_errors else 0
    if detection.interval is not None:
        config["interval"] = duration(detection.interval)
    if detection.base_ejection is not None:
        config["base_ejection_time"] = duration(detection.base_ejection)
    if detection.max_ejection_percent:
        config["max_ejection_percent"] = detection.max_ejection_percent
    if detection.split_external_local:
        config["split_external_local_origin_errors"] = True
        if detection.consecutive_local_failures:
            config["consecutive_local_origin_failure"] = detection.consecutive_local_failures
            config["enforcing_consecutive_local_origin_failure"] = 100
        config["enforcing_local_origin_success_rate"] = 0
    return config


def load_balancing(balancer: LoadBalancer | None) -> Config:
    """`lb_policy` and its settings; LEAST_REQUEST unless the user chooses."""
    if balancer is None:
        return {"lb_policy": "LEAST_REQUEST"}
    if balancer.consistent_hash is not None:
        return _consistent(balancer.consistent_hash)
    if balancer.simple == "RANDOM":
        return {"lb_policy": "RANDOM"}
    if balancer.simple == "ROUND_ROBIN":
        return {"lb_policy": "ROUND_ROBIN"} | _warmup("round_robin_lb_config", balancer)
    return {"lb_policy": "LEAST_REQUEST"} | _warmup("least_request_lb_config", balancer)


def _warmup(field: str, balancer: LoadBalancer) -> Config:
    if balancer.warmup is None:
        return {}
    percent = 10.0 if balancer.warmup_minimum_percent is None else balancer.warmup_minimum_percent
    aggression = 1.0 if balancer.warmup_aggression is None else balancer.warmup_aggression
    slow_start = {
        "slow_start_window": duration(balancer.warmup),
        "aggression": {"default_value": aggression, "runtime_key": ""},
        "min_weight_percent": {"value": percent},
    }
    return {field: {"slow_start_config": slow_start}}


def _consistent(chosen: ConsistentHash) -> Config:
    if chosen.ring == "maglev":
        config: Config = {"lb_policy": "MAGLEV"}
        if chosen.table_size:
            config["maglev_lb_config"] = {"table_size": chosen.table_size}
        return config
    size = chosen.minimum_ring_size or DEFAULT_RING_SIZE
    return {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": size}}
