"""The policies of one action as the rules of one RBAC filter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lateen.model.mesh_config import MeshConfig
from lateen.model.security import AuthorizationPolicy
from lateen.xds.authorization.rule import Context, envoy_policy
from lateen.xds.snapshot import Config
from lateen.xds.tls import trust_domains

ACTIONS = ("CUSTOM", "AUDIT", "DENY", "ALLOW")
"""The order in which actions are evaluated."""

_ENVOY_ACTION = {"CUSTOM": "DENY", "AUDIT": "LOG", "DENY": "DENY", "ALLOW": "ALLOW"}
_NEVER: Config = {"permissions": [{"not_rule": {"any": True}}], "principals": [{"not_id": {"any": True}}]}
_REFUSED = "-deny-due-to-bad-CUSTOM-action"


@dataclass(frozen=True, slots=True)
class Rules:
    """Enforced and shadow (dry-run) rules of one action; an action without policies has none of either."""

    action: str
    enforced: Config | None
    shadow: Config | None

    @property
    def shadow_prefix(self) -> str:
        """The prefix of the shadow rules' metadata and counters; empty where a dry run decides nothing (AUDIT)."""
        return f"istio_dry_run_{self.action.lower()}_" if self.action in ("ALLOW", "DENY") else ""


def rules_of(
    action: str, policies: Iterable[AuthorizationPolicy], config: MeshConfig, *, tcp: bool = False
) -> Rules | None:
    """The rules of one action, or None if no policy has it.

    No external authorizer can be asked yet, so a CUSTOM policy denies what it would have asked about: access that
    nobody has decided is refused.
    """
    chosen = [policy for policy in policies if policy.action == action]
    if not chosen:
        return None
    enforced = [policy for policy in chosen if not policy.dry_run]
    shadow = [policy for policy in chosen if policy.dry_run]
    return Rules(action, _rules(action, enforced, config, tcp), _rules(action, shadow, config, tcp))


def _rules(action: str, policies: list[AuthorizationPolicy], config: MeshConfig, tcp: bool) -> Config | None:
    if not policies:
        return None
    named: Config = {}
    for policy in policies:
        context = Context(policy.ref.namespace, trust_domains(config), tcp, widen=action != "ALLOW")
        if not policy.rules:
            named[rule_name(policy, 0)] = _NEVER
        for index, rule in enumerate(policy.rules):
            built = envoy_policy(rule, context)
            if built is not None:
                named[rule_name(policy, index)] = built
    rules: Config = {"action": _ENVOY_ACTION[action]}
    return rules | ({"policies": dict(sorted(named.items()))} if named else {})


def rule_name(policy: AuthorizationPolicy, index: int) -> str:
    """Istio's id of a rule, which access logs and denied responses' details show."""
    name = f"ns[{policy.ref.namespace}]-policy[{policy.ref.name}]-rule[{index}]"
    return f"istio-ext-authz-{policy.provider}-{name}{_REFUSED}" if policy.action == "CUSTOM" else name
