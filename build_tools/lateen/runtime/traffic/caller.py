"""Making calls: from a workload through its sidecar, from outside through a gateway, or in plaintext to an endpoint."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import traffic as codes
from lateen.model.mesh import Mesh
from lateen.runtime.direct import AGENT_ERROR
from lateen.runtime.running import RunningApp, RunningMesh, RunningProxy
from lateen.runtime.traffic.calllog import CALL_HEADER
from lateen.runtime.traffic.cases import OUTSIDE, Call

TIMEOUT = 20.0  # seconds until a call counts as timed out

_Instance = TypeVar("_Instance", RunningProxy, RunningApp)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call gave: a status with headers, or an error (refused, reset, timeout)."""

    call: str
    status: int = 0
    error: str = ""
    headers: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """How a call is made: to `url` with `host` as Host header, through `proxy` (empty: directly).

    `entry` is the proxy that sees the call first, None for a plaintext call.
    """

    url: str
    host: str
    proxy: str
    entry: RunningProxy | None


class Caller:
    """Makes the calls of one running mesh, with one pool of connections per way in."""

    def __init__(self, running: RunningMesh, mesh: Mesh) -> None:
        self._running, self._mesh = running, mesh
        self._sessions: dict[str, requests.Session] = {}

    def route(self, call: Call) -> Route | Diagnostic:
        """The way that a call takes, or why there is none."""
        if call.source == OUTSIDE:
            return self._from_outside(call)
        entry = _named(self._running.proxies, call.source)
        if entry and entry.http_proxy:
            return Route(call.url, "", entry.http_proxy, entry)
        app = _named(self._running.apps, call.source)
        if app is None:
            return codes.UNKNOWN_SOURCE.at(call.origin, source=call.source, hint=self._known())
        return self._plaintext(call, app.http_proxy)

    def make(self, call: Call, route: Route) -> Answer:
        """Make a call once. Never raises for what the network does."""
        identity = uuid.uuid4().hex
        headers = {**call.headers, CALL_HEADER: identity}
        if route.host:
            headers["Host"] = route.host
        way = route.proxy or route.url
        session = self._sessions.get(way) or self._sessions.setdefault(way, _session(route.proxy))
        try:
            response = session.request(
                call.method,
                route.url,
                headers=headers,
                data=call.body.encode() or None,
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except requests.Timeout:
            return Answer(identity, error="timeout")
        except requests.RequestException as error:
            return Answer(identity, error="refused" if _refused(error) else "reset")
        if AGENT_ERROR in response.headers:
            return Answer(identity, error=response.headers[AGENT_ERROR])
        return Answer(identity, response.status_code, headers={k.lower(): v for k, v in response.headers.items()})

    def close(self) -> None:
        """Close every pooled connection."""
        for session in self._sessions.values():
            session.close()

    def _known(self) -> str:
        return "running: " + ", ".join(sorted({app.owner for app in self._running.apps}))

    def _from_outside(self, call: Call) -> Route | Diagnostic:
        target = urlsplit(call.url)
        port = target.port or 80
        routers = [p for p in self._running.proxies if p.kind == "router"]
        if call.via:
            router = _named(routers, call.via)
            serving = [router] if router else []
        else:
            serving = [r for r in routers if self._serves(r, target.hostname or "", port)]
        if len(serving) != 1:
            return codes.NO_ROUTER.at(call.origin, count=len(serving) or "no", url=call.url, hint="via: NAME.NAMESPACE")
        url = urlunsplit(target._replace(netloc=f"{serving[0].entrance}:{port}"))
        return Route(url, target.netloc, "", serving[0])

    def _serves(self, router: RunningProxy, host: str, port: int) -> bool:
        """Whether a Gateway that selects this router has a server for host and port."""
        workload = next((w for w in self._mesh.workloads if w.key == router.key), None)
        return workload is not None and any(
            server.port == port and any(host_matches(pattern, host) for _, pattern in server.hosts)
            for gateway in self._mesh.gateways
            if gateway.selector.selects(workload.labels)
            for server in gateway.servers
        )

    def _plaintext(self, call: Call, proxy: str) -> Route | Diagnostic:
        target = urlsplit(call.url)
        host, port = target.hostname or "", target.port or 80
        names = {host, f"{host}.{self._mesh.domain_suffix}", f"{host}.svc.{self._mesh.domain_suffix}"}
        for service in self._mesh.services:
            if service.hostname in names:
                for endpoint in self._mesh.endpoints.get((service.hostname, service.namespace), ()):
                    if endpoint.service_port == port:
                        url = urlunsplit(target._replace(netloc=f"{endpoint.address}:{endpoint.port}"))
                        return Route(url, target.netloc, proxy, None)
        return codes.NO_ENDPOINT.at(call.origin, host=host, port=port)


def host_matches(pattern: str, host: str) -> bool:
    """Whether a server's host (`*`, `*.x` or exact) covers `host`."""
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _named(things: Iterable[_Instance], name: str) -> _Instance | None:
    """The first instance that `name` names: an instance or an owner, with or without its namespace."""
    for thing in things:
        instance, _, namespace = thing.key.rpartition(".")
        if name in (thing.key, instance, thing.owner, f"{thing.owner}.{namespace}"):
            return thing
    return None


def _session(proxy: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # the environment's own proxy is not the workload's
    if proxy:
        session.proxies = {"http": proxy, "https": proxy}
    return session


def _refused(error: BaseException | None) -> bool:
    """Whether a refused connection stands anywhere among the causes of an error."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ConnectionRefusedError):
            return True
        seen.add(id(error))
        reason = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        error = error.__cause__ or error.__context__ or (reason if isinstance(reason, BaseException) else None)
    return False
