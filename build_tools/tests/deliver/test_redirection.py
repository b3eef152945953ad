"""What the annotations of a pod mean, and what the rules do in a network namespace of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lateen
from lateen.deliver.redirection import nftables
from lateen.model.injection import Redirection

PREFIX = "traffic.sidecar.istio.io/"

WHY_NOT = (
    "root may make network namespaces, and nft must be installed (Debian: nftables)"
    if os.geteuid() or not shutil.which("nft")
    else ""
)
namespaced = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

SCENE = Path(__file__).with_name("redirected.py")


def read(**annotations: str) -> Redirection:
    """What a pod with these annotations asks for."""
    metadata = {"name": "web", "annotations": {PREFIX + name: value for name, value in annotations.items()}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "app"}]}}
    [workload] = lateen.load(f"{json.dumps(pod)}\n").workloads
    assert workload.pod is not None
    return workload.pod.redirection


def test_everything_is_redirected_without_annotations() -> None:
    assert read() == read(includeInboundPorts="*", includeOutboundIPRanges="*") == Redirection()


def test_empty_lists_redirect_nothing() -> None:
    none = read(includeInboundPorts="", includeOutboundIPRanges="")
    assert (none.inbound_ports, none.outbound_networks) == ((), ())
    assert "redirect to :15001" not in nftables(none)


def seen(
    tmp_path: Path, redirection: Redirection, calls: dict[str, str], open_ports: tuple[int, ...] = ()
) -> dict[str, str]:
    """Which port answered each call `WHO ADDRESS PORT` under these rules; WHO is app, sidecar, peer or a source."""
    rules, asked = tmp_path / "rules.nft", tmp_path / "calls"
    rules.write_text(nftables(redirection, open_ports))
    asked.write_text("".join(f"{call}\n" for call in calls))
    with subprocess.Popen(["/usr/bin/unshare", "-n", "/usr/bin/sleep", "60"], stdin=subprocess.DEVNULL) as peer:
        try:
            while Path(f"/proc/{peer.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
                time.sleep(0.001)
            command = ["/usr/bin/unshare", "-n", sys.executable, SCENE, rules, asked, str(peer.pid)]
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        finally:
            peer.kill()
    assert done.returncode == 0, done.stderr
    return dict(zip(calls, done.stdout.splitlines(), strict=True))


@namespaced
def test_all_goes_through_the_sidecar_but_its_own(tmp_path: Path) -> None:
    calls = {
        "app 203.0.113.5 80": "15001",
        "app 2001:db8:5::5 80": "15001",
        "app 127.0.0.1 8080": "8080",
        "app ::1 8080": "8080",
        "app 192.0.2.1 8080": "8080",  # its own address
        "sidecar 127.0.0.1 8080": "8080",
        "sidecar 127.0.0.11 8080": "8080",  # Docker's resolver
        "sidecar 192.0.2.1 8080": "15006",  # the workload called its own Service
        "sidecar 2001:db8::1 8080": "15006",
        "127.0.0.6 192.0.2.1 8080": "8080",  # inbound, done
        "::6 2001:db8::1 8080": "8080",
        "sidecar 192.0.2.9 80": "refused",  # straight to the peer, who has no such port
        "peer 192.0.2.1 8080": "15006",
        "peer 2001:db8::1 8080": "15006",
        "peer 192.0.2.1 15001": "15006",
        "peer 192.0.2.1 15021": "15021",
    }
    assert seen(tmp_path, Redirection(), calls) == calls


@namespaced
def test_excluded_ports_and_ranges_stay_direct(tmp_path: Path) -> None:
    redirection = read(
        excludeInboundPorts="8080",
        excludeOutboundPorts="22, 22",
        excludeOutboundIPRanges="192.0.2.9/32,192.0.2.0/25,2001:db8::/64",
    )
    calls = {
        "peer 192.0.2.1 8080": "8080",
        "peer 192.0.2.1 22": "15006",
        "app 203.0.113.5 80": "15001",
        "app 192.0.2.9 80": "refused",
        "app 192.0.2.9 22": "refused",
        "app 2001:db8::9 80": "refused",
    }
    assert seen(tmp_path, redirection, calls) == calls


@namespaced
def test_only_included_ports_and_ranges_are_redirected(tmp_path: Path) -> None:
    redirection = read(
        includeInboundPorts="80", includeOutboundIPRanges="203.0.113.0/24,127.1.2.3/32", includeOutboundPorts="443"
    )
    calls = {
        "peer 192.0.2.1 80": "15006",
        "peer 192.0.2.1 8080": "8080",
        "app 203.0.113.5 80": "15001",
        "app 192.0.2.9 443": "15001",
        "app 192.0.2.9 80": "refused",
        "app 2001:db8::9 443": "15001",
        "app 2001:db8::9 80": "refused",
        "app 127.1.2.3 8080": "15001",  # loopback, because it is named
        "app 127.0.0.1 8080": "8080",
    }
    assert seen(tmp_path, redirection, calls) == calls


@namespaced
@pytest.mark.parametrize("ranges", ["", "0.0.0.0/0,::/0", "10.0.0.1/8"])
def test_every_form_is_one_that_nft_takes(tmp_path: Path, ranges: str) -> None:
    redirection = read(
        includeInboundPorts="", includeOutboundIPRanges=ranges, excludeOutboundIPRanges="10.0.0.0/8,10.1.0.0/16"
    )
    assert seen(tmp_path, redirection, {"peer 192.0.2.1 8080": "8080"}) == {"peer 192.0.2.1 8080": "8080"}


@namespaced
def test_open_ports_and_excluded_interfaces_are_left_alone(tmp_path: Path) -> None:
    calls = {"peer 192.0.2.1 8080": "8080", "app 203.0.113.5 80": "15001"}
    assert seen(tmp_path, Redirection(), calls, open_ports=(8080,)) == calls
    excluded = {"peer 192.0.2.1 8080": "8080", "app 192.0.2.9 80": "refused"}
    assert seen(tmp_path, read(excludeInterfaces="pod"), excluded) == excluded
