"""Whatever call to Envoy fails, nothing passes that the Lua filters of the suite are there to stop."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import pytest

from lateen.filterkit.catalog import catalog
from lateen.filterkit.host.driver import lua, request
from lateen.filterkit.host.lua_api import Api
from lateen.filterkit.scenarios.compare import Observation

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CONTEXT = [("traceparent", PARENT), ("tracestate", "a=1,b=2"), ("baggage", "c=3,d=4"), ("b3", "0"), ("x-sampled", "1")]
TRACE_POLICY = {
    "trust": "validate",
    "tracestate": {"vendors": ["a"]},
    "sampling": {"header": "x-sampled"},
    "remove": ["b3"],
}
TENANT = [("x-tenant", "globex"), ("x-api-key", "k"), ("x-old-key", "k"), ("x-api-tenant", "acme")]
TENANT_CONTEXT = {
    "header": "x-tenant",
    "sources": [
        {"claim": {"path": ["tenant"]}},
        {"api_key": {"header": "x-api-key", "tenants": {}}},
        {"api_key": {"header": "x-old-key", "tenants": {}}},
        {"header": {"name": "x-api-tenant"}},
    ],
}

ALWAYS = range(1000)
TIMES = [pytest.param(range(1), id="once"), pytest.param(ALWAYS, id="always")]
"""Which calls fail, counted from 0."""

REMOVALS = ["headers", "headers_remove"]
"""Without these nothing can be removed."""

CALLS = ["headers_get", "headers_get log", "headers_count", "headers_replace", "stream_info", "metadata_set"]
TENANT_CALLS = [*CALLS, "headers_at", "metadata_get"]


def fail(monkeypatch: pytest.MonkeyPatch, call: str, times: Container[int] = ALWAYS, header: str = "") -> list[int]:
    """Let a call to Envoy fail at these times, counting only those for `header`; the list gets the times."""
    works = getattr(Api, call)
    called: list[int] = []
    failed: list[int] = []

    def fails(*arguments: Any) -> Any:
        if header and header.encode() not in arguments:
            return works(*arguments)
        called.append(len(called))
        if called[-1] not in times:
            return works(*arguments)
        failed.append(called[-1])
        raise RuntimeError("Envoy fails")

    monkeypatch.setattr(Api, call, fails)
    return failed


def exchange(name: str, config: dict[str, Any], headers: list[tuple[str, str]]) -> Observation:
    """A request through a filter of the suite."""
    return lua(catalog()[name].lua(config)).exchange(request(headers=headers))


def passed(seen: Observation, sent: list[tuple[str, str]]) -> list[str]:
    """Which of the headers the upstream gets."""
    assert seen.request is not None
    return [name for name, _ in sent if seen.request.header(name) is not None]


def failing(
    monkeypatch: pytest.MonkeyPatch, calls: str, times: Container[int], name: str, config: dict[str, Any]
) -> Observation:
    """A request through a filter of which these calls fail, and which says so where it can."""
    failed = {call: fail(monkeypatch, call, times) for call in calls.split()}
    seen = exchange(name, config, CONTEXT if name == "trace_policy" else TENANT)
    assert all(failed.values()), f"{name} calls {calls}"
    assert "log" in failed or any("Envoy fails" in line for line in seen.meanwhile.logs)
    return seen


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("calls", CALLS)
def test_no_context_of_a_client_passes(monkeypatch: pytest.MonkeyPatch, calls: str, times: Container[int]) -> None:
    assert passed(failing(monkeypatch, calls, times, "trace_policy", TRACE_POLICY), CONTEXT) == []


@pytest.mark.parametrize("call", REMOVALS)
def test_a_context_is_removed_at_the_second_try(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    assert passed(failing(monkeypatch, call, range(1), "trace_policy", TRACE_POLICY), CONTEXT) == []


@pytest.mark.parametrize("header", [name for name, _ in CONTEXT])
def test_one_header_that_stays_keeps_no_other_of_a_context(monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    fail(monkeypatch, "headers_get")
    fail(monkeypatch, "headers_remove", header=header)
    seen = exchange("trace_policy", TRACE_POLICY, CONTEXT)
    assert passed(seen, CONTEXT) == [header]
    assert any("script log: trace_policy: " in line for line in seen.meanwhile.logs)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("calls", [*TENANT_CALLS, *REMOVALS])
def test_a_failure_denies_where_a_tenant_is_required(
    monkeypatch: pytest.MonkeyPatch, calls: str, times: Container[int]
) -> None:
    seen = failing(monkeypatch, calls, times, "tenant_context", {**TENANT_CONTEXT, "required": True})
    assert (seen.response.header(":status"), seen.request) == ("403", None)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("calls", TENANT_CALLS)
def test_no_tenant_that_a_client_names_passes(
    monkeypatch: pytest.MonkeyPatch, calls: str, times: Container[int]
) -> None:
    assert passed(failing(monkeypatch, calls, times, "tenant_context", TENANT_CONTEXT), TENANT) == ["x-api-tenant"]


@pytest.mark.parametrize("call", REMOVALS)
def test_a_tenant_is_removed_at_the_second_try(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    assert passed(failing(monkeypatch, call, range(1), "tenant_context", TENANT_CONTEXT), TENANT) == ["x-api-tenant"]


@pytest.mark.parametrize("header", ["x-tenant", "x-api-key", "x-old-key"])
def test_one_header_that_stays_keeps_no_other_of_a_tenant(monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    fail(monkeypatch, "headers_get")
    fail(monkeypatch, "headers_remove", header=header)
    assert passed(exchange("tenant_context", TENANT_CONTEXT, TENANT), TENANT) == [header, "x-api-tenant"]


def test_a_tenant_is_removed_before_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, "headers_remove", header="x-api-key")
    fail(monkeypatch, "headers", range(1, 1000))
    sent = [("x-tenant", "globex"), ("x-api-key", "k")]
    assert passed(exchange("tenant_context", TENANT_CONTEXT, sent), sent) == ["x-api-key"]
