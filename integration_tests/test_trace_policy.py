"""The recipe of `trace_policy` on a real Envoy with two workers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from recipe import Application, Recipe

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CONTEXT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0([23])")


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    with Application() as running:
        yield running


@pytest.fixture(scope="module")
def envoy(application: Application, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    with Recipe("trace_policy", tmp_path_factory.mktemp("trace_policy"), application.port, workers=2) as running:
        yield running


def arrive(envoy: Recipe, application: Application, **headers: str) -> dict[str, str]:
    """The headers that the application gets."""
    application.arrived.clear()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    assert requests.get(f"{envoy.url}/", headers=headers, timeout=10).status_code == 200
    [(arrived, _)] = application.arrived
    return arrived


def test_known_vendors_and_keys_pass_and_nothing_else(envoy: Recipe, application: Application) -> None:
    arrived = arrive(
        envoy,
        application,
        traceparent=PARENT,
        tracestate="rojo=1,congo=2",
        baggage="session=7;secret,admin=true",
        b3="0",
        x_b3_traceid="1",
    )
    assert arrived["traceparent"][:53] == PARENT[:53]
    assert (arrived["tracestate"], arrived["baggage"]) == ("congo=2", "session=7")
    assert not any("b3" in name for name in arrived)


def test_the_flag_and_the_header_say_the_same(envoy: Recipe, application: Application) -> None:
    low, high = PARENT[:22] + "0" * 13 + PARENT[35:], PARENT[:22] + "f" * 13 + PARENT[35:]
    for parent, sampled in ((low, "1"), (high, "0")):
        arrived = arrive(envoy, application, traceparent=parent, x_sampled="9")
        assert (arrived["traceparent"][-1], arrived["x-sampled"]) == (sampled, sampled)


def test_new_contexts_are_well_formed_and_never_the_same(envoy: Recipe, application: Application) -> None:
    application.arrived.clear()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: requests.get(envoy.url, headers={"traceparent": "junk"}, timeout=10), range(300)))
    found = [CONTEXT.fullmatch(arrived["traceparent"]) for arrived, _ in application.arrived]
    contexts = [match for match in found if match]
    assert len(contexts) == 300
    assert len({match[1] for match in contexts}) == 300, "workers do not repeat each other's ids"
    assert len({match[2] for match in contexts}) == 300
    shares = sum(match[3] == "3" for match in contexts) / 300
    assert 0.03 < shares < 0.17, "a tenth is sampled, within four sigma"
    workers = [line for line in envoy.metrics("envoy_listener_worker") if "downstream_cx_total" in line]
    assert all(float(line.rsplit(" ", 1)[1]) > 0 for line in workers)
