"""Files of runs: one folder each, private to the user, with a lock that tells whether the run is alive."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from lateen.deliver import SOCKET_PATH_LIMIT
from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import runtime as codes

MARKER = ".lateen"
"""The file that tells the folder of a run from any other, which must never be removed."""

ROOM = 16 * 1024 * 1024
"""Bytes that must be free at the start: for modules, bootstraps, and logs until the first ones are rotated."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where the files of one run are. `root` is a folder of mode 0700."""

    SOCKET: ClassVar[str] = "xds.sock"
    BOOTSTRAP: ClassVar[str] = "bootstrap.json"

    root: Path

    @property
    def logs(self) -> Path:
        """Output of every process, one file each."""
        return self.root / "logs"

    @property
    def calls(self) -> Path:
        """What proxies saw of calls with `x-lateen-call`, one file each."""
        return self.root / "calls"

    @property
    def modules(self) -> Path:
        """Wasm modules that Envoys load."""
        return self.root / "modules"

    @property
    def authority(self) -> Path:
        """The run's certificate authority."""
        return self.root / "ca"

    @property
    def certificates(self) -> Path:
        """Certificates that the authority has issued; shared with the control plane."""
        return self.root / "certificates"

    @property
    def plan(self) -> Path:
        """What the control plane reads."""
        return self.root / "plan.json"

    @property
    def description(self) -> Path:
        """What other commands read of the run."""
        return self.root / "run.json"

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.logs / f"{name}.log"

    def bootstrap(self, key: str) -> Path:
        """The bootstrap of a proxy."""
        return self.root / "envoy" / f"{key}.json"

    def call_log(self, key: str) -> Path:
        """Calls that a proxy saw with `x-lateen-call`, as JSON lines."""
        return self.calls / f"{key}.jsonl"

    def socket(self, number: int) -> Path:
        """The control plane's socket of a proxy, named by number because such a path must be short."""
        return self.root / "xds" / f"{number}.sock"

    def pod(self, number: int) -> Path:
        """The folder that a sidecar in a container has mounted, named by number like its socket in it."""
        return self.root / "pods" / str(number)

    def pod_socket(self, number: int) -> Path:
        """The control plane's socket of a proxy in a container."""
        return self.pod(number) / self.SOCKET

    def hosts(self, number: int) -> Path:
        """The hosts file of a workload in a container."""
        return self.root / "hosts" / str(number)

    def rules(self, number: int) -> Path:
        """The nftables rules of a workload in a container."""
        return self.root / "rules" / f"{number}.nft"

    def volumes(self, number: int) -> Path:
        """The volumes of a workload in a container, a folder each."""
        return self.root / "volumes" / str(number)

    @property
    def engine(self) -> Path:
        """The address of the container engine that the run uses; absent if it uses none."""
        return self.root / "engine"

    def check(self) -> Iterator[Diagnostic]:
        """A finding if socket paths would be too long."""
        path = self.socket(65_535)
        if (length := len(os.fsencode(path))) > SOCKET_PATH_LIMIT:
            yield codes.SOCKET_PATH_TOO_LONG.at(
                Origin(),
                path=path,
                length=length,
                limit=SOCKET_PATH_LIMIT,
                hint="choose a shorter folder with --state-dir",
            )

    def check_room(self) -> Iterator[Diagnostic]:
        """A finding if there is too little room. Raises OSError if there is no folder yet."""
        if (free := room(self.root)) < ROOM:
            code, reason = codes.STATE_UNUSABLE, f"{free} bytes are left, and {ROOM} are needed"
            yield code.at(Origin(), path=self.root.parent, reason=reason, hint=code.fix)


def room(folder: Path) -> float:
    """How many bytes its file system has left; infinite where it does not say. Raises OSError."""
    usage = shutil.disk_usage(folder)
    return usage.free if usage.total else math.inf


def default_base() -> Path:
    """Where runs have their folders: `$XDG_RUNTIME_DIR/lateen`, else `lateen-UID` in the temporary folder."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "lateen"
    return Path(tempfile.gettempdir()) / f"lateen-{os.getuid()}"


class RunDirectory:
    """The folder of a run that this process owns. Whoever holds its lock is its supervisor."""

    def __init__(self, base: Path | None = None) -> None:
        """Create the folder, and the base if need be.

        Raises PermissionError if the base belongs to somebody else or others may write to it, OSError if the folder
        cannot be made.
        """
        base = (base or default_base()).absolute()
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = base.stat()
        if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(1, "must belong to you alone, because it holds keys", str(base))
        self.id = secrets.token_hex(4)
        self.files = RunFiles(base / self.id)
        draft = base / f".{self.id}"  # found by others only once it is locked, or they would take it for a leftover
        draft.mkdir(mode=0o700)
        try:
            self._lock = _lock(draft)
            (draft / MARKER).touch()
            for folder in ("logs", "modules", "envoy", "calls", "xds"):
                (draft / folder).mkdir()
            draft.rename(self.files.root)
        except OSError:
            clear(draft)
            raise

    def describe(self, directory: Path, addresses: Mapping[str, str]) -> None:
        """Let other commands know what runs here, and at which address each proxy (by key) is."""
        description = {
            "version": 1,
            "pid": os.getpid(),
            "directory": str(directory),
            "addresses": dict(addresses),
        }
        draft = self.files.description.with_suffix(".tmp")
        draft.write_text(json.dumps(description, indent=1))
        draft.replace(self.files.description)

    def remove(self, *, keep_logs: bool = False) -> None:
        """Delete the folder and give up the lock, once; `keep_logs` when an error names them."""
        if self._lock is not None:
            clear(self.files.root, keep_logs=keep_logs)
            os.close(self._lock)
            self._lock = None


def clear(root: Path, *, keep_logs: bool = False) -> None:
    """Delete the folder of a run, or all of it but its logs, which make it a folder of a run still."""
    if not keep_logs:
        shutil.rmtree(root, ignore_errors=True)
        return
    for entry in root.iterdir():
        if entry.name in ("logs", MARKER):
            continue
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _lock(root: Path) -> int | None:
    """The descriptor that holds the lock of a run, or None if its supervisor holds it."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@dataclass(frozen=True, slots=True)
class Run:
    """A run as other commands see it. `alive` says whether its supervisor still holds the lock."""

    id: str
    files: RunFiles
    alive: bool
    pid: int = 0
    directory: Path | None = None
    addresses: dict[str, str] = field(default_factory=dict)


def find_runs(base: Path | None = None) -> tuple[Run, ...]:
    """Every run that has a folder, oldest first. What else is in `base` is somebody else's."""
    base = base or default_base()
    runs = []
    for marker in base.glob(f"[!.]*/{MARKER}"):
        with contextlib.suppress(FileNotFoundError):  # it ended meanwhile
            runs.append((marker.stat().st_mtime, _read(marker.parent)))
    return tuple(run for _, run in sorted(runs, key=lambda found: (found[0], found[1].id)))


def _read(root: Path) -> Run:
    descriptor = _lock(root)
    alive = descriptor is None
    if descriptor is not None:
        os.close(descriptor)
    files = RunFiles(root)
    try:
        known = json.loads(files.description.read_text())
    except (OSError, ValueError):
        return Run(root.name, files, alive)
    return Run(root.name, files, alive, known["pid"], Path(known["directory"]), known["addresses"])
