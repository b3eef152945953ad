"""The network of a run: who gets which address, and what is made in the engine."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError
from requests import Response

from lateen.diagnostics import MeshError
from lateen.runtime.docker import network
from lateen.runtime.docker.network import Network, create_network

ROOT = Path("/run/lateen/0123abcd")


class Engine:
    """Hands out blocks as an engine does; `stolen` of them are somebody else's before they can be asked for."""

    def __init__(self, stolen: int = 0) -> None:
        self.stolen, self.made, self.given = stolen, [], 0
        self.networks = self

    def create(self, name: str, **options: Any) -> Any:
        if "ipam" not in options:
            self.given += 1
        elif self.given <= self.stolen:
            refusal = Response()
            refusal.status_code = 403
            raise APIError("refused", refusal, "Pool overlaps with other one on this address space")
        self.made.append(Made(self, name, f"172.{20 + self.given}.0.0/16", options))
        return self.made[-1]


class Made:
    """A network of that engine."""

    def __init__(self, engine: Engine, name: str, block: str, options: dict[str, Any]) -> None:
        self.engine, self.name, self.options = engine, name, options
        self.attrs = {"IPAM": {"Config": [{"Subnet": "fd00::/64"}, {"Subnet": block}]}}

    def reload(self) -> None:
        """It knows all from the start."""

    def remove(self) -> None:
        self.engine.made.remove(self)


def disabled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None) -> None:
    """IPv6 as /proc/sys has it; None: the kernel has none."""
    setting = tmp_path / "disable_ipv6"
    if text is not None:
        setting.write_text(text)
    monkeypatch.setattr(network, "_IPV6_DISABLED", setting)


def test_instances_have_the_addresses_after_the_gateway() -> None:
    small = Network("n", IPv4Network("10.0.0.0/29"), IPv6Network("fd00::/64"))
    assert small.gateway == "10.0.0.1"
    assert small.addresses(1) == ("10.0.0.2", "fd00::2")
    assert small.instances == 5
    assert small.addresses(small.instances)[0] == "10.0.0.6"  # the next one is broadcast


def test_without_ipv6_there_is_one_address() -> None:
    assert Network("n", IPv4Network("10.0.0.0/29")).addresses(1) == ("10.0.0.2",)


def test_the_block_that_the_engine_chose_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disabled(monkeypatch, tmp_path, "0\n")
    engine: Any = Engine()
    found = create_network(engine, "0123abcd", ROOT)
    [made] = engine.made
    assert found == Network("lateen-0123abcd", IPv4Network("172.21.0.0/16"), IPv6Network("fd6c:6174:0123:abcd::/64"))
    assert made.options["enable_ipv6"]
    assert [pool["Subnet"] for pool in made.options["ipam"]["Config"]] == ["172.21.0.0/16", "fd6c:6174:123:abcd::/64"]
    assert made.options["labels"] == {"lateen": "network", "lateen.run": "0123abcd", "lateen.root": str(ROOT)}


@pytest.mark.parametrize("setting", ["1\n", None], ids=["off", "absent"])
def test_a_machine_without_ipv6_has_pods_without(
    setting: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disabled(monkeypatch, tmp_path, setting)
    engine: Any = Engine()
    assert create_network(engine, "0123abcd", ROOT).ipv6 is None
    assert engine.made[0].options["enable_ipv6"] is False


def test_a_block_that_somebody_else_took_is_given_up() -> None:
    engine: Any = Engine(stolen=2)
    assert str(create_network(engine, "0123abcd", ROOT).ipv4) == "172.23.0.0/16"
    assert len(engine.made) == 1


def test_an_engine_that_never_gives_one_is_asked_three_times() -> None:
    engine: Any = Engine(stolen=10)
    with pytest.raises(MeshError) as caught:
        create_network(engine, "0123abcd", ROOT)
    [finding] = caught.value.diagnostics
    assert (finding.code, engine.given, engine.made) == ("LAT0732", 3, [])
    assert "make a network: Pool overlaps" in finding.message
