"""Counters, gauges and histograms that filters define."""

from __future__ import annotations

from lateen.filterkit.host.abi import Refused, Status

COUNTER, GAUGE, HISTOGRAM = 0, 1, 2

_UNSIGNED = 2**64 - 1


class Metrics:
    """The values of all metrics by name, in one namespace for each kind."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.gauges: dict[str, int] = {}
        self.histograms: dict[str, list[int]] = {}

    def values(self) -> dict[str, int]:
        """Counters and gauges by name."""
        return self.counters | self.gauges


class DefinedMetrics:
    """Those that one module has defined, by the numbers that it knows them by; the lowest bits tell the kind."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._names: dict[int, str] = {}
        self._next = 0

    def define(self, kind: int, name: str) -> int:
        """A number for a metric; another one each time. Raises Refused."""
        if kind > HISTOGRAM:
            raise Refused(Status.BAD_ARGUMENT)
        self._next += 1
        number = self._next << 2 | kind
        self._names[number] = name
        if kind == HISTOGRAM:
            self._metrics.histograms.setdefault(name, [])
        else:
            self._values(kind).setdefault(name, 0)
        return number

    def increment(self, number: int, offset: int) -> None:
        """Raises Refused; a counter only grows."""
        kind = number & 3
        if kind not in (COUNTER, GAUGE):
            raise Refused(Status.BAD_ARGUMENT)
        name = self._name(number)
        if kind == COUNTER and offset <= 0:
            raise Refused(Status.BAD_ARGUMENT)
        self._values(kind)[name] = self._values(kind)[name] + offset & _UNSIGNED

    def record(self, number: int, value: int) -> None:
        """Set a gauge, add to a counter, note a value of a histogram. Raises Refused."""
        kind, name = number & 3, self._name(number)
        value &= _UNSIGNED
        if kind == HISTOGRAM:
            self._metrics.histograms[name].append(value)
        elif kind == GAUGE:
            self._metrics.gauges[name] = value
        else:
            self._metrics.counters[name] = self._metrics.counters[name] + value & _UNSIGNED

    def get(self, number: int) -> int:
        """The value of a counter or gauge. Raises Refused."""
        if number & 3 not in (COUNTER, GAUGE):
            raise Refused(Status.BAD_ARGUMENT)
        return self._values(number & 3)[self._name(number)]

    def _name(self, number: int) -> str:
        if number not in self._names:
            raise Refused(Status.NOT_FOUND)
        return self._names[number]

    def _values(self, kind: int) -> dict[str, int]:
        return self._metrics.counters if kind == COUNTER else self._metrics.gauges
