"""Filters that the user adds: WasmPlugin and TrafficExtension both end here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lateen.diagnostics import Diagnostic
from lateen.model.identity import Ref, Selector
from lateen.model.named_files import NamedFiles
from lateen.modules import Module

SUITE = "lateen"
"""The scheme of the project's own filters, by name: the one extension of Istio's schema."""


@dataclass(frozen=True, slots=True)
class ExtensionMatch:
    """Where an extension applies: `mode` CLIENT, SERVER or CLIENT_AND_SERVER; `ports` empty means all."""

    mode: str = "CLIENT_AND_SERVER"
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetRef:
    """What an extension is attached to instead of workloads with labels; `path` is its field in the document.

    `group` is empty for Kubernetes' core.
    """

    group: str
    kind: str
    name: str
    path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Extension:
    """One filter at a phase (AUTHN, AUTHZ, STATS or UNSPECIFIED).

    `url` is `lateen://NAME`, `oci://`, `http(s)://` or `file://`; for inline Lua it is empty and `lua` holds the code.
    `files` are those that `config` names. `module` is what was fetched from the URL; for one that could not be used it
    is None and `unavailable` says why.
    `priority` None is lowest. `type` is HTTP or NETWORK. `fail_strategy` is Istio's name, or empty when not given (a
    filter of the suite then has its own, a module FAIL_CLOSE). `env` are variables with their values, `host_env` the
    names of those that Envoy passes on. `always_pull`, `pull_secret` (a Secret of the same namespace) and
    `verification_key` (PEM; who must have signed the image) are for whoever fetches.
    """

    ref: Ref
    phase: str = "UNSPECIFIED"
    priority: int | None = None
    url: str = ""
    lua: str = ""
    sha256: str = ""
    config: dict[str, Any] = field(default_factory=dict, hash=False)
    files: NamedFiles = ()
    plugin_name: str = ""
    type: str = "HTTP"
    fail_strategy: str = ""
    matches: tuple[ExtensionMatch, ...] = ()
    selector: Selector = Selector()
    targets: tuple[TargetRef, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    host_env: tuple[str, ...] = ()
    always_pull: bool = False
    pull_secret: str = ""
    verification_key: str = ""
    created: str = ""
    module: Module | None = None
    unavailable: Diagnostic | None = field(default=None, compare=False, repr=False)

    @property
    def title(self) -> str:
        """Istio's name of it: `NAMESPACE.NAME`; a WasmPlugin is a TrafficExtension that Istio has translated."""
        return f"{self.ref.namespace}.{self.name}"

    @property
    def name(self) -> str:
        """The name that Istio sorts by."""
        return f"{self.ref.name}~istio-translated-wasmplugin" if self.ref.kind == "WasmPlugin" else self.ref.name

    @property
    def suite_name(self) -> str:
        """The filter of the suite that it names; empty if it names none."""
        scheme, _, name = self.url.partition("://")
        return name if scheme == SUITE else ""

    @property
    def section(self) -> str:
        """Where the fields of its module stand in the document."""
        return "spec" if self.ref.kind == "WasmPlugin" else "spec.wasm"

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the files are that `config` names."""
        return tuple(Path(self.ref.origin.file).parent / name for name, _ in self.files)
