"""The example, whole: every resource of every proxy in each form that it can take."""

from __future__ import annotations

from pathlib import Path

import pytest

import lateen
from lateen.analysis import analyze
from lateen.model.placement import place_by_cidr
from lateen.schema import Schema
from lateen.xds.snapshot import TYPES, Config, Snapshot

STOREFRONT = Path(__file__).resolve().parents[3] / "envoy_configs" / "storefront"
SCHEMA = Schema.default()


@pytest.fixture(scope="module")
def snapshots() -> list[Snapshot]:
    mesh = place_by_cidr(lateen.load(STOREFRONT), "192.0.2.0/24")
    assert analyze(mesh) == []
    compiler = lateen.Compiler(mesh)
    snapshots = [compiler.compile(proxy) for proxy in mesh.proxies()]
    assert len(snapshots) > 5
    return snapshots


def test_every_resource_round_trips_through_typed_messages(snapshots: list[Snapshot]) -> None:
    distinct: dict[str, dict[str, Config]] = {attribute: {} for attribute in TYPES}
    for snapshot in snapshots:
        for attribute, url in TYPES.items():
            configs = getattr(snapshot, attribute).values()
            distinct[attribute] |= {SCHEMA.encode(url, config).hex(): config for config in configs}
    typed = Snapshot(snapshots[0].proxy, **distinct).typed()
    unknown = {value.path for values in typed.untyped.values() for value in values}
    assert unknown == {"typed_config.config.vm_config.capability_restriction_config"}  # since Envoy 1.40
    for attribute, url in TYPES.items():
        for encoded, message in getattr(typed, attribute).items():
            assert SCHEMA.decode(url, bytes(message)) == SCHEMA.decode(url, bytes.fromhex(encoded))
