"""Which TCP connections of a workload go through its sidecar, and the nftables rules that send them there.

The meaning is that of Istio's annotations `traffic.sidecar.istio.io/*` and of its istio-iptables, for interception mode
REDIRECT. Different on purpose: 127.0.0.0/8 instead of 127.0.0.1 counts as loopback for what the sidecar itself calls
(Docker's resolver is 127.0.0.11), and no port stands open for an agent or a tunnel that does not exist (15020, 15008).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TypeVar

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.bundles import BAD_REDIRECTION

PROXY_UID = 1337
"""User of the sidecar; its own connections are not redirected."""

INBOUND_SOURCES = ("127.0.0.6", "::6")
"""Where the sidecar's connections to its application come from. Linux has every 127.x address on `lo`, but ::6 must be
added there (`ip -6 addr add ::6/128 dev lo`)."""

OUTBOUND_PORT = 15001
INBOUND_PORT = 15006
_OPEN_PORTS = (15021, 15090)  # health and metrics: the sidecar answers these itself

_PREFIX = "traffic.sidecar.istio.io/"

Network = IPv4Network | IPv6Network
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Redirection:
    """What is redirected; the default is everything.

    Inbound: the ports `inbound_ports`, None for all but `excluded_inbound_ports` (which counts only then).
    Outbound: what goes to one of `outbound_ranges` (None for all) or to one of `outbound_ports`, unless it goes to one
    of `excluded_outbound_ranges` or `excluded_outbound_ports`.
    """

    inbound_ports: tuple[int, ...] | None = None
    excluded_inbound_ports: tuple[int, ...] = ()
    outbound_ranges: tuple[Network, ...] | None = None
    excluded_outbound_ranges: tuple[Network, ...] = ()
    outbound_ports: tuple[int, ...] = ()
    excluded_outbound_ports: tuple[int, ...] = ()


def redirection_of(annotations: Mapping[str, str], origin: Origin) -> tuple[Redirection, tuple[Diagnostic, ...]]:
    """What the annotations of a pod say, and a finding at `origin` for each entry that is no port or no range."""
    read = _Annotations(annotations, origin)
    redirection = Redirection(
        inbound_ports=None if read.all("includeInboundPorts") else read.ports("includeInboundPorts"),
        excluded_inbound_ports=read.ports("excludeInboundPorts"),
        outbound_ranges=None if read.all("includeOutboundIPRanges") else read.ranges("includeOutboundIPRanges"),
        excluded_outbound_ranges=read.ranges("excludeOutboundIPRanges"),
        outbound_ports=read.ports("includeOutboundPorts"),
        excluded_outbound_ports=read.ports("excludeOutboundPorts"),
    )
    return redirection, tuple(read.findings)


def nftables(redirection: Redirection) -> str:
    """The rules as a file for `nft -f`, for IPv4 and IPv6; loading it again replaces them.

    The order of the outbound rules is istio-iptables'.
    """
    inbound, outbound = _inbound(redirection), _outbound(redirection)
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


class _Annotations:
    """Lists in annotations, as Istio's injection webhook reads them: a port may have spaces around it, a range not."""

    def __init__(self, annotations: Mapping[str, str], origin: Origin) -> None:
        self._annotations = annotations
        self._origin = origin
        self.findings: list[Diagnostic] = []

    def all(self, name: str) -> bool:
        """Whether an including list is absent or `*`."""
        return self._annotations.get(_PREFIX + name, "*") == "*"

    def ports(self, name: str) -> tuple[int, ...]:
        return tuple(self._entries(name, _port, "port (0 to 65535)"))

    def ranges(self, name: str) -> tuple[Network, ...]:
        return tuple(self._entries(name, _range, "IP range such as 10.0.0.0/8"))

    def _entries(self, name: str, parse: Callable[[str], _Entry], expected: str) -> Iterator[_Entry]:
        text = self._annotations.get(_PREFIX + name, "").strip()
        for entry in text.split(",") if text else ():
            try:
                yield parse(entry)
            except ValueError:
                finding = BAD_REDIRECTION.at(
                    self._origin,
                    annotation=_PREFIX + name,
                    value=repr(entry),
                    expected=expected,
                    hint=BAD_REDIRECTION.fix,
                )
                self.findings.append(finding)


def _inbound(redirection: Redirection) -> list[str]:
    to_sidecar = f"redirect to :{INBOUND_PORT}"
    if redirection.inbound_ports is None:
        untouched = (*_OPEN_PORTS, *redirection.excluded_inbound_ports)
        return [f"tcp dport {_set(untouched)} return", f"meta l4proto tcp {to_sidecar}"]
    ports = redirection.inbound_ports
    return [f"tcp dport {_set(ports)} {to_sidecar}"] if ports else []


def _outbound(redirection: Redirection) -> list[str]:
    to_sidecar = f"redirect to :{OUTBOUND_PORT}"
    rules = []
    if redirection.excluded_outbound_ports:
        rules.append(f"tcp dport {_set(redirection.excluded_outbound_ports)} return")
    # What the sidecar hands to its application has arrived.
    rules += [f'oifname "lo" {_family(source)} saddr {source} return' for source in INBOUND_SOURCES]
    # A workload that calls its own Service: the sidecar must reach itself, not the application behind it.
    for own in ("ip daddr != 127.0.0.0/8", "ip6 daddr != ::1"):
        rules.append(f'oifname "lo" {own} meta l4proto tcp meta skuid {PROXY_UID} redirect to :{INBOUND_PORT}')
    # A workload that calls itself by address stays local, unless the annotation names a loopback range.
    if not any(network.is_loopback for network in redirection.outbound_ranges or ()):
        rules.append(f'oifname "lo" meta skuid != {PROXY_UID} return')
    rules += [f"meta skuid {PROXY_UID} return", "ip daddr 127.0.0.1 return", "ip6 daddr ::1 return"]
    rules += [f"{networks} return" for networks in _destinations(redirection.excluded_outbound_ranges)]
    if redirection.outbound_ranges is None:
        return [*rules, f"meta l4proto tcp {to_sidecar}"]
    if redirection.outbound_ports:
        rules.append(f"tcp dport {_set(redirection.outbound_ports)} {to_sidecar}")
    rules += [f"{networks} meta l4proto tcp {to_sidecar}" for networks in _destinations(redirection.outbound_ranges)]
    return rules


def _destinations(networks: tuple[Network, ...]) -> list[str]:
    """Matches of these destinations, one per IP version; nft takes no set whose ranges overlap."""
    four = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    versions = (("ip", [str(network) for network in four]), ("ip6", [str(network) for network in six]))
    return [f"{family} daddr {{ {', '.join(found)} }}" for family, found in versions if found]


def _family(address: str) -> str:
    return "ip6" if ":" in address else "ip"


def _set(ports: Iterable[int]) -> str:
    return f"{{ {', '.join(str(port) for port in sorted(set(ports)))} }}"


def _port(text: str) -> int:
    port = text.strip()
    if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise ValueError(text)
    return int(port)


def _range(text: str) -> Network:
    if not text.partition("/")[2].isdecimal():
        raise ValueError(text)
    return ip_network(text, strict=False)
