"""Probes of containers, with the kubelet's defaults."""

from __future__ import annotations

from lateen.model.fields import Fields
from lateen.model.pod import Exec, GrpcCheck, HttpGet, Probe, TcpSocket


def probe(section: Fields) -> Probe | None:
    """The probe that a section describes; None if it is absent or says nothing to ask."""
    check = _check(section)
    if check is None:
        return None
    default = Probe(check)
    return Probe(
        check,
        initial_delay=section.number("initialDelaySeconds") or 0.0,
        period=section.number("periodSeconds") or default.period,
        timeout=section.number("timeoutSeconds") or default.timeout,
        success_threshold=section.integer("successThreshold") or 1,
        failure_threshold=section.integer("failureThreshold") or default.failure_threshold,
    )


def _check(section: Fields) -> HttpGet | TcpSocket | GrpcCheck | Exec | None:
    http, tcp = section.section("httpGet"), section.section("tcpSocket")
    grpc, command = section.section("grpc"), section.section("exec")
    if http and (port := _port(http)):
        headers = tuple((item.text("name"), item.text("value")) for item in http.sections("httpHeaders"))
        return HttpGet(port, http.text("path", "/"), http.text("scheme", "HTTP"), http.text("host"), headers)
    if tcp and (port := _port(tcp)):
        return TcpSocket(port, tcp.text("host"))
    if grpc and (number := grpc.integer("port")):
        return GrpcCheck(number, grpc.text("service"))
    return Exec(command.texts("command")) if command else None


def _port(target: Fields) -> int | str:
    """A number, or the name of a container port; 0 for what is neither."""
    port = target.raw("port")
    if isinstance(port, str):
        return int(port) if port.isdecimal() else port
    return port if isinstance(port, int) else 0
