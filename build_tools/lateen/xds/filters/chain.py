"""What an HTTP filter may look at when it decides what of itself a connection manager gets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from lateen.model.security import AuthorizationPolicy
from lateen.scope.views import ProxyScope

TYPES = "type.googleapis.com/envoy"


class Direction(Enum):
    """Which way a listener faces; `value` is Istio's word in stat prefixes and the call log."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    GATEWAY = "gateway"

    @property
    def traffic(self) -> str:
        """Envoy's traffic direction; a gateway's listeners face the network as a sidecar's outbound ones do."""
        return "INBOUND" if self is Direction.INBOUND else "OUTBOUND"

    @property
    def authorizes(self) -> bool:
        """Whether authorization is decided here: by the server's side, or at the edge."""
        return self is not Direction.OUTBOUND


@dataclass(frozen=True)
class Chain:
    """One connection manager or TCP filter chain. `port` is the listener's, 0 where it serves many."""

    scope: ProxyScope
    direction: Direction
    port: int = 0

    @cached_property
    def policies(self) -> tuple[AuthorizationPolicy, ...]:
        """The policies that are decided here."""
        return self.scope.authorization if self.direction.authorizes else ()


def typed(name: str, message: str, **fields: Any) -> dict[str, Any]:
    """A filter with its typed configuration; `message` is the type's name after `envoy.`."""
    return {"name": name, "typed_config": {"@type": f"{TYPES}.{message}", **fields}}
