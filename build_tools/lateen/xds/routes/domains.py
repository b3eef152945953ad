"""By which names a client may call a service: its full name, short forms near the client, and virtual addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from lateen.model.proxy import Proxy
from lateen.model.service import Resolution, Service


def dns_domain(proxy: Proxy) -> str:
    """The domain in which the client's resolver completes short names: `default.svc.cluster.local`."""
    return f"{proxy.namespace}.svc.{proxy.domain_suffix}" if proxy.domain_suffix else proxy.namespace


def short_names(hostname: str, client_domain: str) -> list[str]:
    """Names besides `hostname` that reach it from a client in `client_domain`, the absolute form (`host.`) first.

    In the client's namespace `reviews`, `reviews.default.svc` and `reviews.default`; elsewhere the latter two. A host
    outside the cluster's domain has no short form.
    """
    absolute = f"{hostname}."
    namespace, svc, suffix = client_domain.partition(".svc.")
    if not svc:
        unique = hostname.removesuffix(f".{client_domain}")
        return [absolute, unique] if unique != hostname else [absolute]
    qualified = hostname.removesuffix(f".svc.{suffix}")
    if qualified == hostname or "." not in qualified:
        return [absolute]
    name, _, home = qualified.partition(".")
    if home == namespace:
        return [absolute, name, f"{qualified}.svc", qualified]
    return [absolute, qualified, f"{qualified}.svc"]


@dataclass(slots=True)
class DomainSet:
    """Hands out the domains of one route configuration, each only once: Envoy rejects duplicates.

    A short form never takes a name that is some service's full one (`known`); `*` is the catch-all's.
    """

    client_domain: str
    known: Collection[str] = ()
    _taken: set[str] = field(default_factory=lambda: {"*"})

    def of_service(self, service: Service, aliases: Iterable[str] = ()) -> tuple[str, ...]:
        """What is still free of a service's names, its aliases' and its addresses."""
        full: list[str] = []
        for host in (service.hostname, *aliases):
            shorts = short_names(host, self.client_domain)
            full += [host, *(short for short in shorts if short not in self.known)]
        if service.resolution is Resolution.PASSTHROUGH and service.registry == "Kubernetes":
            # Pods of a headless service have names of their own below the service's.
            full += [f"*.{name}" for name in full]
        full += [_compliant(address) for address in service.addresses if "/" not in address]
        return self._free(full)

    def of_host(self, host: str) -> tuple[str, ...]:
        """The host itself, if it is still free."""
        return self._free([_compliant(host)])

    def _free(self, names: list[str]) -> tuple[str, ...]:
        fresh = []
        for name in names:
            if name.lower() not in self._taken:
                self._taken.add(name.lower())
                fresh.append(name)
        return tuple(fresh)


def with_port(domains: Iterable[str], port: int) -> tuple[str, ...]:
    """The domains as a client writes them in an absolute URL: with the port, and without it where it is HTTP's own."""
    named = []
    for name in domains:
        if port == 80:
            named.append(name)
        named.append(f"{name}:{port}")
    return tuple(named)


def _compliant(address: str) -> str:
    return f"[{address}]" if ":" in address else address
