"""Which TCP connections of a workload go through its sidecar, and the nftables rules that send them there.

The meaning is that of Istio's annotations `traffic.sidecar.istio.io/*` and of its istio-iptables, for interception mode
REDIRECT. Different on purpose: 127.0.0.0/8 instead of 127.0.0.1 counts as loopback for what the sidecar itself calls
(Docker's resolver is 127.0.0.11), and no port stands open for an agent or a tunnel that does not exist (15020, 15008).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from lateen.model.injection import Redirection

PROXY_UID = 1337
"""User of the sidecar; its own connections are not redirected."""

INBOUND_SOURCES = ("127.0.0.6", "::6")
"""Where the sidecar's connections to its application come from. Linux has every 127.x address on `lo`, but ::6 must be
added there (`ip -6 addr add ::6/128 dev lo`)."""

OUTBOUND_PORT = 15001
INBOUND_PORT = 15006
_OPEN_PORTS = (15021, 15090)  # health and metrics: the sidecar answers these itself


def nftables(redirection: Redirection, open_ports: Iterable[int] = ()) -> str:
    """The rules as a file for `nft -f`, for IPv4 and IPv6; loading it again replaces them.

    The order of the outbound rules is istio-iptables'. `open_ports` are further ones of the workload's address that
    something else than its application answers.
    """
    inbound, outbound = _inbound(redirection, open_ports), _outbound(redirection)
    return "\n".join(
        [
            "table inet lateen",
            "delete table inet lateen",
            "table inet lateen {",
            "  chain inbound {",
            "    type nat hook prerouting priority dstnat; policy accept;",
            *(f"    {rule}" for rule in inbound),
            "  }",
            "  chain outbound {",
            "    type nat hook output priority -100; policy accept;",
            *(f"    {rule}" for rule in outbound),
            "  }",
            "}",
            "",
        ]
    )


def _inbound(redirection: Redirection, open_ports: Iterable[int]) -> list[str]:
    to_sidecar = f"redirect to :{INBOUND_PORT}"
    rules = [f'iifname "{name}" return' for name in redirection.excluded_interfaces]
    if redirection.inbound_ports is None:
        untouched = (*_OPEN_PORTS, *open_ports, *redirection.excluded_inbound_ports)
        return [*rules, f"tcp dport {_set(untouched)} return", f"meta l4proto tcp {to_sidecar}"]
    ports = redirection.inbound_ports
    return [*rules, f"tcp dport {_set(ports)} {to_sidecar}"] if ports else []


def _outbound(redirection: Redirection) -> list[str]:
    to_sidecar = f"redirect to :{OUTBOUND_PORT}"
    rules = [f'oifname "{name}" return' for name in redirection.excluded_interfaces]
    if redirection.excluded_outbound_ports:
        rules.append(f"tcp dport {_set(redirection.excluded_outbound_ports)} return")
    # What the sidecar hands to its application has arrived.
    rules += [f'oifname "lo" {_family(source)} saddr {source} return' for source in INBOUND_SOURCES]
    # A workload that calls its own Service: the sidecar must reach itself, not the application behind it.
    for own in ("ip daddr != 127.0.0.0/8", "ip6 daddr != ::1"):
        rules.append(f'oifname "lo" {own} meta l4proto tcp meta skuid {PROXY_UID} redirect to :{INBOUND_PORT}')
    # A workload that calls itself by address stays local, unless the annotation names a loopback range.
    if not any(ip_network(network, strict=False).is_loopback for network in redirection.outbound_networks or ()):
        rules.append(f'oifname "lo" meta skuid != {PROXY_UID} return')
    rules += [f"meta skuid {PROXY_UID} return", "ip daddr 127.0.0.1 return", "ip6 daddr ::1 return"]
    rules += [f"{networks} return" for networks in _destinations(redirection.excluded_outbound_networks)]
    if redirection.outbound_networks is None:
        return [*rules, f"meta l4proto tcp {to_sidecar}"]
    if redirection.outbound_ports:
        rules.append(f"tcp dport {_set(redirection.outbound_ports)} {to_sidecar}")
    rules += [f"{networks} meta l4proto tcp {to_sidecar}" for networks in _destinations(redirection.outbound_networks)]
    return rules


def _destinations(blocks: Iterable[str]) -> list[str]:
    """Matches of these destinations, one per IP version; nft takes no set whose ranges overlap."""
    networks = [ip_network(block, strict=False) for block in blocks]
    four = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    versions = (("ip", [str(network) for network in four]), ("ip6", [str(network) for network in six]))
    return [f"{family} daddr {{ {', '.join(found)} }}" for family, found in versions if found]


def _family(address: str) -> str:
    return "ip6" if ":" in address else "ip"


def _set(ports: Iterable[int]) -> str:
    return f"{{ {', '.join(str(port) for port in sorted(set(ports)))} }}"
