"""What a sidecar takes from its workload: one listener per port for HTTP, one per address for everything else.

With interception these do not bind: `virtualOutbound` takes every connection and hands it to the listener of its
original destination. Without, they bind the outbound address.
"""

from __future__ import annotations

from lateen.scope.views import ProxyScope
from lateen.xds.duration import duration
from lateen.xds.filters.chain import Chain, Direction
from lateen.xds.listeners.listener import (
    HTTP_INSPECTOR,
    TLS_INSPECTOR,
    BuiltListener,
    listener,
    listener_name,
    resources,
)
from lateen.xds.listeners.outbound_table import Entry, OutboundTable
from lateen.xds.listeners.virtual_outbound import http_proxy, pass_through, virtual_outbound
from lateen.xds.resources import Resources


def outbound_listeners(scope: ProxyScope) -> Resources:
    """The listeners of services in order of port and address, then the HTTP proxy's, then `virtualOutbound`."""
    if scope.outbound is None:
        return Resources()
    table = OutboundTable(scope, scope.outbound)
    entries = sorted(table.entries.items(), key=lambda item: (item[0][1], item[0][0]))
    built = [_listener(scope, entry) for _, entry in entries]
    return resources([*built, *http_proxy(scope), *virtual_outbound(scope)], table.diagnostics())


def _listener(scope: ProxyScope, entry: Entry) -> BuiltListener:
    """A chain that takes everything is the default one, so that a connection which begins to match another and then
    does not is not lost; without such a chain, what matches nothing is treated as undeclared."""
    default = next((chain for chain in entry.chains if chain.matches_all), None)
    matched = [chain for chain in entry.chains if not chain.matches_all]
    if default and not matched:
        chains, fallback = [default], None
    else:
        chains, fallback = matched, default.config() if default else pass_through(scope)
    sniffs_http = any(chain.sniffed_http for chain in chains)
    inspectors = [TLS_INSPECTOR] if sniffs_http or any(chain.sni for chain in chains) else []
    if sniffs_http:
        inspectors.append(HTTP_INSPECTOR)
    number = entry.port.number
    config = listener(
        Chain(scope, Direction.OUTBOUND, number),
        listener_name(entry.bind.primary, number),
        entry.bind,
        number,
        listener_filters=inspectors or None,
        listener_filters_timeout=duration(scope.config.protocol_detection_timeout if sniffs_http else 0.0),
        continue_on_listener_filters_timeout=True,
        filter_chains=[chain.config() for chain in chains],
        default_filter_chain=fallback,
    )
    origins = [("", entry.chains[0].origin), *((f"filter_chains[{i}]", c.origin) for i, c in enumerate(chains))]
    if default and fallback:
        origins.append(("default_filter_chain", default.origin))
    return BuiltListener(config, tuple(origins))
