"""What the fuzzer sends: made of what the filter's scenarios are made of, cut up and mixed with noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Self

from lateen.filterkit.catalog import Filter
from lateen.filterkit.host.abi import IMPORTS
from lateen.filterkit.scenarios.message import Fields, Message, to_bytes, to_text
from lateen.filterkit.scenarios.read import read_scenarios
from lateen.filterkit.scenarios.scenario import Answer, Exchange, GrpcReply

_METHODS = ("GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "get", "X")
_NAMES = (
    *("authorization", "content-type", "content-length", "content-encoding", "cookie", "x-forwarded-for", "host", "te"),
    *("traceparent", "tracestate", "baggage", "x-request-id", "accept", "user-agent", "date", "grpc-timeout", "x-a"),
)
_VALUES = (
    "",
    ",",
    "=",
    ";",
    " ",
    "a=b",
    "Bearer x.y.z",
    "Basic Og==",
    "application/json",
    "application/grpc",
    "gzip",
    "-1",
    "0",
    "18446744073709551616",
    "2026-01-01T00:00:00Z",
    "00-" + "0" * 32 + "-" + "f" * 16 + "-01",
    "%00%ff%zz",
    "../" * 8,
    "\u00e9\u4e16",
    "\U0001f600",
    "{" * 64,
    '{"query":"{a}"}',
    "A" * 8192,
)
_STATUSES = ("200", "201", "204", "304", "401", "403", "404", "429", "500", "503")
_FAULTS = tuple(f"proxy_{name}" for name in IMPORTS)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What occurs in a filter's scenarios: whole exchanges, names and values of headers, clusters."""

    exchanges: tuple[Exchange, ...]
    names: tuple[str, ...]
    values: tuple[str, ...]
    clusters: tuple[str, ...]
    grpc: frozenset[str]

    @classmethod
    def of(cls, suite: Filter) -> Self:
        """That of a filter."""
        scenarios, _ = read_scenarios(suite)
        exchanges = [exchange for scenario in scenarios for exchange in scenario.exchanges]
        fields = [
            field for one in exchanges for m in (one.request, one.response) for field in (*m.headers, *m.trailers)
        ]
        configured = [text for scenario in scenarios for text in _texts(scenario.config)]
        answers = [answer for one in exchanges for answer in one.answers]
        return cls(
            tuple(exchanges),
            tuple(dict.fromkeys((*_NAMES, *(name for name, _ in fields if not name.startswith(":"))))),
            tuple(dict.fromkeys((*_VALUES, *(value for _, value in fields), *configured))),
            tuple(dict.fromkeys(answer.cluster for answer in answers)),
            frozenset(answer.cluster for answer in answers if answer.grpc is not None),
        )


@dataclass(frozen=True, slots=True)
class Input:
    """One exchange, with what the host and other clusters do meanwhile; `pause` is the time behind it in seconds."""

    request: Message
    response: Message
    answers: tuple[Answer, ...]
    reset_after: str
    faults: dict[str, int]
    pause: float


def fuzz_input(random: Random, words: Vocabulary) -> Input:
    """An input; all that it is made of comes from `random`."""
    base = random.choice(words.exchanges)
    fresh = random.random() < 0.3
    request = _request(random, words, Message() if fresh else base.request)
    response = base.response if random.random() < 0.5 else _response(random, words)
    answers = base.answers if random.random() < 0.5 else tuple(_answer(random, words, c) for c in words.clusters)
    reset_after = random.choice(("headers", "body", "end")) if random.random() < 0.1 else ""
    faults = {random.choice(_FAULTS): random.randint(1, 12)} if random.random() < 0.2 else {}
    return Input(request, response, answers, reset_after, faults, random.choice((0, 0, 0.01, 1, 61)))


