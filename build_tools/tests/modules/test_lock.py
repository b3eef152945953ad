"""`lateen.lock` as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lateen.modules import Entry, Lock

DIGEST = "0" * 64
ENTRY = {"sha256": DIGEST, "size": 8, "path": f"sha256/{DIGEST}.wasm"}


def test_a_lock_is_read_as_it_was_written_whatever_the_order(tmp_path: Path) -> None:
    entries = {"https://b": Entry(DIGEST, 8), "oci://a/b:1": Entry(DIGEST, 8, f"sha256:{DIGEST}")}
    backwards = dict(reversed(entries.items()))
    assert Lock(entries).content() == Lock(backwards).content()
    (tmp_path / "lateen.lock").write_bytes(Lock(entries).content())
    assert Lock.read(tmp_path / "lateen.lock") == (Lock(entries), ())
    assert json.loads(Lock(entries).content()) == {
        "version": 1,
        "entries": {"https://b": ENTRY, "oci://a/b:1": ENTRY | {"image": f"sha256:{DIGEST}"}},
    }


def test_without_a_file_nothing_is_locked(tmp_path: Path) -> None:
    assert Lock.read(tmp_path / "lateen.lock") == (Lock(), ())


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"version": 2, "entries": {}},
        {"version": 1},
        {"version": 1, "entries": {"https://b": {}}},
        {"version": 1, "entries": {"https://b": ENTRY | {"sha256": "abc"}}},
        {"version": 1, "entries": {"https://b": ENTRY | {"path": "../../etc/passwd"}}},
        {"version": 1, "entries": {"https://b": ENTRY | {"size": "8"}}},
        {"version": 1, "entries": {"https://b": ENTRY | {"image": "sha256:x"}}},
    ],
)
def test_what_is_no_lock_is_said(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "lateen.lock"
    path.write_text(json.dumps(value))
    lock, (finding,) = Lock.read(path)
    assert (lock, finding.code, finding.origin.file) == (Lock(), "LAT0640", str(path))


TWICE = (
    f'{{"version": 1, "entries": {{"https://b?token=hunter2": {json.dumps(ENTRY)}, "https://b?token=hunter2": {{}}}}}}'
)


@pytest.mark.parametrize("content", ["<<<<<<< ours\n{}\n", TWICE, "[" * 100_000], ids=["marks", "twice", "deep"])
def test_what_a_merge_or_worse_leaves_is_no_lock(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lateen.lock"
    path.write_text(content)
    (finding,) = Lock.read(path)[1]
    assert (finding.code, "hunter2" in finding.message) == ("LAT0640", False)
