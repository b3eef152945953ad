"""Who calls whom: Istio's metrics as edges of a graph."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from lateen.runtime.observe.scrape import Scraped

REQUESTS = "istio_requests_total"
DURATION = "istio_request_duration_milliseconds_bucket"


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


def edges(scraped: Iterable[Scraped]) -> dict[EdgeKey, Edge]:
    """Every HTTP edge, as its client's proxy reports it.

    It was mutual TLS if the server's proxy says so, or if the client's knows the server by its certificate.
    """
    found: dict[EdgeKey, Edge] = defaultdict(Edge)
    secured: dict[tuple[str, str], bool] = {}
    for one in scraped:
        for family in one.families:
            for sample in family.samples:
                labels = sample.labels
                if sample.name == REQUESTS and labels["reporter"] == "destination":
                    pair = labels["source_workload"], labels["destination_workload"]
                    secured[pair] = labels["connection_security_policy"] == "mutual_tls"
                elif labels.get("reporter") == "source" and sample.name in (REQUESTS, DURATION):
                    _count(found[_key(labels)], sample.name, labels, sample.value)
    for key, edge in found.items():
        edge.mtls = secured.get((key.source, key.destination), edge.mtls)
    return dict(sorted(found.items()))


def _key(labels: dict[str, str]) -> EdgeKey:
    workload = labels["destination_workload"]
    known = workload not in ("unknown", "")
    return EdgeKey(
        labels["source_workload"],
        workload if known else labels["destination_service_name"],
        labels["destination_version"].replace("unknown", "") if known else "",
    )


def _count(edge: Edge, name: str, labels: dict[str, str], value: float) -> None:
    if name == DURATION:
        edge.buckets[float(labels["le"])] += value
        return
    edge.requests += value
    if labels["destination_principal"].startswith("spiffe://"):
        edge.mtls = True
    if labels["response_code"][:1] not in ("5", "0", ""):
        edge.succeeded += value
