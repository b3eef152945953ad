"""Engines whose containers cannot be reached from here."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.runtime.docker.runtime import elsewhere


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"OperatingSystem": "Debian GNU/Linux 12", "SecurityOptions": ["name=seccomp,profile=default"]}, ""),
        ({"OperatingSystem": "Debian GNU/Linux 12", "SecurityOptions": None}, ""),
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}, "rootless"),
        ({"OperatingSystem": "Docker Desktop", "SecurityOptions": []}, "virtual machine"),
    ],
)
def test_networks_of_an_engine_are_this_machines_or_not(described: dict[str, Any], said: str) -> None:
    assert (said in elsewhere(described)) if said else elsewhere(described) == ""
