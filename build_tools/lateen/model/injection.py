"""What a pod's annotations ask of the sidecar beside it: which traffic it takes, and how it runs.

Source: Istio's resource annotations (`traffic.sidecar.istio.io/*`, `sidecar.istio.io/*`, `proxy.istio.io/config`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Redirection:
    """Which connections of a pod go through its sidecar; networks are CIDR blocks, and None means all.

    An exclusion wins over an inclusion. `outbound_ports` are redirected even to addresses outside of
    `outbound_networks`. What `excluded_interfaces` carry is left alone altogether.
    """

    outbound_networks: tuple[str, ...] | None = None
    excluded_outbound_networks: tuple[str, ...] = ()
    outbound_ports: tuple[int, ...] = ()
    excluded_outbound_ports: tuple[int, ...] = ()
    inbound_ports: tuple[int, ...] | None = None
    excluded_inbound_ports: tuple[int, ...] = ()
    excluded_interfaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SidecarSettings:
    """How a pod's Envoy runs.

    `concurrency` is its number of worker threads (0: one for each processor; None: the runtime's choice).
    `hold_application` starts containers after the proxy is ready. With `rewrite_probes` (Istio's default) a probe of
    a port that the sidecar takes is asked behind the sidecar, so that it works where mTLS is STRICT.
    """

    concurrency: int | None = None
    hold_application: bool = False
    rewrite_probes: bool = True
