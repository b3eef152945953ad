"""Kubernetes Service and EndpointSlice."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.model.address import Address
from lateen.model.context import Context, visibility
from lateen.model.fields import Fields
from lateen.model.hosts import service_host
from lateen.model.identity import Selector
from lateen.model.protocols import service_port_protocol
from lateen.model.service import Resolution, Service, ServicePort

_WITHOUT_EFFECT = (
    "allocateLoadBalancerNodePorts",
    "healthCheckNodePort",
    "ipFamilies",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
)
"""What a cluster decides about its own machines. Who calls through a sidecar never meets a node or a load balancer."""

_DEFAULTS = {"externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster", "sessionAffinity": "None"}
"""What says no more than its absence."""

EXPORT_TO = "networking.istio.io/exportTo"


def services(body: Fields, context: Context) -> Iterator[Service]:
    """The service of one Kubernetes Service."""
    resource = body.resource
    spec = body.section("spec")
    spec.ignore(*_WITHOUT_EFFECT, *(name for name, default in _DEFAULTS.items() if resource.spec.get(name) == default))
    kind = spec.text("type", "ClusterIP")
    given = spec.texts("clusterIPs") or ((spec.text("clusterIP"),) if spec.text("clusterIP") else ())
    headless = "None" in given
    external = spec.text("externalName") if kind == "ExternalName" else ""
    selector = spec.pairs("selector")
    exported = resource.annotations.get(EXPORT_TO, "")
    yield Service(
        hostname=service_host(resource.name, resource.namespace, context.domain_suffix),
        ref=body.ref,
        ports=tuple(_port(section) for section in spec.sections("ports")),
        addresses=() if headless or external else tuple(a for a in given if a),
        resolution=_resolution(headless, external),
        headless=headless,
        export_to=visibility(
            tuple(name.strip() for name in exported.split(",") if name.strip()),
            context.config.default_service_export_to,
            resource.namespace,
        ),
        selector=Selector(selector) if selector and not external else None,
        labels=dict(resource.labels),
        alias_of=external,
        created=resource.created,
    )


def _resolution(headless: bool, external: str) -> Resolution:
    if external:
        return Resolution.ALIAS
    return Resolution.PASSTHROUGH if headless else Resolution.STATIC


def _port(section: Fields) -> ServicePort:
    number = section.integer("port") or 0
    name = section.text("name")
    target = section.raw("targetPort")
    section.ignore("nodePort")
    if isinstance(target, str) and target.isdecimal():
        target = int(target)
    return ServicePort(
        name=name,
        number=number,
        protocol=service_port_protocol(number, name, section.text("protocol", "TCP"), section.text("appProtocol")),
        target_port=target or 0,
    )


def endpoint_slices(body: Fields, context: Context) -> Iterator[Address]:
    """The addresses of one EndpointSlice."""
    body.ignore("addressType")
    service = body.resource.labels.get("kubernetes.io/service-name", "")
    ports = _numbers(body)
    for section in body.sections("endpoints"):
        conditions = section.section("conditions")
        section.ignore(*_ENDPOINT_WITHOUT_EFFECT)
        ready = conditions.flag("ready") is not False
        draining = not ready and conditions.flag("terminating") and conditions.flag("serving")
        health = "HEALTHY" if ready else "DRAINING" if draining else "UNHEALTHY"
        for address in section.texts("addresses"):
            yield _address(body, context, service, address, ports, health)


_ENDPOINT_WITHOUT_EFFECT = ("deprecatedTopology", "hints", "hostname", "nodeName", "targetRef", "zone")


def endpoints(body: Fields, context: Context) -> Iterator[Address]:
    """The addresses of one Endpoints object, whose name is that of its service."""
    for subset in body.sections("subsets"):
        ports = _numbers(subset)
        for name, health in (("addresses", "HEALTHY"), ("notReadyAddresses", "UNHEALTHY")):
            for section in subset.sections(name):
                section.ignore(*_ENDPOINT_WITHOUT_EFFECT)
                yield _address(body, context, body.resource.name, section.text("ip"), ports, health)


def _numbers(section: Fields) -> dict[str, int]:
    """The ports under `ports` by name, one mapping for all addresses beside them."""
    ports = section.sections("ports")
    for port in ports:
        port.ignore("protocol", "appProtocol")
    return {port.text("name"): port.integer("port") or 0 for port in ports}


def _address(body: Fields, context: Context, service: str, address: str, ports: dict[str, int], health: str) -> Address:
    namespace = body.resource.namespace
    return Address(
        hostname=service_host(service, namespace, context.domain_suffix),
        namespace=namespace,
        address=address,
        ports=ports,
        listed_ports_only=bool(ports),
        health=health,
    )
