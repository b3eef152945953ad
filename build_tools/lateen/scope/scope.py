"""Mesh and proxy to the part of the mesh that concerns this proxy."""

from __future__ import annotations

from dataclasses import replace

from lateen.diagnostics import Diagnostic
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.scope.extensions import extensions
from lateen.scope.gateway import gateway_view
from lateen.scope.inbound import inbound_view
from lateen.scope.outbound import outbound_view
from lateen.scope.security import authorization, secrets
from lateen.scope.telemetry import telemetry_view
from lateen.scope.views import ProxyScope


def scope(mesh: Mesh, proxy: Proxy) -> tuple[ProxyScope, tuple[Diagnostic, ...]]:
    """Everything that may shape the configuration of one proxy, and what was found while choosing it.

    Views that are equal for several proxies of one mesh are the same object.
    """
    proxy = _labelled(mesh, proxy)
    router = proxy.kind == "router"
    view = ProxyScope(
        proxy=proxy,
        config=mesh.config,
        domain_suffix=mesh.domain_suffix,
        outbound=None if router else outbound_view(mesh, proxy),
        inbound=None if router else inbound_view(mesh, proxy),
        gateway=gateway_view(mesh, proxy) if router else None,
        authorization=authorization(mesh, proxy),
        telemetry=telemetry_view(mesh, proxy),
        extensions=extensions(mesh, proxy),
        secrets=secrets(mesh, proxy),
    )
    return view, ()


def _labelled(mesh: Mesh, proxy: Proxy) -> Proxy:
    """The proxy, if it says nothing of its labels with those of what the mesh knows at its address.

    Source: Istio, `Proxy.SetWorkloadLabels`.
    """
    if proxy.labels or not proxy.addresses:
        return proxy
    at = set(proxy.addresses)
    workloads = (w.labels for w in mesh.workloads if w.namespace == proxy.namespace and not at.isdisjoint(w.addresses))
    entries = (a.labels for a in mesh.addresses if a.namespace == proxy.namespace and a.address in at)
    labels = next((found for found in (*workloads, *entries) if found), None)
    return replace(proxy, labels=labels) if labels else proxy
