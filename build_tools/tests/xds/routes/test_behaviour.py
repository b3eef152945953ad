"""A mesh and a call: where it goes, and what it looks like when it arrives. The tables are in `behaviour/`."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

BEHAVIOUR = Path(__file__).parent / "behaviour"


def calls() -> list[Any]:
    found = []
    for path in sorted(BEHAVIOUR.glob("*.yaml")):
        for index, call in enumerate(yaml.safe_load(path.read_text())["calls"]):
            found.append(pytest.param(path.stem, index, call, id=f"{path.stem}-{call['name']}"))
    return found


@pytest.mark.parametrize(("table", "index", "call"), calls())
def test_call(table: str, index: int, call: dict[str, Any], live: Any) -> None:
    expect = call["expect"]
    times = call.get("times", 1)
    identity = f"{table}-{index}"
    answers = [live.call(f"{table}/{call['from']}", call["to"], call, identity) for _ in range(times)]
    answer = answers[0]
    assert answer.status == expect.get("status", 200), answer
    observed = {
        "cluster": answer.headers.get("x-cluster"),
        "route": answer.headers.get("x-route"),
        "location": answer.headers.get("location"),
        "body": answer.body,
        "path": answer.seen.get("path"),
        "host": answer.seen.get("headers", {}).get("host"),
        "method": answer.seen.get("method"),
        "attempts": live.arrivals.attempts[identity],
    }
    for key in expect.keys() & observed.keys():
        assert observed[key] == expect[key], (key, answer)
    for name, value in expect.get("headers", {}).items():
        assert answer.headers.get(name) == value, (name, answer.headers)
    for name, value in expect.get("request_headers", {}).items():
        assert answer.seen["headers"].get(name) == value, (name, answer.seen)
    if "share" in expect:
        counted = Counter(a.headers.get("x-cluster") for a in answers)
        for cluster, (low, high) in expect["share"].items():
            assert low <= counted[cluster] / times <= high, counted
    if "mirrored" in expect:
        deadline = time.monotonic() + 5
        while live.arrivals.mirrored[identity] < expect["mirrored"] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert live.arrivals.mirrored[identity] == expect["mirrored"]
