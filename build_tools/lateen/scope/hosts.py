"""Lookups by host name: exact names before wildcards, longer wildcards before shorter ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from lateen.model.hosts import is_wildcard, matches, overlap, specificity

_T = TypeVar("_T")


class HostIndex(Mapping[str, _T]):
    """Values by host. `find` gives the value of the most specific host that covers a name."""

    def __init__(self, values: Mapping[str, _T]) -> None:
        self._values = dict(values)
        self._wildcards = sorted(filter(is_wildcard, values), key=specificity)

    def find(self, host: str) -> _T | None:
        """The value for `host` itself, else for the longest wildcard that covers it, else None."""
        if host in self._values:
            return self._values[host]
        pattern = next((pattern for pattern in self._wildcards if matches(pattern, host)), None)
        return None if pattern is None else self._values[pattern]

    def __getitem__(self, host: str) -> _T:
        return self._values[host]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def imports(hosts: Iterable[tuple[str, str]], own_namespace: str, namespace: str, host: str) -> bool:
    """Whether a Sidecar's `namespace/host` list lets in the exact or wildcard `host` of `namespace`.

    `own_namespace` is what `.` stands for. A VirtualService host that is wider than the import counts as well: some of
    its names are imported (Istio: `SelectVirtualServices`).
    """
    here = ("*", ".", namespace) if namespace == own_namespace else ("*", namespace)
    return any(wanted in here and overlap(pattern, host) for wanted, pattern in hosts)
