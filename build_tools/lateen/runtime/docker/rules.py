"""Who may reach what in a pod's network that is there for its operator."""

from __future__ import annotations

from lateen.runtime.docker.layout import AGENT_PORT
from lateen.xds.bootstrap import ADMIN_PORT

OPERATOR_PORTS = (ADMIN_PORT, AGENT_PORT)


def guard_rules(gateway: str) -> str:
    """nftables rules that let the pod itself and this machine (`gateway`) in to the ports of the operator, nobody else.

    Envoy's admin interface can end the Envoy, and the agent calls in the name of the pod.
    """
    ports = ", ".join(map(str, OPERATOR_PORTS))
    return f"""\
table inet lateen_operator {{
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname "lo" accept
    ip saddr {gateway} accept
    tcp dport {{ {ports} }} reject with tcp reset
  }}
}}
"""
