"""A client that has taken everything."""

from __future__ import annotations

import pytest

from lateen.deliver.stream import Stream

from .client import FIRST, Client, mesh


@pytest.fixture
def client() -> Client:
    """A client that holds everything of `mesh()`."""
    made = Client(Stream(), mesh())
    made.ask(*FIRST)
    made.settle()
    assert made.stream.settled(made.resources)
    return made
