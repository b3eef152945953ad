"""HTTP with bounds: how long an answer may take, how much it may hold, how often a request is made again."""

from __future__ import annotations

import re
import time

import requests
import urllib3
from requests.adapters import HTTPAdapter

from lateen.filterkit.oci.problem import printable
from lateen.version import __version__

TIMEOUT_SECONDS = (5, 30)
"""To connect, and between two pieces of an answer."""

TRANSFER_SECONDS = 300
"""For the whole of one answer, however slowly its pieces come."""

FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, ValueError)
"""What a request raises; of URLs that are none, `requests` lets through what urllib3 and the parsers of Python say."""

_CHUNK_BYTES = 65_536
_QUERY = re.compile(r"[?#]\S*")
_RETRIES = urllib3.Retry(
    total=2,
    redirect=False,
    backoff_factor=0.2,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=("GET", "HEAD"),
    raise_on_status=False,
    respect_retry_after_header=False,  # the other side would decide how long this waits
)


class TransferError(Exception):
    """An answer does not come, or not whole; the message says why in a few words."""


class TooLargeError(Exception):
    """An answer has more bytes than its limit."""


def open_session() -> requests.Session:
    """A client that asks for content as it is, since digests are those of the bytes on the wire."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
    session.headers.update({"User-Agent": f"lateen/{__version__}", "Accept-Encoding": "identity"})
    return session


def read(response: requests.Response, limit: int) -> bytes:
    """The content of an answer, at most `limit` bytes. Raises TooLargeError and TransferError."""
    declared = response.headers.get("Content-Length", "")
    if response.request.method != "HEAD" and declared.isdecimal() and int(declared) > limit:
        raise TooLargeError
    content = bytearray()
    deadline = time.monotonic() + TRANSFER_SECONDS
    try:
        for piece in response.raw.stream(_CHUNK_BYTES, decode_content=False):
            content += piece
            if len(content) > limit:
                raise TooLargeError
            if time.monotonic() > deadline:
                raise TransferError(f"its answer takes more than {TRANSFER_SECONDS} s")
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TransferError(cause(error)) from error
    return bytes(content)


def cause(error: BaseException) -> str:
    """The innermost cause, which says what happened, without the query of a URL that it names: it may be a token.

    The outer ones repeat the URL.
    """
    while True:
        inner = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, Exception)), None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    return printable(_QUERY.sub("", str(error).rpartition(": ")[2])).rstrip(".") or type(error).__name__
