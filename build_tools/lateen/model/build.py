"""Resources to Mesh: every source kind ends here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from lateen.api.resource import Resource
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import model as codes
from lateen.model.address import Address
from lateen.model.context import Context
from lateen.model.delegates import join_delegates
from lateen.model.endpoints import derive_endpoints
from lateen.model.extension import Extension
from lateen.model.fields import Fields
from lateen.model.from_destination_rule import destination_rules
from lateen.model.from_extension import traffic_extensions, wasm_plugins
from lateen.model.from_gateway import gateways
from lateen.model.from_mesh_config import mesh_config
from lateen.model.from_secret import config_maps, secrets
from lateen.model.from_security import authorization_policies, peer_authentications
from lateen.model.from_service import endpoint_slices, endpoints, services
from lateen.model.from_service_entry import service_entries, workload_entries
from lateen.model.from_sidecar import sidecars
from lateen.model.from_telemetry import telemetries
from lateen.model.from_virtual_service import DraftRoute, virtual_services
from lateen.model.from_workload import jobs, namespaces, pod_templates, pods, uninjected
from lateen.model.gateway import Gateway
from lateen.model.mesh import Mesh
from lateen.model.mesh_config_fields import uncompiled
from lateen.model.routing import TcpRoute
from lateen.model.secret import Secret
from lateen.model.security import AuthorizationPolicy, PeerAuthentication
from lateen.model.service import Service
from lateen.model.sidecar import Sidecar
from lateen.model.telemetry import Telemetry
from lateen.model.traffic_policy import DestinationRule
from lateen.model.unread import unread
from lateen.model.workload import Workload
from lateen.modules import Locked
from lateen.source.document import Document

Builder = Callable[[Fields, Context], Iterable[Any]]

BUILDERS: dict[tuple[str, str], Builder] = {
    ("", "ConfigMap"): config_maps,
    ("", "Endpoints"): endpoints,
    ("", "Namespace"): namespaces,
    ("", "Pod"): pods,
    ("", "ReplicationController"): pod_templates,
    ("", "Secret"): secrets,
    ("", "Service"): services,
    ("apps", "DaemonSet"): pod_templates,
    ("apps", "Deployment"): pod_templates,
    ("apps", "ReplicaSet"): pod_templates,
    ("apps", "StatefulSet"): pod_templates,
    ("batch", "CronJob"): jobs,
    ("batch", "Job"): jobs,
    ("discovery.k8s.io", "EndpointSlice"): endpoint_slices,
    ("extensions.istio.io", "TrafficExtension"): traffic_extensions,
    ("extensions.istio.io", "WasmPlugin"): wasm_plugins,
    ("networking.istio.io", "DestinationRule"): destination_rules,
    ("networking.istio.io", "Gateway"): gateways,
    ("networking.istio.io", "ServiceEntry"): service_entries,
    ("networking.istio.io", "Sidecar"): sidecars,
    ("networking.istio.io", "VirtualService"): virtual_services,
    ("networking.istio.io", "WorkloadEntry"): workload_entries,
    ("security.istio.io", "AuthorizationPolicy"): authorization_policies,
    ("security.istio.io", "PeerAuthentication"): peer_authentications,
    ("telemetry.istio.io", "Telemetry"): telemetries,
}
"""What each kind becomes. A kind of Istio or the Gateway API that is missing here is reported, never dropped."""

_OF_KUBERNETES = ("Ingress", "NetworkPolicy")
"""Kinds of Kubernetes by which traffic is let in or kept out."""

_T = TypeVar("_T")


def build(
    resources: Iterable[Resource],
    config: Mapping[str, Any],
    domain_suffix: str = "cluster.local",
    mesh_document: Document | None = None,
    modules: Locked | None = None,
) -> tuple[Mesh, tuple[Diagnostic, ...]]:
    """The mesh that these resources describe, and what is wrong with them.

    `config` is MeshConfig as plain data, `mesh_document` where it stands (for findings), `modules` what was fetched for
    extensions. The order of the resources changes nothing. Errors are what Istio's webhook rejects; the mesh then holds
    what is still usable of the document.
    """
    findings = list(uncompiled(config, mesh_document))
    ordered = sorted(resources, key=lambda r: (r.group, r.kind, r.namespace, r.name))
    context = Context(mesh_config(config), domain_suffix, uninjected(ordered), modules or Locked())
    bodies: list[Fields] = []
    values: list[Any] = []
    for resource in ordered:
        builder = BUILDERS.get((resource.group, resource.kind))
        if builder is not None:
            body = Fields(resource, findings, resource.body)
            values += builder(body, context)
            bodies.append(body)
        elif _must_be_named(resource):
            name = f"{resource.namespace}/{resource.name}" if resource.namespace else resource.name
            findings.append(codes.NOT_COMPILED_YET.at(resource.origin(), kind=resource.kind, name=name))
    mesh = _assemble(values, context)
    for body in bodies:
        if body.resource.group.endswith(".istio.io"):
            body.section("spec").report_unread()
        else:
            findings += unread(body)
    return mesh, tuple(sorted(dict.fromkeys(findings), key=lambda d: (d.origin, d.code, d.message)))


def _assemble(values: list[Any], context: Context) -> Mesh:
    def of(kind: type[_T]) -> tuple[_T, ...]:
        return tuple(sorted((value for value in values if isinstance(value, kind)), key=_age))

    found_services = _merge_services(of(Service))
    workloads = tuple(sorted((v for v in values if isinstance(v, Workload)), key=_instance_order))
    addresses = tuple(value for value in values if isinstance(value, Address))
    drafts = (value for value in values if isinstance(value, DraftRoute))
    return Mesh(
        config=context.config,
        domain_suffix=context.domain_suffix,
        services=found_services,
        endpoints=derive_endpoints(found_services, workloads, addresses),
        workloads=workloads,
        http_routes=tuple(sorted(join_delegates(drafts), key=_age)),
        tcp_routes=of(TcpRoute),
        destination_rules=of(DestinationRule),
        gateways=of(Gateway),
        peer_authentications=of(PeerAuthentication),
        authorization_policies=of(AuthorizationPolicy),
        telemetries=of(Telemetry),
        extensions=of(Extension),
        sidecars=of(Sidecar),
        secrets=of(Secret),
        addresses=addresses,
    )


def _age(value: Any) -> tuple[str, str, str]:
    """Istio's order: age, name, namespace; a file without creation times has names alone."""
    return (getattr(value, "created", ""), value.ref.name, value.ref.namespace)


def _instance_order(workload: Workload) -> tuple[str, str, int, str]:
    """Namespace, owner, then instances by number (`web-2` before `web-10`)."""
    return (workload.namespace, workload.owner, len(workload.name), workload.name)


def _must_be_named(resource: Resource) -> bool:
    """Whether leaving the document out changes what an Istio user expects of the mesh."""
    return resource.group.endswith((".istio.io", "gateway.networking.k8s.io")) or resource.kind in _OF_KUBERNETES


def _merge_services(services: tuple[Service, ...]) -> tuple[Service, ...]:
    """ServiceEntries of one namespace that name one host are one service with the ports of all (Istio's registry)."""
    merged: dict[tuple[str, str], Service] = {}
    for service in services:
        key = (service.hostname, service.namespace)
        first = merged.setdefault(key, service)
        if first is not service:
            more = tuple(port for port in service.ports if first.port(port.number) is None)
            addresses = tuple(dict.fromkeys(first.addresses + service.addresses))
            merged[key] = replace(first, ports=first.ports + more, addresses=addresses)
    return tuple(merged.values())
