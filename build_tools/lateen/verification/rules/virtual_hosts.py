"""Virtual hosts of one route configuration: names and domains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lateen.diagnostics.codes.verify import DUPLICATE_DOMAIN, DUPLICATE_VIRTUAL_HOST
from lateen.schema.walk import Node
from lateen.verification.problem import Problem

_ROUTES = "envoy.config.route.v3.RouteConfiguration"


def check(nodes: Sequence[Node]) -> Iterator[Problem]:
    """A problem for each virtual host whose name, and for each domain that, an earlier one has."""
    for node in nodes:
        if node.type == _ROUTES:
            yield from _check(node)


def _check(node: Node) -> Iterator[Problem]:
    names: set[str] = set()
    owners: dict[str, str] = {}
    for index, host in enumerate(node.value.get("virtual_hosts", ())):
        path = f"{node.path}.virtual_hosts[{index}]".removeprefix(".")
        name = host.get("name", "")
        if name in names:
            yield Problem(DUPLICATE_VIRTUAL_HOST, path, {"name": name})
        names.add(name)
        for number, domain in enumerate(host.get("domains", ())):
            if domain.lower() in owners:
                other = owners[domain.lower()]
                yield Problem(DUPLICATE_DOMAIN, f"{path}.domains[{number}]", {"name": domain, "other": other})
            owners.setdefault(domain.lower(), name)
