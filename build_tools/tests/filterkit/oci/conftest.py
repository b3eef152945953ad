"""Registries of a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from .fake import FakeRegistry


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """A registry, and nothing in it."""
    yield from _running()


@pytest.fixture
def elsewhere() -> Iterator[FakeRegistry]:
    """Another host."""
    yield from _running()


def _running() -> Iterator[FakeRegistry]:
    with FakeRegistry() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
