"""How every runtime starts an Envoy."""

from __future__ import annotations

_OPTIONS = (
    "--disable-hot-restart",  # its shared memory would clash between Envoys, and outlive them
    "--file-flush-interval-msec",
    "100",  # call logs are read back while a test waits
    "--drain-strategy",
    "immediate",  # as Istio: a kept connection leaves a changed listener after its next answer, not some time later
    "--log-level",
    "warning",
)


def envoy_options(drain_duration: float, workers: int | None = None) -> tuple[str, ...]:
    """The options beside the bootstrap.

    `drain_duration` is how many seconds a replaced listener is kept. `workers` is the number of worker threads: 0 is
    one for each processor, None a single one.
    """
    threads = () if workers == 0 else ("--concurrency", str(workers or 1))
    return (*threads, *_OPTIONS, "--drain-time-s", str(max(1, round(drain_duration))))
