"""Reading the metrics of proxies, as Prometheus would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from lateen.runtime.direct import get
from lateen.runtime.running import RunningProxy

TIMEOUT = 5.0
"""Seconds until a proxy counts as one that does not answer."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """What one proxy showed; `families` empty: it did not answer."""

    proxy: RunningProxy
    families: tuple[Metric, ...]


def scrape(proxies: Iterable[RunningProxy]) -> tuple[Scraped, ...]:
    """The metrics of every proxy, in the order of the proxies, asked at the same time."""
    with ThreadPoolExecutor(8) as pool:
        return tuple(pool.map(_scrape_one, proxies))


def _scrape_one(proxy: RunningProxy) -> Scraped:
    try:
        answer = get(proxy.metrics, TIMEOUT)
        answer.raise_for_status()
    except requests.RequestException:
        return Scraped(proxy, ())
    return Scraped(proxy, tuple(text_string_to_metric_families(answer.text)))


def total(scraped: Iterable[Scraped], name: str, labels: Mapping[str, str]) -> float:
    """The sum of the samples of that name with these labels over every proxy, as `sum(NAME{LABELS})` in PromQL."""
    return sum(
        sample.value
        for one in scraped
        for family in one.families
        for sample in family.samples
        if sample.name == name and all(sample.labels.get(k) == v for k, v in labels.items())
    )
