"""What a misspelled name was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The candidate that is most like `name`, or an empty string if none is like it."""
    from difflib import get_close_matches  # noqa: PLC0415  (8 ms that a clean input need not pay)

    known = {candidate.lower(): candidate for candidate in candidates}
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return known[close[0]] if close else ""


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """`did you mean "timeout"?`, or an empty string."""
    close = nearest(name, candidates)
    return f'did you mean "{close}"?' if close else ""
