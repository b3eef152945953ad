"""What the builder of one resource type hands to the snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lateen.diagnostics import Diagnostic, Origin
from lateen.xds.snapshot import Config


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources of one type by name, where they come from by (name, field path), and what was found on the way."""

    configs: dict[str, Config] = field(default_factory=dict)
    origins: dict[tuple[str, str], Origin] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()

    @staticmethod
    def merge(parts: Iterable[Resources]) -> Resources:
        """All parts in one; of resources with the same name the first is kept."""
        configs: dict[str, Config] = {}
        origins: dict[tuple[str, str], Origin] = {}
        diagnostics: list[Diagnostic] = []
        for part in parts:
            taken = configs.keys() & part.configs.keys()
            configs |= {name: config for name, config in part.configs.items() if name not in taken}
            origins |= {key: origin for key, origin in part.origins.items() if key[0] not in taken}
            diagnostics += part.diagnostics
        return Resources(configs, origins, tuple(diagnostics))
