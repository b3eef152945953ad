"""`envoy.filters.http.rbac` and its network twin: AuthorizationPolicy, one filter per action."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.xds.authorization import ACTIONS, Rules, rules_of
from lateen.xds.filters.chain import Chain, typed
from lateen.xds.snapshot import Config

HTTP = "envoy.filters.http.rbac"
NETWORK = "envoy.filters.network.rbac"


def build(chain: Chain) -> list[Config]:
    """HTTP filters: audit, then deny, then allow."""
    return [typed(HTTP, "extensions.filters.http.rbac.v3.RBAC", **_fields(rules)) for rules in _rules(chain)]


def network_filters(chain: Chain) -> list[Config]:
    """The same for TCP, where only what a connection shows can be asked."""
    return [
        typed(NETWORK, "extensions.filters.network.rbac.v3.RBAC", stat_prefix="tcp.", **_fields(rules))
        for rules in _rules(chain, tcp=True)
    ]


def _rules(chain: Chain, *, tcp: bool = False) -> Iterator[Rules]:
    for action in ACTIONS:
        rules = rules_of(action, chain.policies, chain.scope.config, tcp=tcp)
        if rules is not None:
            yield rules


def _fields(rules: Rules) -> Config:
    fields: Config = {}
    if rules.enforced is not None:
        fields["rules"] = rules.enforced
    if rules.shadow is not None:
        fields["shadow_rules"] = rules.shadow
        if rules.shadow_prefix:
            fields["shadow_rules_stat_prefix"] = rules.shadow_prefix
    return fields
