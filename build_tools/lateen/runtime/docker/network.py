"""The network of a run: a bridge of its own, whose addresses are known before anything is on it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from lateen.runtime.docker.container import labels
from lateen.runtime.docker.engine import asking

if TYPE_CHECKING:
    from docker import DockerClient

_TRIES = 3
_IPV6_DISABLED = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
_UNIQUE_LOCAL = "fd6c:6174"
"""Where the IPv6 networks of runs are (RFC 4193); the run's id makes up the rest of the prefix."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network in the engine. Instances count from 1; the address before the first is the gateway: this machine."""

    name: str
    ipv4: IPv4Network
    ipv6: IPv6Network | None = None

    @property
    def gateway(self) -> str:
        """The address of this machine, as containers see it."""
        return str(self.ipv4[1])

    @property
    def instances(self) -> int:
        """How many workloads have room."""
        return self.ipv4.num_addresses - 3

    def addresses(self, instance: int) -> tuple[str, ...]:
        """The addresses of an instance, IPv4 first."""
        found = [str(self.ipv4[instance + 1])]
        if self.ipv6:
            found.append(str(self.ipv6[instance + 1]))
        return tuple(found)


def create_network(client: DockerClient, run: str, root: Path) -> Network:
    """Make the network of a run.

    The engine chooses IPv4 addresses from its own pools, which its administrator keeps clear of others' networks; but
    only a network that was made for named addresses lets a container choose one. So it is asked for a free block, and
    then for that block. Raises MeshError if it has none.
    """
    from docker.errors import APIError  # noqa: PLC0415
    from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415

    name = f"lateen-{run}"
    marks = labels("network", run, root)
    ipv6 = IPv6Network(f"{_UNIQUE_LOCAL}:{run[:4]}:{run[4:8]}::/64") if _has_ipv6() else None
    with asking("make a network"):
        for attempt in range(_TRIES):
            draft = client.networks.create(name, driver="bridge", labels=marks)
            draft.reload()
            block = next(config["Subnet"] for config in draft.attrs["IPAM"]["Config"] if ":" not in config["Subnet"])
            draft.remove()
            network = Network(name, IPv4Network(ip_network(block)), ipv6)
            pools = [IPAMPool(subnet=block, gateway=network.gateway)]
            if ipv6:
                pools.append(IPAMPool(subnet=str(ipv6), gateway=str(ipv6[1])))
            try:
                client.networks.create(
                    name,
                    driver="bridge",
                    labels=marks,
                    enable_ipv6=ipv6 is not None,
                    ipam=IPAMConfig(pool_configs=pools),
                )
            except APIError:
                if attempt == _TRIES - 1:
                    raise
                continue  # somebody else took the block in between
            return network
    raise AssertionError("unreachable")


def _has_ipv6() -> bool:
    """Whether the kernel has IPv6 and gives interfaces addresses of it."""
    try:
        return _IPV6_DISABLED.read_text().strip() == "0"
    except OSError:
        return False
