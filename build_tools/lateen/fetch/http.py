"""A module from a web server."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import requests

from lateen.diagnostics.codes.fetch import NOT_REACHED, TOO_LARGE
from lateen.fetch.fetched import LIMIT, Fetched, FetchError, wasm
from lateen.fetch.unbox import unboxed
from lateen.filterkit.oci import transfer
from lateen.modules.module import shown

_REDIRECTS = 5
_CREDENTIALS = "a login is read from ~/.netrc"


def download(url: str, limit: int = LIMIT) -> Fetched:
    """The module at a URL, packed as Istio takes it: as it is, or in a tar or gzip file.

    Redirects are followed, but never away from TLS. A login comes from ~/.netrc and is that of the URL's own host: who
    redirects elsewhere has no say in which others are used. Raises FetchError (LAT0641 to LAT0643).
    """
    try:
        content = unboxed(_get(url, limit), limit)
    except transfer.TooLargeError as error:
        raise FetchError(TOO_LARGE, url=shown(url), limit=limit >> 20) from error
    except (*transfer.FAILURES, transfer.TransferError) as error:
        raise _unreachable(url, transfer.cause(error)) from error
    return Fetched(wasm(url, content))


def _get(url: str, limit: int) -> bytes:
    at = url
    with transfer.open_session() as session:
        for _ in range(_REDIRECTS + 1):
            auth = None if urlsplit(at).netloc == urlsplit(url).netloc else _nobody
            with session.get(
                at, auth=auth, timeout=transfer.TIMEOUT_SECONDS, stream=True, allow_redirects=False
            ) as response:
                if not response.is_redirect:
                    if response.status_code != requests.codes.ok:
                        denied = response.status_code in (requests.codes.unauthorized, requests.codes.forbidden)
                        reason = f"the server answers with status {response.status_code}"
                        raise _unreachable(url, reason, _CREDENTIALS if denied else "")
                    return transfer.read(response, limit)
                following = urljoin(at, response.headers["Location"])
            if at.startswith("https://") and not following.startswith("https://"):
                raise _unreachable(url, "it leads away from TLS")
            at = following
    raise _unreachable(url, f"it redirects more than {_REDIRECTS} times")


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Being there keeps `requests` from looking for a login in ~/.netrc."""
    return request


def _unreachable(url: str, reason: str, hint: str = "") -> FetchError:
    return FetchError(NOT_REACHED, hint=hint, url=shown(url), reason=reason)
