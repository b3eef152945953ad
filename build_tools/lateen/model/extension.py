"""Filters that the user adds: WasmPlugin and TrafficExtension both end here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lateen.model.identity import Ref, Selector
from lateen.model.named_files import NamedFiles


@dataclass(frozen=True, slots=True)
class ExtensionMatch:
    """Where an extension applies: `mode` CLIENT, SERVER or CLIENT_AND_SERVER; `ports` empty means all."""

    mode: str = "CLIENT_AND_SERVER"
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Extension:
    """One filter at a phase (AUTHN, AUTHZ, STATS or UNSPECIFIED).

    `url` is `lateen://NAME`, `oci://`, `http(s)://` or `file://`; for inline Lua it is empty and `lua` holds the code.
    `files` are those that `config` names. `priority` None is lowest. `fail_strategy` is Istio's name, or empty when not
    given (a filter then has its own).
    """

    ref: Ref
    phase: str = "UNSPECIFIED"
    priority: int | None = None
    url: str = ""
    lua: str = ""
    sha256: str = ""
    config: dict[str, Any] = field(default_factory=dict, hash=False)
    files: NamedFiles = ()
    type: str = "HTTP"
    fail_strategy: str = ""
    matches: tuple[ExtensionMatch, ...] = ()
    selector: Selector = Selector()
    env: tuple[tuple[str, str], ...] = ()
    created: str = ""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the files are that `config` names."""
        return tuple(Path(self.ref.origin.file).parent / name for name, _ in self.files)
