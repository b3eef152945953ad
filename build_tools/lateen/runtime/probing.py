"""What a probe asks, and how the kubelet judges the answer."""

from __future__ import annotations

import contextlib
import http.client
import socket
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import InsecureRequestWarning

from lateen.model.pod import Exec, GrpcCheck, HttpGet, Probe, TcpSocket
from lateen.runtime.direct import AGENT_ERROR, get

Ask = Callable[[Probe], str]
"""Carries out a probe once; empty if it succeeded, else what is missing."""

Execute = Callable[[tuple[str, ...], float], str]
"""Runs a command inside of a container for so many seconds at most; empty if it exits with 0, else how it ended."""

_SERVING = b"\x08\x01"
"""HealthCheckResponse with status SERVING."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a container is asked: its pod's IP, the numbers of its named ports, and a way to run a command in it.

    `proxy` is the HTTP proxy in the pod's network through which it is asked, behind its sidecar; empty: directly.
    """

    address: str
    ports: Mapping[str, int]
    execute: Execute
    proxy: str = ""

    def ask(self, probe: Probe) -> str:
        """Carry out a probe once; empty if it succeeded, else what is missing."""
        match probe.check:
            case HttpGet() as check:
                return _http(check, check.host or self.address, self._port(check.port), probe.timeout, self.proxy)
            case TcpSocket() as check:
                return _tcp(check.host or self.address, self._port(check.port), probe.timeout, self.proxy)
            case GrpcCheck() as check:
                return _grpc(self.address, check, probe.timeout, self.proxy)
            case Exec(command):
                return self.execute(command, probe.timeout)

    def _port(self, port: int | str) -> int:
        return port if isinstance(port, int) else self.ports.get(port, 0)


def _http(check: HttpGet, address: str, port: int, timeout: float, proxy: str) -> str:
    url = f"{check.scheme.lower()}://{f'[{address}]' if ':' in address else address}:{port}{check.path}"
    try:
        with warnings.catch_warnings(category=InsecureRequestWarning, action="ignore"):
            answer = get(url, timeout, dict(check.headers), proxy)
    except requests.RequestException as error:
        return f"{url} gives {_cause(error)}"
    if AGENT_ERROR in answer.headers:
        return f"{url} gives {answer.headers[AGENT_ERROR]}"
    return "" if answer.status_code < 400 else f"{url} answers {answer.status_code}"


def _cause(error: BaseException) -> str:
    """The innermost reason of a failed request, without the addresses of objects that requests puts around it."""
    match error:
        case requests.Timeout():
            return "no answer in time"
        case requests.ConnectionError():
            return "no connection"
        case _:
            return type(error).__name__


def _tcp(address: str, port: int, timeout: float, proxy: str) -> str:
    try:
        _connect(address, port, timeout, proxy)
    except OSError:
        return f"nothing accepts connections on {address}:{port}, its pod IP"
    return ""


def _connect(address: str, port: int, timeout: float, proxy: str) -> None:
    """Open a connection and close it. Raises OSError if nobody takes it."""
    if not proxy:
        socket.create_connection((address, port), timeout).close()
        return
    way = urlsplit(proxy)
    connection = http.client.HTTPConnection(way.hostname or "", way.port, timeout=timeout)
    connection.set_tunnel(address, port)
    with contextlib.closing(connection):
        connection.connect()


def _grpc(address: str, check: GrpcCheck, timeout: float, proxy: str) -> str:
    """Ask `grpc.health.v1.Health/Check`; its two messages have one field each, so that no generated code is needed."""
    import grpc  # noqa: PLC0415

    request = _string(check.service)
    place = f"{address}:{check.port}"
    with grpc.insecure_channel(place, options=_through(proxy)) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            answer = call(request, timeout=timeout)
        except grpc.RpcError as error:
            return f"the gRPC health service on {place} gives {error.code().name}"
    return "" if answer == _SERVING else f"the gRPC health service on {place} says it is not serving"


def _through(proxy: str) -> list[tuple[str, str | int]]:
    return [("grpc.http_proxy", proxy)] if proxy else [("grpc.enable_http_proxy", 0)]


def _string(text: str) -> bytes:
    """A message whose field 1 is this string; empty for the empty one."""
    content = text.encode()
    if len(content) < 128:
        return b"\x0a%c%s" % (len(content), content) if content else b""
    return b"\x0a%c%c%s" % (len(content) & 0x7F | 0x80, len(content) >> 7, content)
