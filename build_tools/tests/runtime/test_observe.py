"""Metrics as edges, rates and one endpoint."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from lateen.runtime.observe.edges import Edge, EdgeKey, TcpEdge, edges, tcp_edges
from lateen.runtime.observe.endpoint import merged, metrics_endpoint
from lateen.runtime.observe.scrape import Scraped, scrape, total
from lateen.runtime.observe.table import Rates, tcp_table
from lateen.runtime.running import RunningProxy


def proxy(key: str, metrics: str = "http://127.0.0.1:1/stats") -> RunningProxy:
    return RunningProxy(key, key.partition(".")[0], "sidecar", "127.1.0.1", "", metrics, Path("calls"))


def scraped(key: str, text: str) -> Scraped:
    return Scraped(proxy(key), tuple(text_string_to_metric_families(text)))


def requests_total(
    reporter: str,
    source: str,
    destination: str,
    code: str,
    count: int,
    policy: str = "unknown",
    principal: str = "unknown",
) -> str:
    labels = {
        "reporter": reporter,
        "source_workload": source,
        "destination_workload": destination,
        "destination_version": "v1",
        "destination_canonical_revision": "v1",
        "destination_principal": principal,
        "destination_service_name": "offers.example",
        "response_code": code,
        "connection_security_policy": policy,
    }
    body = ",".join(f'{k}="{v}"' for k, v in labels.items())
    return f"istio_requests_total{{{body}}} {count}\n"


HEAD = "# TYPE istio_requests_total counter\n"


def test_an_edge_counts_what_its_client_saw_and_takes_security_from_its_server() -> None:
    client = (
        HEAD
        + requests_total("source", "web", "catalog", "200", 9)
        + requests_total("source", "web", "catalog", "503", 1)
    )
    server = HEAD + requests_total("destination", "web", "catalog", "200", 9, "mutual_tls")
    found = edges([scraped("web.shop", client), scraped("catalog.shop", server)])
    assert list(found) == [EdgeKey("web", "catalog", "v1")]
    edge = found[EdgeKey("web", "catalog", "v1")]
    assert (edge.requests, edge.success, edge.mtls) == (10, 0.9, True)


def test_a_server_that_reports_nothing_is_known_by_its_certificate() -> None:
    text = HEAD + requests_total("source", "web", "egress", "200", 1, principal="spiffe://cluster.local/ns/x/sa/y")
    assert edges([scraped("web.shop", text)])[EdgeKey("web", "egress", "v1")].mtls is True


def test_an_edge_to_an_unknown_workload_is_named_by_its_service() -> None:
    found = edges([scraped("web.shop", HEAD + requests_total("source", "web", "unknown", "200", 1))])
    assert list(found) == [EdgeKey("web", "offers.example", "")]
    assert found[EdgeKey("web", "offers.example", "")].mtls is None


def tcp(metric: str, reporter: str, count: int, *, flags: str = "-", principal: str = "unknown") -> str:
    labels = {
        "reporter": reporter,
        "source_workload": "catalog" if reporter == "source" else "unknown",
        "destination_workload": "stock",
        "destination_version": "unknown",
        "destination_canonical_revision": "v1",
        "destination_principal": principal,
        "destination_service_name": "stock",
        "response_flags": flags,
    }
    body = ",".join(f'{k}="{v}"' for k, v in labels.items())
    return f"istio_tcp_{metric}_total{{{body}}} {count}\n"


def test_a_tcp_edge_counts_connections_and_bytes_as_its_client_saw_them() -> None:
    spiffe = "spiffe://cluster.local/ns/shop/sa/stock"
    client = (
        tcp("connections_opened", "source", 9, principal=spiffe)
        + tcp("connections_opened", "source", 1, flags="UF,URX")
        + tcp("connections_closed", "source", 7, principal=spiffe)
        + tcp("connections_closed", "source", 1, flags="UF,URX")
        + tcp("received_bytes", "source", 1200, principal=spiffe)
        + tcp("sent_bytes", "source", 30, principal=spiffe)
    )
    found = tcp_edges([scraped("catalog.shop", client), scraped("stock.shop", tcp("sent_bytes", "destination", 30))])
    key = EdgeKey("catalog", "stock", "v1")
    assert found == {key: TcpEdge(opened=10, established=9, closed=8, sent=30, received=1200, mtls=True)}
    assert found[key].success == 0.9
    assert [list(column.cells) for column in tcp_table(found).columns] == [
        *(["catalog -> stock"], ["v1"], ["10"], ["2"], ["90.0%"], ["1.2 kB"], ["30 bytes"], ["yes"])
    ]
    assert list(tcp_table(found, {key: 2.5}).columns[2].cells) == ["2.5"]
    assert edges([scraped("catalog.shop", client)]) == {}


@pytest.mark.parametrize(("q", "value"), [(0.5, 5.0), (0.25, 2.5), (1.0, 10.0)])
def test_quantiles_are_interpolated_in_their_bucket(q: float, value: float) -> None:
    assert Edge(buckets={10.0: 4, 20.0: 4, math.inf: 4}).quantile(q * 1.0) == pytest.approx(value)


def test_a_quantile_above_every_bound_is_the_last_bound() -> None:
    assert Edge(buckets={10.0: 0, math.inf: 4}).quantile(0.5) == 10.0


def test_an_edge_without_requests_has_no_quantile() -> None:
    assert math.isnan(Edge().quantile(0.5))


def test_rates_are_differences_over_time() -> None:
    key, rates = EdgeKey("a", "b", ""), Rates()
    assert rates.update({key: 10}, now=1.0) == {}
    assert rates.update({key: 30}, now=3.0) == {key: 10.0}


def test_totals_sum_over_proxies_and_match_labels() -> None:
    both = [scraped(k, HEAD + requests_total("source", "web", "catalog", "200", 2)) for k in ("a.x", "b.x")]
    assert total(both, "istio_requests_total", {"source_workload": "web"}) == 4
    assert total(both, "istio_requests_total", {"source_workload": "nobody"}) == 0


def test_merged_metrics_have_each_family_once_and_say_whose_a_sample_is() -> None:
    text = merged([scraped(k, HEAD + requests_total("source", "web", "catalog", "200", 2)) for k in ("a.x", "b.x")])
    families = list(text_string_to_metric_families(text.decode()))
    assert [f.name for f in families] == ["istio_requests"]
    assert [s.labels["proxy"] for s in families[0].samples] == ["a.x", "b.x"]


def test_the_endpoint_serves_targets_and_nothing_else() -> None:
    with metrics_endpoint([proxy("web.shop", "http://127.0.0.1:15090/stats/prometheus")]) as url:
        assert requests.get(f"{url}/targets", timeout=5).json() == [
            {
                "targets": ["127.0.0.1:15090"],
                "labels": {"__metrics_path__": "/stats/prometheus", "proxy": "web.shop"},
            }
        ]
        assert requests.get(f"{url}/etc/passwd", timeout=5).status_code == 404


def test_metrics_are_asked_for_directly_whatever_proxy_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    registry = CollectorRegistry()
    Counter("istio_requests", "", registry=registry)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        (one,) = scrape([proxy("web.shop", f"http://127.0.0.1:{server.server_port}/metrics")])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert "istio_requests" in [family.name for family in one.families]
