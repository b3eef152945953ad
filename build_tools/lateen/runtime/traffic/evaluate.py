"""Whether what happened is what was expected: pure functions over answers and log entries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lateen.runtime.traffic.caller import Answer
from lateen.runtime.traffic.calllog import Entry
from lateen.runtime.traffic.cases import Call


@dataclass(frozen=True, slots=True)
class Hosts:
    """Addresses of a running mesh: the workload behind each, and the key of the proxy that serves it, if one does."""

    owners: Mapping[str, str] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict)


_DENIED = re.compile(r"rbac_access_denied_matched_policy\[(.*)\]")


def failures(
    call: Call,
    answers: Sequence[Answer],
    logs: Mapping[str, Sequence[Entry]],
    entry: str,
    hosts: Hosts,
) -> list[str]:
    """What of `call.expect` did not hold, in words; empty: all of it held.

    `logs` maps a call id to its entries, `entry` is the key of the proxy that the calls entered by (empty: none).
    """
    found = Counter(_answers(call, answers))
    problems = [f"{text} ({count} of {len(answers)} calls)" for text, count in found.items()]
    problems += _shares(call, answers, logs, entry, hosts)
    if call.expect.request_headers or call.expect.denied_by:
        problems += sorted({text for a in answers for text in _destination(call, logs.get(a.call, ()), entry, hosts)})
    return problems


def _answers(call: Call, answers: Sequence[Answer]) -> Iterator[str]:
    """One text for each expectation that an answer missed."""
    expect = call.expect
    for answer in answers:
        if expect.error:
            if answer.error != expect.error:
                yield f"expected {expect.error}, got {answer.error or f'status {answer.status}'}"
            continue
        if answer.error:
            yield f"expected {expect.status or 'an answer'}, got {answer.error}"
            continue
        if expect.status is not None and answer.status != expect.status:
            yield f"expected status {expect.status}, got {answer.status}"
        for name, value in expect.headers.items():
            actual = (answer.headers or {}).get(name.lower())
            if actual != value:
                yield f"expected response header {name}: {value}, got {actual}"


def _shares(
    call: Call, answers: Sequence[Answer], logs: Mapping[str, Sequence[Entry]], entry: str, hosts: Hosts
) -> Iterator[str]:
    """Which workload answered which part, as the calling proxy chose it."""
    if not call.expect.share:
        return
    chosen = Counter(
        hosts.owners.get(_host(seen.upstream_host), seen.upstream_host)
        for answer in answers
        for seen in logs.get(answer.call, ())
        if seen.proxy == entry and seen.direction != "inbound"
    )
    total = sum(chosen.values())
    if total < len(answers):
        yield f"the call log of {entry} has {total} of {len(answers)} calls"
    for workload, (low, high) in call.expect.share.items():
        part = chosen[workload] / total if total else 0.0
        if not low <= part <= high:
            yield f"{workload} answered {part:.3f} of the calls, expected {low:g} to {high:g}"


def _destination(call: Call, entries: Sequence[Entry], entry: str, hosts: Hosts) -> Iterator[str]:
    """What the destination's proxy saw: headers, and which policy denied."""
    received = {e.proxy: e for e in entries if e.direction == "inbound"}
    sent = {e.proxy: e for e in entries if e.direction != "inbound"}
    seen, passed = sent.get(entry) or received.get(entry), {entry}
    while seen and seen.direction != "inbound" and (onward := hosts.proxies.get(_host(seen.upstream_host))):
        seen = received.get(onward) or (sent.get(onward) if onward not in passed else None)
        passed.add(onward)
    if seen is None:
        yield f"no proxy of {call.url} has logged the call"
        return
    for name, value in call.expect.request_headers.items():
        actual = seen.request_headers.get(name.lower())
        if actual != value:
            yield f"the destination saw {name}: {actual}, expected {value}"
    if call.expect.denied_by:
        denied = _DENIED.search(seen.details)
        actual = denied.group(1) if denied else "nobody"
        if call.expect.denied_by != actual:
            yield f"denied by {actual}, expected {call.expect.denied_by}"


def _host(address: str) -> str:
    """`127.1.0.3:8080` without its port."""
    return address.rpartition(":")[0]
