"""Sidecar: what a workload's proxy sees and serves."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics.codes import model as codes
from lateen.model import hosts
from lateen.model.checks import port_number, valid_host
from lateen.model.context import Context
from lateen.model.fields import Fields
from lateen.model.from_destination_rule import connection_pool
from lateen.model.mesh_config_fields import DYNAMIC_DNS, RESOLUTION_BY_PROXY
from lateen.model.protocols import declared_protocol
from lateen.model.sidecar import EgressListener, IngressListener, Sidecar

_WELL_KNOWN = ("127.0.0.1", "0.0.0.0", "[::1]", "[::]")  # noqa: S104


def sidecars(body: Fields, context: Context) -> Iterator[Sidecar]:
    """The scope of one Sidecar."""
    spec = body.section("spec")
    selector = spec.selector("workloadSelector", "labels")
    egress, ingress = spec.sections("egress"), spec.sections("ingress")
    if body.resource.namespace == context.config.root_namespace and selector:
        problem = "a Sidecar of the root namespace is for the whole mesh and takes no workloadSelector"
        spec.report(codes.CONTRADICTION, "workloadSelector", key=True, problem=problem)
    policy = spec.section("outboundTrafficPolicy")
    if policy.text("mode") == DYNAMIC_DNS:
        policy.report(codes.FIELD_NOT_COMPILED, "mode", field=RESOLUTION_BY_PROXY)
    _check_listeners(egress, ingress)
    yield Sidecar(
        ref=body.ref,
        egress=tuple(_egress(section) for section in egress),
        ingress=tuple(_ingress(section) for section in ingress),
        outbound_mode=policy.text("mode", "REGISTRY_ONLY") if policy else "",
        selector=selector,
        created=body.resource.created,
    )


def _check_listeners(egress: tuple[Fields, ...], ingress: tuple[Fields, ...]) -> None:
    for sections, what in ((egress, "egress"), (ingress, "ingress")):
        seen: set[tuple[int | None, str]] = set()
        for section in sections:
            key = (section.section("port").integer("number"), section.text("bind"))
            if key in seen:
                problem = f"two {what} listeners have the same port" if key[0] else f"two {what} listeners take all"
                section.report(codes.DUPLICATE, problem=problem)
            seen.add(key)


def _egress(section: Fields) -> EgressListener:
    port = section.section("port")
    texts = section.texts("hosts")
    if not section.wrote("hosts"):
        section.report(codes.MISSING, problem="an egress listener needs hosts")
    if section.text("bind") and not port:
        section.report(codes.CONTRADICTION, "bind", problem="bind needs a port")
    number = port_number(port) if port else 0
    return EgressListener(
        hosts=tuple(pair for i, text in enumerate(texts) if (pair := _host(section, text, i))),
        port=number,
        port_name=port.text("name"),
        protocol=declared_protocol(port.text("protocol"), number),
        bind=section.text("bind"),
        capture_mode=section.text("captureMode", "DEFAULT"),
    )


def _host(section: Fields, text: str, index: int) -> tuple[str, str] | None:
    namespace, slash, host = text.partition("/")
    if not slash:
        section.report(codes.INVALID_HOST, "hosts", index, problem=f"{text!r} is not of the form namespace/host")
        return None
    if namespace not in ("*", ".", "~") and not hosts.is_dns_label(namespace):
        problem = f"{text!r} does not begin with a namespace, *, . or ~"
        section.report(codes.INVALID_HOST, "hosts", index, problem=problem)
        return None
    if host != "*" and not valid_host(section, host, "hosts", index):
        return None
    return (namespace, host)


def _ingress(section: Fields) -> IngressListener:
    port = section.section("port")
    number = port_number(port)
    endpoint = section.text("defaultEndpoint")
    if endpoint and not endpoint.startswith("unix://"):
        address, _, target = endpoint.rpartition(":")
        if address not in _WELL_KNOWN or not target.isdecimal() or not 1 <= int(target) <= 65535:
            problem = f"{endpoint!r} is not 127.0.0.1:PORT, 0.0.0.0:PORT or unix:///PATH"
            section.report(codes.INVALID_ADDRESS, "defaultEndpoint", problem=problem)
            endpoint = ""
    pool = section.section("connectionPool")
    return IngressListener(
        port=number,
        port_name=port.text("name"),
        protocol=declared_protocol(port.text("protocol"), number),
        bind=section.text("bind"),
        default_endpoint=endpoint,
        capture_mode=section.text("captureMode", "DEFAULT"),
        connection_pool=connection_pool(pool) if pool else None,
    )
