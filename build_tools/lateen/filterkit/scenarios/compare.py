"""What a scenario expects against what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lateen.filterkit.scenarios.message import Fields, Message, joined, text
from lateen.filterkit.scenarios.scenario import Call, Exchange
from lateen.source.document import Path

BY_UPSTREAM = "via_upstream"
"""Envoy's response code details of an answer that it did not make itself."""

BY_TRAP = "wasm_fail_stream"
"""Those of an answer in place of a module that trapped."""

Difference = tuple[Path, str]
"""Where in the exchange the expectation stands, and how it was missed."""


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What happened while a request, or several together, were in flight.

    `unanswered` are those of the calls that no answer of the scenario matched; `metrics` are changes, `logs` lines.
    """

    calls: tuple[Call, ...] = ()
    unanswered: tuple[Call, ...] = ()
    metrics: dict[str, int] = field(default_factory=dict)
    logs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of a request: as the upstream saw it, as the client saw the answer, and the host's own record of both.

    `details`, `attributes` and `metadata` are Envoy's, from its access log. `failure` says why there is nothing to
    compare; `broken` that the answer was cut off.
    """

    request: Message | None = None
    response: Message = field(default_factory=Message)
    details: str = ""
    attributes: dict[str, str | None] = field(default_factory=dict)
    metadata: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    meanwhile: Meanwhile = field(default_factory=Meanwhile)
    failure: str = ""
    broken: str = ""


def differences(exchange: Exchange, seen: Observation) -> Iterator[Difference]:
    """Every expectation that did not hold, in words; nothing if all did.

    An answer that Envoy made itself must be expected, and a call to another cluster must have an answer: nothing else
    in a scenario would notice a filter that failed.
    """
    expect = exchange.expect
    if seen.failure:
        yield ("expect",), seen.failure
        return
    yield from _outcome(exchange, seen)
    yield from _request(expect, seen.request)
    answer = seen.response
    yield from _fields(("expect", "response_headers"), expect.get("response_headers"), answer.headers, _AT_CLIENT)
    yield from _fields(("expect", "response_trailers"), expect.get("response_trailers"), answer.trailers, _AT_CLIENT)
    yield from _value(("expect", "body"), expect.get("body"), answer.content, "body")
    for name, expected in expect.get("attributes", {}).items():
        if (actual := seen.attributes.get(name)) != expected:
            yield ("expect", "attributes", name), f"attribute {name}: expected {_show(expected)}, got {_show(actual)}"
    for namespace, expected in expect.get("metadata", {}).items():
        if (found := seen.metadata.get(namespace) or {}) != expected:
            yield ("expect", "metadata", namespace), f"metadata {namespace}: expected {expected}, got {found}"
    yield from _calls(expect.get("callouts"), seen.meanwhile)
    for name, change in expect.get("metrics", {}).items():
        if (grown := seen.meanwhile.metrics.get(name, 0)) != change:
            yield ("expect", "metrics", name), f"metric {name}: expected a change of {change}, got {grown}"
    for index, part in enumerate(expect.get("logs", ())):
        if not any(part in line for line in seen.meanwhile.logs):
            yield ("expect", "logs", index), f"no line of the log contains {part!r}"


def refusal(expected: str, started: bool, logs: Sequence[str]) -> Iterator[Difference]:
    """How the refusal of a configuration was missed."""
    if started:
        yield ("refused",), "the filter takes the configuration"
    elif not any(expected in line for line in logs):
        yield ("refused",), f"the configuration is refused, but no line of the log contains {expected!r}"


def _outcome(exchange: Exchange, seen: Observation) -> Iterator[Difference]:
    """Who made the answer: the upstream, the filter, or the host in place of one that trapped."""
    failed = bool(seen.broken) or seen.details == BY_TRAP
    if exchange.expect.get("fails"):
        if not failed:
            status = seen.response.header(":status")
            yield ("expect", "fails"), f"expected the module to trap, got {status} ({seen.details})"
    elif seen.broken:
        yield ("expect",), seen.broken
    elif not exchange.reset_after or seen.response.headers:
        yield from _local_reply(exchange.expect.get("local_reply"), seen)


def _local_reply(expected: dict[str, Any] | None, seen: Observation) -> Iterator[Difference]:
    at = ("expect", "local_reply")
    status = seen.response.header(":status") or ""
    if expected is None:
        if seen.details != BY_UPSTREAM:
            yield at, f"no local reply expected, got {status} ({seen.details}) {_show(seen.response.content)}"
        return
    if seen.details == BY_UPSTREAM:
        yield at, f"expected a local reply, but the upstream answered with {status}"
        return
    if str(expected["status"]) != status:
        yield (*at, "status"), f"local reply: expected status {expected['status']}, got {status} ({seen.details})"
    yield from _value((*at, "body"), expected.get("body"), seen.response.content, "local reply: body")
    yield from _value((*at, "details"), expected.get("details"), seen.details, "local reply: details")


