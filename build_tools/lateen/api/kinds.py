"""Every kind that is known, by group, version and name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from lateen.api.kubernetes import CLUSTER_SCOPED, METADATA
from lateen.api.kubernetes import KINDS as KUBERNETES
from lateen.api.shape import ANYTHING, STRING, Shape, from_facts
from lateen.api.traffic_test import TRAFFIC_TEST


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource; `shape` is that of the whole document."""

    group: str
    version: str
    name: str
    namespaced: bool
    shape: Shape


@cache
def kinds() -> Mapping[tuple[str, str, str], Kind]:
    """All kinds by group, version and name."""
    found = {key: _kind(*key, shape, key[2] not in CLUSTER_SCOPED) for key, shape in KUBERNETES.items()}
    found["lateen", "v1", "TrafficTest"] = _kind("lateen", "v1", "TrafficTest", TRAFFIC_TEST, True)
    text = resources.files("lateen.api").joinpath("data/crds.json").read_text()
    generated = json.loads(text)
    shapes = from_facts(generated["shapes"])
    for key, entry in generated["kinds"].items():
        group, version, name = key.split("/")
        found[group, version, name] = _kind(group, version, name, shapes[entry["shape"]], entry["namespaced"])
    return found


@cache
def strict_groups() -> frozenset[str]:
    """The groups of which every kind is known: Istio's, the Gateway API's and lateen's own."""
    own = {group for group, _, _ in KUBERNETES}
    return frozenset(group for group, _, _ in kinds()) - own


def is_strict(group: str) -> bool:
    """Whether an unknown kind of the group is an error; groups that Istio has given up are Istio's as well."""
    return group in strict_groups() or group.endswith(".istio.io")


def versions(group: str, name: str) -> list[str]:
    """The versions in which a kind is served."""
    return sorted(version for g, version, n in kinds() if (g, n) == (group, name))


def _kind(group: str, version: str, name: str, shape: Shape, namespaced: bool) -> Kind:
    common = {"apiVersion": STRING, "kind": STRING, "metadata": METADATA}
    fields = {"status": ANYTHING, **common, **shape.fields}
    return Kind(group, version, name, namespaced, replace(shape, fields=fields))