def _request(random: Random, words: Vocabulary, base: Message) -> Message:
    headers = list(base.headers)
    pseudo = {name: value for name, value in headers if name.startswith(":")}
    pseudo.setdefault(":method", random.choice(_METHODS))
    pseudo.setdefault(":authority", _value(random, words) or "a")
    pseudo.setdefault(":path", "/" + _value(random, words))
    if random.random() < 0.2:
        pseudo[random.choice((":authority", ":path"))] = _value(random, words)
    rest = [field for field in headers if not field[0].startswith(":")]
    return Message(
        (*pseudo.items(), *_mixed(random, words, rest)), _body(random, words, base), _trailers(random, words)
    )


def _response(random: Random, words: Vocabulary) -> Message:
    headers = ((":status", random.choice(_STATUSES)), *_mixed(random, words, []))
    return Message(headers, _body(random, words, Message()), _trailers(random, words))


def _answer(random: Random, words: Vocabulary, cluster: str) -> Answer:
    error = random.choice(("timeout", "reset", "unreachable", "", "", "", ""))
    delay = random.choice((0, 0, 0.05, 5))
    if cluster in words.grpc:
        message = random.choice((None, b"", random.randbytes(random.randrange(200))))
        return Answer(cluster, None, None, Message(), GrpcReply(random.randrange(17), message, "x"), delay, error)
    return Answer(cluster, None, None, _response(random, words), None, delay, error)


def _mixed(random: Random, words: Vocabulary, fields: list[tuple[str, str]]) -> Fields:
    """Headers with some left out, repeated, changed or added."""
    kept = [field for field in fields if random.random() > 0.1]
    for index, (name, value) in enumerate(kept):
        if random.random() < 0.3:
            kept[index] = (name, _cut(random, value) if random.random() < 0.7 else _value(random, words))
    if kept and random.random() < 0.2:
        kept.append(random.choice(kept))
    kept += [(_name(random, words), _value(random, words)) for _ in range(random.choice((0, 0, 1, 2, 12)))]
    random.shuffle(kept)
    return tuple(kept)


def _name(random: Random, words: Vocabulary) -> str:
    return random.choice(words.names) if random.random() < 0.9 else to_text(random.randbytes(6)).replace(":", "x")


def _value(random: Random, words: Vocabulary) -> str:
    value = random.choice(words.values)
    return _cut(random, value) if random.random() < 0.4 else value


def _cut(random: Random, value: str) -> str:
    """A text with a piece taken out, doubled, or replaced by bytes that need not be UTF-8."""
    data = bytearray(to_bytes(value))
    start = random.randint(0, len(data))
    end = min(len(data), start + random.randrange(9))
    piece = data[start:end]
    data[start:end] = random.choice((b"", piece * 2, random.randbytes(3), b"\0", b"\xff\xfe"))
    return to_text(bytes(data))


def _body(random: Random, words: Vocabulary, base: Message) -> tuple[str, ...]:
    """A body in other chunks: whole, changed, cut off, or of noise."""
    whole = b"".join(to_bytes(chunk) for chunk in base.body)
    if not whole and random.random() < 0.7:
        return ()
    kind = random.random()
    if kind < 0.3:
        whole = to_bytes(_cut(random, to_text(whole)))
    elif kind < 0.4:
        whole = whole[: random.randint(0, len(whole))]
    elif kind < 0.5:
        whole = random.randbytes(random.choice((1, 100, 5000)))
    elif kind < 0.6:
        whole = to_bytes(_value(random, words)) * random.randint(1, 3)
    cuts = sorted(random.randint(0, len(whole)) for _ in range(random.randrange(4)))
    return tuple(to_text(whole[a:b]) for a, b in zip((0, *cuts), (*cuts, len(whole)), strict=True))


def _trailers(random: Random, words: Vocabulary) -> Fields:
    return _mixed(random, words, []) if random.random() < 0.1 else ()


def _texts(config: Any) -> Iterator[str]:
    if isinstance(config, str):
        yield config[:256]
    elif isinstance(config, dict):
        for key, value in config.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(config, list):
        for item in config:
            yield from _texts(item)
