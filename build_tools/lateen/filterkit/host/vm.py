"""A module in the role of a plugin: its contexts, timers, callbacks, and what happens behind each of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lateen.filterkit.host.abi import NEWER, VERSIONS, Map
from lateen.filterkit.host.fields import Fields
from lateen.filterkit.host.machine import Machine, ModuleError, Trap, compiled
from lateen.filterkit.host.metrics import DefinedMetrics
from lateen.filterkit.host.world import World

if TYPE_CHECKING:
    from lateen.filterkit.host.wasm_filter import WasmStream

MEMORY = 256 * 1024 * 1024
"""The most memory that a module gets unless a test says otherwise."""

STOP = 0xFFFF
"""What a callback that asked for a local reply answers: more than any action, which means to stop."""

_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Plugin:
    """How a module is used: Envoy's PluginConfig.

    `allowed` are the capabilities that it is restricted to, functions and callbacks by their names; none is no
    restriction. `faults` are statuses that functions of the host answer, by name (`proxy_get_property`). `log_level` is
    the lowest that is logged, from 0 (trace). `versions` are the ABIs that are taken, by their export: proxies built
    from Envoy may know others.
    """

    code: bytes = field(repr=False)
    configuration: bytes = b""
    name: str = "plugin"
    root_id: str = ""
    vm_id: str = ""
    vm_configuration: bytes = b""
    environment: dict[str, str] = field(default_factory=dict)
    failure_policy: str = "FAIL_CLOSED"
    allow_on_headers_stop_iteration: bool = False
    allowed: frozenset[str] = frozenset()
    faults: dict[str, int] = field(default_factory=dict)
    memory: int = MEMORY
    log_level: int = 1
    versions: tuple[str, ...] = VERSIONS


@dataclass(slots=True)
class Context:
    """What the module knows by a number: the plugin (root), or a stream."""

    number: int
    root: bool
    stream: WasmStream | None = None


@dataclass(slots=True)
class Received:
    """What a call to another cluster brought, for as long as the module is told of it."""

    maps: dict[Map, Fields] = field(default_factory=dict)
    body: bytes | None = None
    message: bytes | None = None
    status: int = 0
    status_text: str = ""

    def clear(self) -> None:
        """It is over."""
        self.maps.clear()
        self.body = self.message = None
        self.status_text = ""


class Vm:
    """An instance that runs. `failed` is why it can run no more, or empty."""

    def __init__(self, plugin: Plugin, world: World) -> None:
        """Load and start the module. Raises ModuleError."""
        from lateen.filterkit.host.imports import functions  # noqa: PLC0415 - they need this module's types

        self.plugin, self.world = plugin, world
        self.abi = _abi(plugin)
        self.failed = ""
        self.faults = dict(plugin.faults)
        self.metrics = DefinedMetrics(world.metrics)
        self.declared: dict[bytes, tuple[str, bool]] = {}
        self.received = Received()
        self.contexts: dict[int, Context] = {}
        self.calls: set[int] = set()
        self.current: Context
        self.effective: int = 0
        self.replied = False
        self.configuring = False
        self._deferred: list[Callable[[], None]] = []
        self._next_context, self._next_call = 1, 1
        self._ticks = 0
        self.root = self.current = self.new_context()
        without = NEWER if self.abi == VERSIONS[1] else ()
        self.machine = Machine(plugin.code, functions(self, without), plugin.memory)
        if not (self.machine.exports("malloc") or self.machine.exports("proxy_on_memory_allocate")):
            raise ModuleError("Wasm module is missing malloc function.")
        if self.machine.exports("_initialize"):
            self._run("_initialize")
            if self.machine.exports("main"):
                self._run("main", 0, 0)
        elif self.machine.exports("_start"):
            self._run("_start")

    def start(self) -> bool:
        """Tell the module its configuration; whether it takes it."""
        plugin = self.plugin
        self.callback(self.root, "proxy_on_context_create", 0)
        started = self.callback(self.root, "proxy_on_vm_start", len(plugin.vm_configuration), default=1)
        self.configuring = True
        taken = started and self.callback(self.root, "proxy_on_configure", len(plugin.configuration), default=1)
        self.configuring = False
        return bool(taken) and self.usable()

    def new_context(self, stream: WasmStream | None = None) -> Context:
        """A context with the next number."""
        context = Context(self._next_context, stream is None, stream)
        self._next_context += 1
        self.contexts[context.number] = context
        return context

    def callback(
        self,
        context: Context,
        name: str,
        *arguments: int,
        default: int = 0,
        before_deferred: Callable[[], None] | None = None,
    ) -> int:
        """Call the module for a context, then do what it asked for meanwhile, with `before_deferred` first.

        A function that it does not have answers `default`, and so does a module that has failed or fails now.
        """
        if not self.usable() or not self.machine.exports(name) or not self.allows(name):
            return default
        before, self.current, self.effective = self.current, context, 0
        try:
            answer = self._run(name, context.number, *arguments)
        finally:
            self.current = before
        replied, self.replied = self.replied, False
        if before_deferred is not None:
            before_deferred()
        self._do_deferred()
        if not self.usable():
            return default
        return STOP if replied else answer

    def usable(self) -> bool:
        """Whether it has not failed."""
        return not self.failed

    def allows(self, name: str) -> bool:
        """Whether the module may use a function of the host, or be called by a callback."""
        return not self.plugin.allowed or name in self.plugin.allowed

    def defer(self, action: Callable[[], None]) -> None:
        """Do that once the module has returned."""
        self._deferred.append(action)

    @property
    def context(self) -> Context:
        """For whom the module calls functions of the host."""
        return self.contexts.get(self.effective, self.current)

    def new_call(self, kind: int) -> int:
        """A number for a call to another cluster; its lowest bits tell the kind."""
        self._next_call += 1
        return self._next_call << 2 | kind

    def set_tick_period(self, milliseconds: int) -> None:
        """Call `proxy_on_tick` this often, or with 0 no more."""
        self._ticks += 1
        if milliseconds:
            self._later_tick(self._ticks, milliseconds / _MILLISECONDS)

    def log(self, level: str, message: str) -> None:
        """A line of the host's log."""
        self.world.logs.append(f"[{level}] wasm log {self.plugin.name}: {message}")

    def _later_tick(self, number: int, seconds: float) -> None:
        def tick() -> None:
            if number == self._ticks and not self.failed:
                self.callback(self.root, "proxy_on_tick")
                if number == self._ticks:
                    self._later_tick(number, seconds)

        self.world.later(seconds, tick)

    def _run(self, name: str, *arguments: int) -> int:
        try:
            return self.machine.call(name, *arguments)
        except Trap as trap:
            self.failed = str(trap)
            self._deferred.clear()
            self.world.logs.append(f"[critical] {trap}")
            return 0

    def _do_deferred(self) -> None:
        while self._deferred:
            self._deferred.pop(0)()


def _abi(plugin: Plugin) -> str:
    exported = {export.name for export in compiled(plugin.code).exports}
    found = next((version for version in plugin.versions if version in exported), None)
    if found is None:
        raise ModuleError("Missing or unknown Proxy-Wasm ABI version")
    return found
