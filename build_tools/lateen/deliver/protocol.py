"""The delta xDS protocol as plain values, free of gRPC: what a stream receives, sends and holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lateen.xds.snapshot import TYPES

CLUSTER, ENDPOINT, SECRET = TYPES["clusters"], TYPES["endpoints"], TYPES["secrets"]
LISTENER, EXTENSION, ROUTE = TYPES["listeners"], TYPES["extensions"], TYPES["routes"]

MAKE = (CLUSTER, ENDPOINT, SECRET)
"""What others lead to, in the order in which it is sent. Once Envoy has acknowledged a cluster, it is warm."""

USE = (LISTENER, EXTENSION, ROUTE)
"""What leads to others: sent when everything of MAKE is acknowledged, so that no request meets a cold cluster."""

WILDCARD = frozenset({CLUSTER, LISTENER})
"""Types that Envoy asks for as a whole; of the others it names what it wants."""

ONE_BY_ONE = frozenset({SECRET, EXTENSION})
"""Types that go one per response. Envoy acknowledges rejected bytes of these types when it sees them again, so the
first verdict must name its resource, and it outweighs later acknowledgements."""

Reference = tuple[str, str]
"""Type URL and name of a resource."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A serialized resource. `version` is a hash of `body`: equal content is never sent twice, whoever serves it.

    `references` are the resources that Envoy will ask for by name because of this one.
    """

    version: str
    body: bytes = field(repr=False)
    references: frozenset[Reference] = frozenset()


Resources = Mapping[str, Mapping[str, Resource]]
"""Everything that one proxy shall have: by type URL, then by name."""


@dataclass(frozen=True, slots=True)
class Request:
    """A DeltaDiscoveryRequest. `error` is the text of a rejection (NACK); None with a `nonce` is an ACK."""

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial_versions: Mapping[str, str] = field(default_factory=dict)
    nonce: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A DeltaDiscoveryResponse."""

    type_url: str
    nonce: str
    resources: Mapping[str, Resource]
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """Envoy refused one version of one resource; what it had before stays in force."""

    type_url: str
    name: str
    version: str
    message: str
