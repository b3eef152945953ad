"""Who calls whom: Istio's metrics as edges of a graph."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lateen.runtime.observe.scrape import Scraped

REQUESTS = "istio_requests_total"
DURATION = "istio_request_duration_milliseconds_bucket"
OPENED = "istio_tcp_connections_opened_total"
CLOSED = "istio_tcp_connections_closed_total"
SENT = "istio_tcp_sent_bytes_total"
RECEIVED = "istio_tcp_received_bytes_total"
_UNKNOWN = ("unknown", "latest", "")


@dataclass(frozen=True, slots=True, order=True)
class EdgeKey:
    """A caller, what it calls, and the version that answered."""

    source: str
    destination: str
    version: str


@dataclass(slots=True)
class Edge:
    """Counts since the proxies started. `buckets` maps a bound in ms to the cumulative count."""

    requests: float = 0
    succeeded: float = 0
    mtls: bool | None = None
    buckets: dict[float, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def success(self) -> float:
        """The part of the requests that did not end in 5xx or without an answer."""
        return self.succeeded / self.requests if self.requests else math.nan

    def quantile(self, q: float) -> float:
        """The q-quantile of the duration in ms, interpolated in its bucket as PromQL's histogram_quantile does."""
        bounds = sorted(self.buckets.items())
        count = bounds[-1][1] if bounds else 0
        if not count:
            return math.nan
        rank, low, below = q * count, 0.0, 0.0
        for bound, cumulative in bounds:
            if cumulative >= rank:
                if math.isinf(bound):
                    return low
                part = (rank - below) / (cumulative - below) if cumulative > below else 1.0
                return low + (bound - low) * part
            low, below = bound, cumulative
        return low


@dataclass(slots=True)
class TcpEdge:
    """Connections since the proxies started, and bytes of those that have ended: answered and asked."""

    opened: float = 0
    established: float = 0
    closed: float = 0
    sent: float = 0
    received: float = 0
    mtls: bool | None = None

    @property
    def success(self) -> float:
        """The part of the connections that reached the destination's host."""
        return self.established / self.opened if self.opened else math.nan


def edges(scraped: Iterable[Scraped]) -> dict[EdgeKey, Edge]:
    """Every HTTP edge, as its client's proxy reports it.

    It was mutual TLS if the server's proxy says so, or if the client's knows the server by its certificate.
    """
    found: dict[EdgeKey, Edge] = defaultdict(Edge)
    secured: dict[tuple[str, str], bool] = {}
    for name, labels, value in _samples(scraped):
        if name == REQUESTS and labels["reporter"] == "destination":
            pair = labels["source_workload"], labels["destination_workload"]
            secured[pair] = labels["connection_security_policy"] == "mutual_tls"
        elif name in (REQUESTS, DURATION) and labels["reporter"] == "source":
            _count(found[_key(labels)], name, labels, value)
    for key, edge in found.items():
        edge.mtls = secured.get((key.source, key.destination), edge.mtls)
    return dict(sorted(found.items()))


def tcp_edges(scraped: Iterable[Scraped]) -> dict[EdgeKey, TcpEdge]:
    """Every TCP edge, as its client's proxy reports it; the server's does not know the client's workload.

    It was mutual TLS if the client's proxy knows the server by its certificate.
    """
    found: dict[EdgeKey, TcpEdge] = defaultdict(TcpEdge)
    for name, labels, value in _samples(scraped):
        if name in (OPENED, CLOSED, SENT, RECEIVED) and labels["reporter"] == "source":
            _count_tcp(found[_key(labels)], name, labels, value)
    return dict(sorted(found.items()))


def _samples(scraped: Iterable[Scraped]) -> Iterator[tuple[str, dict[str, str], float]]:
    for one in scraped:
        for family in one.families:
            for sample in family.samples:
                yield sample.name, sample.labels, sample.value


def _key(labels: dict[str, str]) -> EdgeKey:
    """An endpoint does not say its version, but its canonical revision."""
    workload = labels["destination_workload"]
    if workload in _UNKNOWN:
        return EdgeKey(labels["source_workload"], labels["destination_service_name"], "")
    said = labels["destination_version"], labels["destination_canonical_revision"]
    return EdgeKey(labels["source_workload"], workload, next((v for v in said if v not in _UNKNOWN), ""))


def _count(edge: Edge, name: str, labels: dict[str, str], value: float) -> None:
    if name == DURATION:
        edge.buckets[float(labels["le"])] += value
        return
    edge.requests += value
    if _proven(labels):
        edge.mtls = True
    if labels["response_code"][:1] not in ("5", "0", ""):
        edge.succeeded += value


def _count_tcp(edge: TcpEdge, name: str, labels: dict[str, str], value: float) -> None:
    if name == SENT:
        edge.sent += value
    elif name == RECEIVED:
        edge.received += value
    elif name == CLOSED:
        edge.closed += value
    else:
        edge.opened += value
        if labels["response_flags"] == "-":
            edge.established += value
        if _proven(labels):
            edge.mtls = True


def _proven(labels: dict[str, str]) -> bool:
    return labels["destination_principal"].startswith("spiffe://")
