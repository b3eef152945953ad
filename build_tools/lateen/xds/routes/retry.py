"""Retry policies, with Istio's defaults."""

from __future__ import annotations

from lateen.model.routing import Retry
from lateen.xds.duration import duration
from lateen.xds.snapshot import Config

_DEFAULT_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
_NAMESPACE = "type.googleapis.com/envoy.extensions.retry"
_PREVIOUS_HOSTS: list[Config] = [
    {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": {"@type": f"{_NAMESPACE}.host.previous_hosts.v3.PreviousHostsPredicate"},
    }
]
_REMOTE_LOCALITIES: Config = {
    "name": "envoy.retry_priorities.previous_priorities",
    "typed_config": {
        "@type": f"{_NAMESPACE}.priority.previous_priorities.v3.PreviousPrioritiesConfig",
        "update_frequency": 2,
    },
}
_HASHED: Config = {"retry_on": _DEFAULT_ON, "num_retries": 2, "host_selection_retry_max_attempts": 5}
_DEFAULT: Config = _HASHED | {"retry_host_predicate": _PREVIOUS_HOSTS}

INBOUND: Config = {"retry_on": "reset-before-request", "num_retries": 2}
"""Towards the workload's own application: only what it certainly has not seen."""


def retry_policy(retry: Retry | None, *, hashed: bool = False) -> Config:
    """`retry_policy` as a field of the route action; nothing when retries are switched off.

    Unset: two more tries on another host for what is safe to repeat. With consistent hashing (`hashed`) the same host
    is tried again, since another would miss the point of the hash.
    """
    if retry is None:
        return {"retry_policy": _HASHED if hashed else _DEFAULT}
    if retry.attempts <= 0:
        return {}
    policy = dict(_HASHED)
    policy["num_retries"] = retry.attempts
    elsewhere = retry.retry_ignore_previous_hosts
    if elsewhere or (elsewhere is None and not hashed):
        policy["retry_host_predicate"] = _PREVIOUS_HOSTS
    if retry.retry_on:
        policy |= _retry_on(retry.retry_on)
    if retry.per_try_timeout is not None:
        policy["per_try_timeout"] = duration(retry.per_try_timeout)
    if retry.retry_remote_localities:
        policy["retry_priority"] = _REMOTE_LOCALITIES
    if retry.backoff is not None:
        policy["retry_back_off"] = {"base_interval": duration(retry.backoff)}
    return {"retry_policy": policy}


def _retry_on(conditions: str) -> Config:
    """Envoy's conditions; a bare status code stands for itself, as in Istio (`gateway-error,418`)."""
    parts = [part.strip() for part in conditions.split(",") if part.strip()]
    codes = [int(part) for part in parts if part.isdigit()]
    names = [part for part in parts if not part.isdigit()]
    if codes and "retriable-status-codes" not in names:
        names.append("retriable-status-codes")
    config: Config = {"retry_on": ",".join(names)}
    if codes:
        config["retriable_status_codes"] = codes
    return config
