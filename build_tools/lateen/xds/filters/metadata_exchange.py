"""`istio.metadata_exchange`: peers tell each other who they are, so that both can say it in metrics.

Istio's own filter is not in stock Envoy; the suite's `peer_metadata` stands at its anchor and speaks its wire form.
"""

from __future__ import annotations

from lateen.filterkit.catalog import catalog
from lateen.model.proxy import Proxy
from lateen.modules import Module
from lateen.scope.views import ProxyScope
from lateen.xds.filters.chain import Chain
from lateen.xds.filters.modules import suite_module
from lateen.xds.filters.wasm import WASM, discovered, wasm_extension
from lateen.xds.resources import Resources
from lateen.xds.snapshot import Config

NAME = "istio.metadata_exchange"
FILTER = "peer_metadata"
MOST_LABELS = 16


def build(chain: Chain) -> list[Config]:
    """In every connection manager, unless node metadata leaves it out."""
    return [discovered(NAME, WASM)] if enabled(chain.scope.proxy) else []


def enabled(proxy: Proxy) -> bool:
    """Whether this proxy exchanges metadata."""
    return str(proxy.metadata.get("LATEEN_METADATA_EXCHANGE", "true")).lower() != "false"


def resources(scope: ProxyScope) -> Resources:
    """The one extension config that all of a proxy's connection managers share."""
    if not enabled(scope.proxy):
        return Resources()
    config = configuration(scope.proxy, propagation="all_clusters")
    extension = wasm_extension(scope.proxy, NAME, catalog()[FILTER], config)
    return Resources({NAME: extension})


def modules(scope: ProxyScope) -> tuple[Module, ...]:
    """The module that the extension config names."""
    return (suite_module(catalog()[FILTER]),) if enabled(scope.proxy) else ()


def configuration(proxy: Proxy, *, propagation: str = "mesh_clusters") -> Config:
    """What the filter gets for this proxy.

    `all_clusters` spares it three questions per request. It is for clusters of this package, of which those that lead
    out of the mesh take the headers off.
    """
    compiled: Config = catalog()[FILTER].configuration(_description(proxy) | {"propagation": propagation}).value
    return compiled


def _description(proxy: Proxy) -> Config:
    """What the proxy says of itself, under the keys of Istio's node metadata, and what it asks of its peers."""
    additional = [
        label.strip() for label in str(proxy.metadata.get("LATEEN_PEER_LABELS", "")).split(",") if label.strip()
    ]
    told = ("app", "version", *additional)
    labels = {key: value for key, value in sorted(proxy.labels.items()) if key in told}
    labels["service.istio.io/canonical-name"] = proxy.canonical_name
    labels["service.istio.io/canonical-revision"] = proxy.canonical_revision
    described: Config = {
        "role": "gateway" if proxy.kind == "router" else "sidecar",
        "node_id": proxy.node_id,
        "metadata": {
            "NAME": proxy.name,
            "NAMESPACE": proxy.namespace,
            "WORKLOAD_NAME": proxy.owner,
            "CLUSTER_ID": proxy.cluster,
            "OWNER": f"kubernetes://apis/apps/v1/namespaces/{proxy.namespace}/deployments/{proxy.owner}",
            "LABELS": labels,
        },
    }
    if additional:
        described["additional_labels"] = {label: label for label in additional[:MOST_LABELS]}
    if str(proxy.metadata.get("LATEEN_PEER_BAGGAGE", "false")).lower() == "true":
        described["discovery"] = "istio_headers_or_baggage"
    return described
