"""What a scenario expects against what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lateen.filterkit.scenarios.message import Fields, Message, joined
from lateen.source.document import Path

BY_UPSTREAM = "via_upstream"
"""Envoy's response code details of an answer that it did not make itself."""

Difference = tuple[Path, str]
"""Where in the scenario the expectation stands, and how it was missed."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of a request: as the upstream saw it, as the client saw the answer, and Envoy's own record of both.

    `details`, `attributes` and `metadata` come from Envoy's access log. `failure` says why there is nothing to compare.
    """

    request: Message | None = None
    response: Message = field(default_factory=Message)
    details: str = ""
    attributes: dict[str, str | None] = field(default_factory=dict)
    metadata: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    failure: str = ""


def differences(expect: dict[str, Any], seen: Observation) -> Iterator[Difference]:
    """Every expectation that did not hold, in words; nothing if all did.

    An answer that Envoy made itself must be expected: nothing else in a scenario would notice a filter that failed.
    """
    if seen.failure:
        yield ("expect",), seen.failure
        return
    yield from _local_reply(expect.get("local_reply"), seen)
    yield from _request(expect, seen.request)
    answer = seen.response
    yield from _fields("response_headers", expect, answer.headers, "response header", "the client")
    yield from _fields("response_trailers", expect, answer.trailers, "response trailer", "the client")
    yield from _value(("expect", "body"), expect.get("body"), answer.content, "body")
    for name, expected in expect.get("attributes", {}).items():
        if (actual := seen.attributes.get(name)) != expected:
            yield ("expect", "attributes", name), f"attribute {name}: expected {_show(expected)}, got {_show(actual)}"
    for namespace, expected in expect.get("metadata", {}).items():
        if (found := seen.metadata.get(namespace) or {}) != expected:
            yield ("expect", "metadata", namespace), f"metadata {namespace}: expected {expected}, got {found}"


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
    yield from _fields("request_headers", expect, request.headers, "request header", "the upstream")
    yield from _fields("request_trailers", expect, request.trailers, "request trailer", "the upstream")
    yield from _value(("expect", "request_body"), expect.get("request_body"), request.content, "request body")


def _fields(key: str, expect: dict[str, Any], fields: Fields, what: str, who: str) -> Iterator[Difference]:
    for name, expected in expect.get(key, {}).items():
        if (actual := joined(fields, name)) != expected:
            yield ("expect", key, name), f"{what} {name}: expected {_show(expected)}, {who} saw {_show(actual)}"


def _value(path: Path, expected: str | None, actual: str, what: str) -> Iterator[Difference]:
    if expected is not None and expected != actual:
        yield path, f"{what}: expected {_show(expected)}, got {_show(actual)}"


def _show(value: str | None) -> str:
    return "none" if value is None else repr(value)
