"""The configuration of one proxy, assembled from the builders of each resource type."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lateen.analysis.modules import missing_code
from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import listeners as codes
from lateen.scope.views import ProxyScope
from lateen.xds import plugins
from lateen.xds.access_log import emitted
from lateen.xds.clusters import clusters
from lateen.xds.endpoints import endpoints
from lateen.xds.filters import extensions, metadata_exchange
from lateen.xds.listeners import listeners
from lateen.xds.resources import Resources
from lateen.xds.routes import gateway_routes, outbound_routes
from lateen.xds.secrets import gateway_secrets
from lateen.xds.sharing import shared
from lateen.xds.snapshot import Snapshot

_BUILDERS: dict[str, tuple[Callable[[ProxyScope], Resources], ...]] = {
    "listeners": (listeners,),
    "routes": (shared(outbound_routes), gateway_routes),
    "clusters": (clusters,),
    "endpoints": (shared(endpoints),),
    "secrets": (gateway_secrets,),
    "extensions": (metadata_exchange.resources, extensions.resources),
}
"""Attribute of a snapshot to what makes its resources."""


def compile_scope(scope: ProxyScope) -> Snapshot:
    """Everything that Envoy gets for this proxy, from what the proxy may see and nothing else."""
    built = {
        attribute: Resources.merge(builder(scope) for builder in builders) for attribute, builders in _BUILDERS.items()
    }
    found = [finding for part in built.values() for finding in part.diagnostics]
    return Snapshot(
        proxy=scope.proxy,
        **{attribute: part.configs for attribute, part in built.items()},
        modules={
            module.file_name: module for module in (*metadata_exchange.modules(scope), *extensions.modules(scope))
        },
        diagnostics=tuple(dict.fromkeys([*found, *_omissions(scope), *plugins.findings(scope.proxy)])),
        origins={
            (attribute, name, path): origin
            for attribute, part in built.items()
            for (name, path), origin in part.origins.items()
            if origin.file
        },
    )


def _omissions(scope: ProxyScope) -> Iterator[Diagnostic]:
    """What the mesh asks of this proxy and is not compiled."""
    for policy in scope.authorization:
        if policy.action == "CUSTOM":
            finding = codes.CUSTOM_ACTION
            yield finding.at(policy.ref.origin, policy=str(policy.ref), provider=policy.provider, hint=finding.fix)
    yield from filter(None, map(missing_code, scope.extensions))
    logs = (*scope.telemetry.client_logs, *scope.telemetry.server_logs)
    for provider in dict.fromkeys(log.provider for log in logs):
        if not emitted(provider):
            finding = codes.LOG_PROVIDER
            yield finding.at(Origin(), provider=provider.name, kind=provider.kind, hint=finding.fix)
