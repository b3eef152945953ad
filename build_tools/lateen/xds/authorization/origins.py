"""Which rule of which policy each part of an RBAC filter comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lateen.diagnostics import Origin
from lateen.model.security import AuthorizationPolicy
from lateen.schema.path import key_step
from lateen.xds.authorization.policies import rule_name
from lateen.xds.snapshot import Config


def policy_origins(
    policies: Iterable[AuthorizationPolicy], listeners: Mapping[str, Config]
) -> dict[tuple[str, str], Origin]:
    """Origins by (listener, field path) of every RBAC policy in these listeners."""
    known = {
        rule_name(policy, index): policy.ref.at("spec.rules", index)
        for policy in policies
        for index in range(max(len(policy.rules), 1))
    }
    if not known:
        return {}
    return {
        (name, f"{path}{key_step(policy)}"): known[policy]
        for name, config in listeners.items()
        for path, found in _policies(config)
        for policy in found
    }


def _policies(listener: Config) -> Iterator[tuple[str, Config]]:
    """The `policies` of each RBAC filter with their path."""
    for path, typed in _filters(listener):
        for field in ("rules", "shadow_rules"):
            if found := typed.get(field, {}).get("policies"):
                yield f"{path}.{field}.policies", found


def _filters(listener: Config) -> Iterator[tuple[str, Config]]:
    """The typed configuration of each network and HTTP filter with its path; empty for a discovered network filter."""
    chains = {f"filter_chains[{i}]": chain for i, chain in enumerate(listener["filter_chains"])}
    if "default_filter_chain" in listener:
        chains["default_filter_chain"] = listener["default_filter_chain"]
    for chain_path, chain in chains.items():
        for i, network_filter in enumerate(chain["filters"]):
            path, typed = f"{chain_path}.filters[{i}].typed_config", network_filter.get("typed_config", {})
            yield path, typed
            for j, http_filter in enumerate(typed.get("http_filters", ())):
                if "typed_config" in http_filter:
                    yield f"{path}.http_filters[{j}].typed_config", http_filter["typed_config"]
