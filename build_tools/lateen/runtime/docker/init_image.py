"""The image of the container that redirects a workload's traffic to its sidecar, and ends."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lateen.runtime.docker.recipe import Recipe, building, entry_point, system
from lateen.version import __version__

_SHELL = Path("/bin/sh")
_PATH = os.pathsep.join(("/usr/sbin", "/sbin", "/usr/bin", "/bin", os.environ.get("PATH", "")))
_SCRIPT = "/usr/local/bin/redirect"
_REDIRECT = b"""\
#!/bin/sh
# Redirects the traffic of this network namespace by the nftables rules in the file $1.
set -eu
if [ -e /proc/sys/net/ipv6/conf/lo/disable_ipv6 ]; then
  read -r off < /proc/sys/net/ipv6/conf/lo/disable_ipv6 || : # the kernel gives a shell the number, and no end of line
  # Inbound proxies reach the application from ::6, as from 127.0.0.6; unlike that, it must exist.
  [ "$off" = 1 ] || ip -6 addr replace ::6/128 dev lo
fi
exec nft -f "$1"
"""


def init_recipe() -> Recipe:
    """An image of nft, ip and a shell. Its containers take the path of a file of rules.

    Raises MeshError (LAT0735) if a program is not installed on this machine.
    """
    with building("init"):
        programs = {"sh": _SHELL, "nft": _program("nft"), "ip": _program("ip")}
        rootfs = system(*programs.values())
        for name, program in programs.items():
            rootfs.add_file(program, f"/bin/{name}")
        rootfs.add_bytes(_SCRIPT, _REDIRECT, program=True)
        return Recipe("init", __version__, rootfs, ("ENV PATH=/bin", "USER 0:0", entry_point(_SCRIPT)))


def _program(name: str) -> Path:
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise FileNotFoundError(2, "not installed (Debian: apt-get install nftables iproute2)", name)
    return Path(found)
