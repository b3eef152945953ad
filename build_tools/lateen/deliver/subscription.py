"""What one client wants of one type of resource, and what it holds as far as this stream has told it."""

from __future__ import annotations

from collections.abc import Mapping

from lateen.deliver.protocol import WILDCARD, Request, Resource

Available = Mapping[str, Resource]


class Subscription:
    """The state of one type on one stream.

    `held` maps a name to the version that was sent last (or that the client brought along), or to None after it was
    told that there is no such resource. A name that is not in it has not been answered yet.
    """

    def __init__(self, first: Request) -> None:
        self.type_url = first.type_url
        self.names = {name for name in first.subscribe if name != "*"}
        self.wildcard = "*" in first.subscribe or (first.type_url in WILDCARD and not first.subscribe)
        self.held: dict[str, str | None] = dict(first.initial_versions)
        self.alone: set[str] = set()
        self.unanswered = self.wildcard

    def change(self, request: Request) -> None:
        """Take a later request: what it asks for anew is answered in any case, changed or not, there or not."""
        for name in request.subscribe:
            if name == "*":
                self.wildcard = self.unanswered = True
            else:
                self.names.add(name)
                self.held.pop(name, None)
        for name in request.unsubscribe:
            if name == "*":
                self.wildcard = False
            else:
                self.names.discard(name)
                self.held.pop(name, None)

    def outdated(self, available: Available) -> list[str]:
        """Wanted resources of which the client holds another version or none."""
        wanted = available if self.wildcard else sorted(self.names & available.keys())
        return [name for name in wanted if self.held.get(name) != available[name].version]

    def unknown(self, available: Available) -> list[str]:
        """Names that the client waits for and that do not exist."""
        return sorted(name for name in self.names if name not in available and name not in self.held)

    def gone(self, available: Available) -> list[str]:
        """What the client holds of a wildcard type although it does not exist any more."""
        if not self.wildcard:
            return []
        return sorted(name for name, version in self.held.items() if version is not None and name not in available)

    def sent(self, resources: Available, removed: tuple[str, ...]) -> None:
        """Note what a response says."""
        self.held |= {name: resource.version for name, resource in resources.items()}
        self.alone.difference_update(resources)
        for name in removed:
            if name in self.names:
                self.held[name] = None
            else:
                self.held.pop(name, None)
        self.unanswered = False
