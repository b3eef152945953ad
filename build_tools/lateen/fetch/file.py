"""A module from a file of this machine."""

from __future__ import annotations

from pathlib import Path

from lateen.diagnostics.codes.fetch import NOT_REACHED, TOO_LARGE
from lateen.fetch.fetched import LIMIT, Fetched, FetchError, wasm


def read(url: str, path: Path, limit: int = LIMIT) -> Fetched:
    """The module in a file, as it is: in Istio Envoy itself opens it. Raises FetchError (LAT0641 to LAT0643)."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise FetchError(NOT_REACHED, url=url, reason=f"{path}: {error.strerror}") from error
    if len(content) > limit:
        raise FetchError(TOO_LARGE, url=url, limit=limit >> 20)
    return Fetched(wasm(url, content))
