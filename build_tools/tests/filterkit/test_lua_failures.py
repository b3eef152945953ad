"""Whatever call to Envoy fails, nothing passes that the Lua filters of the suite are there to stop."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.filterkit.catalog import catalog
from lateen.filterkit.host.driver import lua, request
from lateen.filterkit.host.lua_api import Api
from lateen.filterkit.scenarios.compare import Observation

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CALLS = ("headers", "headers_get", "headers_replace", "headers_remove", "stream_info", "metadata_set")


def exchange(
    monkeypatch: pytest.MonkeyPatch, call: str, name: str, config: dict[str, Any], headers: list[tuple[str, str]]
) -> Observation:
    """A request through a filter of the suite, of which the first `call` fails."""
    works = getattr(Api, call)
    failed: list[str] = []

    def fails_once(*arguments: Any) -> Any:
        if not failed:
            failed.append(call)
            raise RuntimeError("Envoy fails")
        return works(*arguments)

    monkeypatch.setattr(Api, call, fails_once)
    seen = lua(catalog()[name].lua(config)).exchange(request(headers=headers))
    assert failed, f"{name} calls {call}"
    assert any("Envoy fails" in line for line in seen.meanwhile.logs)
    return seen


@pytest.mark.parametrize("call", CALLS)
def test_no_context_of_a_client_passes(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    sent = [("traceparent", PARENT), ("tracestate", "a=1,b=2"), ("baggage", "c=3"), ("b3", "0"), ("x-sampled", "1")]
    config = {
        "trust": "validate",
        "tracestate": {"vendors": ["a"]},
        "sampling": {"header": "x-sampled"},
        "remove": ["b3"],
    }
    seen = exchange(monkeypatch, call, "trace_policy", config, sent)
    assert seen.request is not None
    assert [seen.request.header(name) for name, _ in sent] == [None] * len(sent)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("required", [True, False])
def test_no_tenant_that_a_client_names_passes(monkeypatch: pytest.MonkeyPatch, call: str, required: bool) -> None:
    config = {
        "header": "x-tenant",
        "required": required,
        "sources": [{"api_key": {"header": "x-api-key", "tenants": {}}}, {"header": {"name": "x-api-tenant"}}],
    }
    sent = [("x-tenant", "globex"), ("x-api-key", "k"), ("x-api-tenant", "acme")]
    seen = exchange(monkeypatch, call, "tenant_context", config, sent)
    if required:
        assert seen.response.header(":status") == "403"
    else:
        assert seen.request is not None
        assert (seen.request.header("x-tenant"), seen.request.header("x-api-key")) == (None, None)
