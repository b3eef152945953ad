"""One metrics endpoint for the whole mesh: `/metrics` of all proxies, `/targets` for Prometheus http_sd."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from lateen.runtime.observe.scrape import Scraped, scrape
from lateen.runtime.running import RunningProxy


@contextmanager
def metrics_endpoint(proxies: Sequence[RunningProxy], port: int = 0) -> Iterator[str]:
    """Serve until the block ends; gives the URL (`http://127.0.0.1:PORT`). Port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4; charset=utf-8", merged(scrape(proxies)))
            elif self.path == "/targets":
                self._answer(200, "application/json", json.dumps(targets(proxies)).encode())
            else:
                self._answer(404, "text/plain", b"/metrics or /targets\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Requests for metrics are not news."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def targets(proxies: Sequence[RunningProxy]) -> list[dict[str, object]]:
    """The proxies in Prometheus' http_sd form."""
    return [
        {
            "targets": [urlsplit(p.metrics).netloc],
            "labels": {"__metrics_path__": urlsplit(p.metrics).path, "proxy": p.key},
        }
        for p in proxies
    ]


def merged(scraped: Sequence[Scraped]) -> bytes:
    """All metrics as one exposition: each family once, each sample with the label `proxy`, so that none collide."""
    families: dict[str, Metric] = {}
    for one in scraped:
        for family in one.families:
            into = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                into.samples.append(sample._replace(labels={**sample.labels, "proxy": one.proxy.key}))

    class Merged(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from families.values()

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Merged())
    return generate_latest(registry)