def _request(expect: dict[str, Any], request: Message | None) -> Iterator[Difference]:
    wanted = [key for key in ("request_headers", "request_body", "request_trailers") if key in expect]
    if request is None:
        if wanted:
            yield ("expect", wanted[0]), "the request did not reach the upstream"
        return
    yield from _fields(("expect", "request_headers"), expect.get("request_headers"), request.headers, _AT_UPSTREAM)
    yield from _fields(("expect", "request_trailers"), expect.get("request_trailers"), request.trailers, _AT_UPSTREAM)
    yield from _value(("expect", "request_body"), expect.get("request_body"), request.content, "request body")


def _calls(expected: list[dict[str, Any]] | None, seen: Meanwhile) -> Iterator[Difference]:
    at = ("expect", "callouts")
    for call in seen.unanswered:
        yield at, f"nothing answers the call to {call.cluster}: {_target(call)}"
    if expected is None:
        return
    if len(expected) != len(seen.calls):
        made = "; ".join(f"{call.cluster}: {_target(call)}" for call in seen.calls) or "none"
        yield at, f"callouts: expected {len(expected)}, got {len(seen.calls)} ({made})"
        return
    for index, (wanted, call) in enumerate(zip(expected, seen.calls, strict=True)):
        if wanted["cluster"] != call.cluster:
            yield (*at, index, "cluster"), f"callout: expected one to {wanted['cluster']}, got one to {call.cluster}"
            continue
        yield from _fields((*at, index, "headers"), wanted.get("headers"), call.request.headers, ("callout", "it had"))
        yield from _value((*at, index, "body"), wanted.get("body"), call.request.content, "callout: body")


def _target(call: Call) -> str:
    return f"{call.request.header(':method')} {call.request.header(':path')}"


_AT_CLIENT = ("response", "the client saw")
_AT_UPSTREAM = ("request", "the upstream saw")


def _fields(at: Path, expected: dict[str, Any] | None, fields: Fields, where: tuple[str, str]) -> Iterator[Difference]:
    what, who = where
    kind = "trailer" if str(at[-1]).endswith("trailers") else "header"
    for name, value in (expected or {}).items():
        wanted = None if value is None else text(value)
        if (actual := joined(fields, name)) != wanted:
            yield (*at, name), f"{what} {kind} {name}: expected {_show(wanted)}, {who} {_show(actual)}"


def _value(path: Path, expected: Any, actual: str, what: str) -> Iterator[Difference]:
    if expected is not None and text(expected) != actual:
        yield path, f"{what}: expected {_show(text(expected))}, got {_show(actual)}"


def _show(value: str | None) -> str:
    return "none" if value is None else repr(value)


def disagreements(expect: dict[str, Any], here: Observation, there: Observation) -> Iterator[tuple[str, Any, Any]]:
    """What two hosts saw differently, expected or not: what it is, and what each saw.

    Left out is what depends on the clock, and attributes, metadata and metrics that the scenario does not name.
    """
    pairs: list[tuple[str, Any, Any]] = [
        ("an answer", not here.broken, not there.broken),
        ("response code details", here.details, there.details),
        ("a request at the upstream", here.request is not None, there.request is not None),
        *_message_pairs("request", here.request, there.request),
        *_message_pairs("response", here.response, there.response),
        ("calls", _shown_calls(here), _shown_calls(there)),
    ]
    for name in expect.get("attributes", {}):
        pairs.append((f"attribute {name}", here.attributes.get(name), there.attributes.get(name)))
    for name in expect.get("metadata", {}):
        pairs.append((f"metadata {name}", here.metadata.get(name) or {}, there.metadata.get(name) or {}))
    for name in expect.get("metrics", {}):
        pairs.append((f"metric {name}", here.meanwhile.metrics.get(name, 0), there.meanwhile.metrics.get(name, 0)))
    yield from (pair for pair in pairs if pair[1] != pair[2])


_CLOCK = frozenset(("date", "x-envoy-upstream-service-time"))


def _message_pairs(what: str, here: Message | None, there: Message | None) -> Iterator[tuple[str, Any, Any]]:
    if here is None or there is None:
        return
    yield f"{what} headers", _sorted(here.headers), _sorted(there.headers)
    yield f"{what} body", here.content, there.content
    yield f"{what} trailers", _sorted(here.trailers), _sorted(there.trailers)


def _sorted(fields: Fields) -> list[tuple[str, str]]:
    """Headers by name; the values of one name in their order."""
    kept = [(name.lower(), value) for name, value in fields if name.lower() not in _CLOCK]
    return sorted(kept, key=lambda field: field[0])


def _shown_calls(seen: Observation) -> list[str]:
    return [f"{call.cluster}: {_target(call)} {call.request.content!r}" for call in seen.meanwhile.calls]
