"""Load on a running mesh: calls without a pause, each with an answer that must come."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from endurance.edits import BACKENDS
from harness import proxy_url
from lateen.runtime.supervisor import Running
from lateen.runtime.traffic.caller import Caller, Route
from lateen.runtime.traffic.cases import Call
from lateen.runtime.traffic.evaluate import Hosts, failures

LONG_SECONDS = 6.0
"""How long the long requests take: several edits of each listener on their way."""

_SLOW = f"http://slow.default:8080/slow?{LONG_SECONDS}"
_CALLERS = 3
_SHOWN = 100


class Load:
    """Every call of the mesh's expectations, those that must be refused among them, and clients of other habits.

    `made` counts calls by client, `failures` holds those that did not give what they must, with the time of day.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.made: Counter[str] = Counter()
        self.failures: list[str] = []
        self.failed = 0

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Load while the block lasts; it ends when every call in flight has its answer."""
        clients = [
            *((f"expectations {n}", self._expectations(n), 0.12) for n in range(_CALLERS)),
            ("keep-alive", self._kept("web", "http://catalog:8080/products", _all_in_stock), 0.25),
            ("endpoints", self._kept("web", f"http://{BACKENDS}.default:8080/", _anything), 0.25),
            *(("long", self._kept("web", _SLOW, _anything), 0.1) for _ in range(2)),
        ]
        threads = [threading.Thread(target=self._run, args=client, daemon=True) for client in clients]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _run(self, name: str, client: Iterator[str], pause: float) -> None:
        for failure in client:
            with self._lock:
                self.made[name] += 1
                if failure:
                    self.failed += 1
                    self.failures = [*self.failures, f"{time.strftime('%H:%M:%S')} {name}: {failure}"][:_SHOWN]
            if self._stop.wait(pause):
                return

    def _expectations(self, offset: int) -> Iterator[str]:
        """The calls in turn, each judged by its own expectation as far as the answer tells."""
        caller = Caller(self._running.view, self._running.mesh)
        calls = _calls(self._running, caller)
        start = offset * len(calls) // _CALLERS
        for call, route in itertools.cycle(calls[start:] + calls[:start]):
            yield _problem(caller, call, route)

    def _kept(self, owner: str, url: str, problem: Callable[[Any], str]) -> Iterator[str]:
        """One connection as long as the other end does not announce its end: one that breaks is a failure."""
        proxy = urlsplit(proxy_url(self._running, owner)).netloc
        host = {"Host": urlsplit(url).netloc}
        connection = http.client.HTTPConnection(proxy, timeout=20)
        while True:
            try:
                connection.request("GET", url, headers=host)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                yield f"{url}: {type(error).__name__}: {error}"
                continue
            if answer.status == 200:
                yield problem(body)
            else:
                yield f"{url}: {answer.status} {body[:200]!r}"


def broken(running: Running) -> list[str]:
    """What of the expectations does not hold now, each call made once."""
    caller = Caller(running.view, running.mesh)
    try:
        return [p for call, route in _calls(running, caller) if (p := _problem(caller, call, route))]
    finally:
        caller.close()


def _calls(running: Running, caller: Caller) -> list[tuple[Call, Route]]:
    """The calls of the expectations, without what only call logs tell: those are for calls in small numbers."""
    calls = (
        replace(call, times=1, expect=replace(call.expect, share={}, request_headers={}, denied_by=""))
        for test in running.tests
        for call in test.calls
    )
    return [(call, route) for call in calls if isinstance(route := caller.route(call), Route)]


def _problem(caller: Caller, call: Call, route: Route) -> str:
    problems = failures(call, [caller.make(call, route)], {}, "", Hosts())
    return f"{call.name}: {'; '.join(problems)}" if problems else ""


def _all_in_stock(body: bytes) -> str:
    """`catalog` asks `stock` by TCP for each product, and says -1 if that fails."""
    stock = json.loads(body)["products"]
    return "" if min(stock.values()) > 0 else f"the connection to stock failed: {stock}"


def _anything(_body: bytes) -> str:
    return ""
