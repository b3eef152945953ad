"""Which service gets which listener: Istio's rules for services that share a port or an address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import listeners as codes
from lateen.model.service import Protocol, Resolution, ServicePort
from lateen.model.sidecar import EgressListener
from lateen.scope.views import OutboundView, ProxyScope, ServiceView
from lateen.xds.interception import UNPRIVILEGED, binds, outbound_address
from lateen.xds.listeners.listener import Bind, listener_name, wildcards
from lateen.xds.listeners.outbound_chains import ChainBuilder, OutboundChain, Port
from lateen.xds.names import outbound_route
from lateen.xds.routes.sidecar import has_own_ports, imports

_SERVER_FIRST = (Protocol.MONGO, Protocol.MYSQL)
_REACHABLE = (Resolution.STATIC, Resolution.DNS, Resolution.DNS_ROUND_ROBIN, Resolution.PASSTHROUGH)

HTTP, TCP, AUTO = "http", "tcp", "auto"


@dataclass(slots=True)
class Entry:
    """A listener in the making, with the port that it was begun for.

    `kind` is what it carries: HTTP alone, no HTTP, or both, told apart by sniffing.
    """

    bind: Bind
    port: Port
    kind: str
    chains: list[OutboundChain]
    locked: bool = False


class OutboundTable:
    """The outbound listeners of a sidecar by bind address and port."""

    def __init__(self, scope: ProxyScope, view: OutboundView) -> None:
        self.entries: dict[tuple[str, int], Entry] = {}
        self._proxy = scope.proxy
        self._bound = binds(scope.proxy)
        self._wildcards = wildcards(scope.proxy)
        self._tcp_addresses: Mapping[str, str] = scope.proxy.metadata.get("LATEEN_TCP_ADDRESSES") or {}
        self._builder = ChainBuilder(scope, {v.service.hostname: v for v in reversed(view.services)})
        self._conflicts: list[Diagnostic] = []
        self._privileged: dict[int, list[ServiceView]] = {}
        imported = [v for v in view.services if v.imported and v.service.resolution in _REACHABLE]
        for listener in view.egress:
            if listener.port:
                self._add_egress(listener, [v for v in imported if imports(listener, v, view.namespace)])
        for entry in self.entries.values():
            # What a Sidecar puts on a port of its own is all that is there.
            entry.locked = True
        for service in imported:
            if has_own_ports(view, service):
                for port in service.service.ports:
                    self._add_service(service, port)

    def diagnostics(self) -> Iterator[Diagnostic]:
        """What was found on the way."""
        yield from self._conflicts
        for number, views in sorted(self._privileged.items()):
            first, *others = [view.service.ref.origin for view in views]
            hosts = ", ".join(view.service.hostname for view in views)
            related = tuple(origin for origin in others if origin != first)
            finding = codes.PRIVILEGED_PORT
            yield finding.at(first, related=related, port=number, hosts=hosts, hint=finding.fix)

    def _add_egress(self, listener: EgressListener, services: list[ServiceView]) -> None:
        bound = self._bound or listener.capture_mode == "NONE"
        address = listener.bind or (outbound_address(self._proxy) if bound else "")
        for view in services:
            port = Port(listener.port, listener.protocol, view)
            if bound and self._is_privileged(port):
                continue
            for bind, placed in self._places(port, (address,) if address else ()):
                self._add(replace(bind, port=bound), placed)

    def _add_service(self, view: ServiceView, declared: ServicePort) -> None:
        port = Port(declared.number, declared.protocol, view)
        if self._bound and self._is_privileged(port):
            return
        fixed: tuple[str, ...] = ()
        if self._bound:
            own = self._tcp_addresses.get(f"{view.service.hostname}:{declared.number}")
            fixed = (own or outbound_address(self._proxy),)
        for bind, placed in self._places(port, fixed):
            self._add(replace(bind, port=self._bound), placed)

    def _is_privileged(self, port: Port) -> bool:
        if port.number >= UNPRIVILEGED or port.protocol is Protocol.UDP:
            return False
        self._privileged.setdefault(port.number, []).append(port.view)
        return True

    def _places(self, port: Port, fixed: tuple[str, ...]) -> Iterator[tuple[Bind, Port]]:
        """Where the port listens: at given addresses, for HTTP at all, else at the service's own."""
        service = port.service
        if fixed or port.protocol.is_http:
            yield Bind(fixed or self._wildcards), port
            return
        for address in service.addresses:
            network = ip_network(address, strict=False)
            if network.prefixlen == network.max_prefixlen:
                yield Bind((str(network.network_address),)), port
            else:
                yield Bind(self._wildcards), replace(port, distinct=False, ranges=frozenset({str(network)}))
        if service.addresses:
            return
        if service.resolution is not Resolution.PASSTHROUGH:
            yield Bind(self._wildcards), replace(port, distinct=False)
            return
        # A headless service is reached at each of its endpoints; at its own address an application reaches itself.
        endpoints = dict.fromkeys(e.address for e in port.view.endpoints if e.service_port == port.number)
        for address in endpoints:
            if _is_address(address) and address not in self._proxy.addresses:
                yield Bind((address,)), port
        if not endpoints and service.registry != "Kubernetes" and not service.selector:
            yield Bind(self._wildcards), replace(port, distinct=False)

    def _add(self, bind: Bind, port: Port) -> None:
        if port.protocol is Protocol.UDP:
            return
        key = bind.primary, port.number
        current = self.entries.get(key)
        if current and (current.locked or not _may_share(current, port)):
            if not current.locked:
                self._report(current, port)
            return
        everywhere = not bind.port and bind.primary == self._wildcards[0]
        if port.protocol.is_http:
            self._add_http(key, Entry(bind, port, HTTP, []), everywhere=everywhere)
        elif port.protocol is Protocol.AUTO:
            self._add_auto(key, Entry(bind, port, AUTO, []), everywhere=everywhere)
        else:
            self._merge(key, Entry(bind, port, TCP, self._builder.tcp(port)))

    def _add_http(self, key: tuple[str, int], entry: Entry, *, everywhere: bool) -> None:
        """HTTP shares its listener by virtual hosts; beside TCP, and on all addresses, it is sniffed."""
        current = self.entries.get(key)
        if current and current.kind != TCP:
            return
        name = listener_name(*key)
        sniffed = everywhere and entry.port.protocol is not Protocol.HTTP_PROXY
        entry.chains.append(self._builder.http(entry.port, name, outbound_route(key[1]), sniffed=sniffed))
        if sniffed:
            entry.kind = AUTO
        self._merge(key, entry)

    def _add_auto(self, key: tuple[str, int], entry: Entry, *, everywhere: bool) -> None:
        current = self.entries.get(key)
        if current and current.kind == AUTO:
            return
        shared = everywhere or entry.bind.port
        route = outbound_route(key[1], "" if shared else entry.port.service.hostname)
        entry.chains += self._builder.tcp(entry.port)
        entry.chains.append(self._builder.http(entry.port, listener_name(*key), route, sniffed=True))
        if current and current.kind == HTTP:
            del self.entries[key]
        self._merge(key, entry)

    def _merge(self, key: tuple[str, int], entry: Entry) -> None:
        """Begin a listener, or add the chains that nothing in it conflicts with."""
        current = self.entries.setdefault(key, entry)
        if current is entry:
            return
        taken = {chain.key for chain in current.chains}
        fresh = [chain for chain in entry.chains if chain.key not in taken]
        if len(fresh) < len(entry.chains):
            self._report(current, entry.port)
        current.chains += fresh
        if current.kind != entry.kind:
            current.kind = AUTO

    def _report(self, current: Entry, port: Port) -> None:
        here, there = port.service, current.port.service
        if here is there:
            return
        self._conflicts.append(
            codes.PORT_TAKEN.at(
                here.ref.origin,
                related=(there.ref.origin,) if there.ref.origin != Origin() else (),
                host=here.hostname,
                port=port.number,
                other=there.hostname,
                hint=codes.PORT_TAKEN.fix,
            )
        )


def _may_share(current: Entry, port: Port) -> bool:
    """Sniffing waits for the client: protocols in which the server speaks first share a port with themselves only."""
    mixed = port.protocol in _SERVER_FIRST or current.port.protocol in _SERVER_FIRST
    return not mixed or port.protocol is current.port.protocol


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
