"""The operator's ports of a pod; `nft` itself reads the rules where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lateen.deliver.redirection import nftables
from lateen.model.injection import Redirection
from lateen.runtime.docker.rules import OPERATOR_PORTS, guard_rules
from lateen.xds.bootstrap import ADMIN_PORT


def test_the_pod_and_this_machine_are_let_in_before_everybody_is_refused() -> None:
    lines = [line.strip() for line in guard_rules("172.20.0.1").splitlines()]
    own, machine, others = (
        lines.index('iifname "lo" accept'),
        lines.index("ip saddr 172.20.0.1 accept"),
        lines.index("tcp dport { 15000, 15002 } reject with tcp reset"),
    )
    assert own < machine < others
    assert ADMIN_PORT in OPERATOR_PORTS


def test_nft_takes_the_rules_of_a_pod(tmp_path: Path) -> None:
    """In a network namespace of its own, since even a check asks the kernel; redirection and guard are one file."""
    if shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
        pytest.skip("nft is not installed")
    path = tmp_path / "rules.nft"
    path.write_text(nftables(Redirection(), OPERATOR_PORTS) + guard_rules("172.20.0.1"))
    argv = ["unshare", "--user", "--map-root-user", "--net", "/bin/sh", "-c"]
    script = f"PATH=/usr/sbin:/sbin:$PATH; nft -f {path} && nft list ruleset"
    done = subprocess.run([*argv, script], capture_output=True, text=True, check=False, timeout=30)
    if done.stderr.startswith("unshare:") or "Operation not permitted" in done.stderr:
        pytest.skip(f"no network namespace of its own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "tcp dport { 15000, 15002 } reject with tcp reset" in done.stdout
