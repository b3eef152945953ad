"""AuthorizationPolicy as Envoy's RBAC: rules, principals and permissions value by value, as Istio writes them."""

from lateen.xds.authorization.policies import ACTIONS, Rules, rules_of

__all__ = ["ACTIONS", "Rules", "rules_of"]
