"""The soak: `python -m endurance --seconds 1800`, or as a test for a minute."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from endurance.edits import Editor, storefront
from endurance.load import Load
from endurance.samples import Level, Samples
from harness import counters
from lateen.runtime.events import Event
from lateen.runtime.plan import Settings
from lateen.runtime.supervisor import Options, Running, start

STOREFRONT = Path(__file__).parents[2] / "envoy_configs" / "storefront"

CERTIFICATE_SECONDS = 20.0
"""Certificates are renewed when half of this has passed."""

DRAIN_SECONDS = 10
"""How long proxies keep old listeners: longer than the longest request, and short enough for a soak of a minute."""

DISK_BYTES = 250_000_000
"""What the files of a run may come to, all of its logs full."""

EDIT_EVERY = 1.0


@dataclass(slots=True)
class Report:
    """What a soak showed."""

    seconds: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    edits: Counter[str] = field(default_factory=Counter)
    renewals: int = 0
    disk: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)

    def hear(self, event: Event) -> None:
        """Take note of a process that ended, of what an Envoy refused, and of a full disk."""
        if event["event"] in ("ended", "nack", "full"):
            self.incidents.append(str(event))

    @property
    def growing(self) -> list[str]:
        """What did not stay level."""
        return [str(level) for level in self.levels if not level.flat]

    @property
    def held(self) -> bool:
        """Whether nothing failed, ended or grew."""
        enough = self.renewals >= self.seconds / CERTIFICATE_SECONDS
        return enough and not (self.failed or self.growing or self.incidents) and self.disk < DISK_BYTES


def soak(seconds: float, folder: Path, options: Options) -> Report:
    """Run the storefront for so many seconds; the copy that is edited is in `folder`."""
    report = Report()
    directory = storefront(STOREFRONT, folder / "storefront", f"{DRAIN_SECONDS}s")
    settings = Settings(directory, certificate_lifetime=CERTIFICATE_SECONDS)
    with start(settings, replace(options, notify=report.hear)) as running:
        editor, load = Editor(running, directory), Load(running)
        samples = Samples(running.processes, running.files.root, seconds)
        begin, certificates = time.monotonic(), _renewed(running)
        with load.applied(), samples.taken():
            while (passed := time.monotonic() - begin) < seconds:
                report.edits[editor.edit()] += 1
                time.sleep(max(0.0, begin + editor.made * EDIT_EVERY - time.monotonic()))
        report.seconds, report.renewals = passed, _renewed(running) - certificates
    report.calls, report.failures, report.failed = load.made, load.failures, load.failed
    report.levels, report.disk = samples.levels(), samples.largest
    return report


def _renewed(running: Running) -> int:
    """How many certificates the proxy has got that got the fewest."""
    counted = (counters(running, proxy.owner, r"^sds\.default\.update_success$") for proxy in running.view.proxies)
    return min(sum(count.values()) for count in counted)
