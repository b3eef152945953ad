"""HTTP to one repository of a registry: who asks, where answers may lead, and what of them is a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urljoin

import requests

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import DENIED, REFUSED, TOO_LARGE, UNREACHABLE
from lateen.filterkit.oci import transfer
from lateen.filterkit.oci.challenge import Asker
from lateen.filterkit.oci.credentials import Credentials
from lateen.filterkit.oci.problem import said_by
from lateen.filterkit.oci.reference import Reference

_REDIRECTS = 5
_MAX_PROBLEM_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Connection:
    """Requests to the repository of `reference`, with the login that `credentials` has for its registry.

    `scopes` are what tokens are asked for. Plain HTTP is spoken to a registry on this machine, or where `plain_http`
    says so. A login or token goes to no other host than the registry and the token service that it names.
    """

    def __init__(
        self, reference: Reference, credentials: Credentials, scopes: tuple[str, ...], *, plain_http: bool = False
    ) -> None:
        self._registry = reference.registry
        self._secure = not (plain_http or reference.local)
        self._root = f"{'https' if self._secure else 'http'}://{reference.registry}"
        self._base = f"{self._root}/v2/{reference.repository}/"
        self._credentials = credentials
        self._scopes = scopes
        self._authorization = ""
        self._session = transfer.open_session()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        what: str,
        limit: int = _MAX_PROBLEM_BYTES,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Make a request; `path` is relative to the repository, or a URL that the registry gave.

        Any status but those of denial is an answer. `limit` bounds its content (bytes), `what` names in messages what
        is asked for. Raises MeshError: LAT0631 without an answer, LAT0632 when denied, LAT0635 when too large, LAT0638
        without a usable login.
        """
        url = self._joined(self._base, path)
        response = self._send(method, url, headers, content)
        if response.status_code == requests.codes.unauthorized and self._is_registry(response.url):
            response.close()
            login = self._credentials.login(self._registry)
            asker = Asker(self._registry, login, self._scopes, self._secure)
            self._authorization = asker.answer(response.headers.get("WWW-Authenticate", ""), self._session)
            response = self._send(method, url, headers, content)
        with response:
            if response.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
                self._deny(response, what)
            return Answer(response.status_code, response.headers, self._read(response, limit, what))

    def refused(self, answer: Answer, what: str) -> MeshError:
        """The error of an answer that is not what was to come (LAT0633)."""
        return self.broken(said_by(answer.content) or f"HTTP status {answer.status}", what)

    def broken(self, reason: str, what: str) -> MeshError:
        """The error of a registry that does not keep to the protocol (LAT0633)."""
        return MeshError((REFUSED.at(Origin(), registry=self._registry, what=what, reason=reason),))

    def _send(
        self, method: str, url: str, headers: Mapping[str, str] | None, content: bytes | None
    ) -> requests.Response:
        """Follow redirects of reads only, never away from TLS, and without the login on another host."""
        for _ in range(_REDIRECTS + 1):
            if self._secure and not url.startswith("https://"):
                raise self._unreachable("it leads away from TLS")
            try:
                response = self._session.request(
                    method,
                    url,
                    headers=headers,
                    data=content,
                    auth=self._sign,
                    timeout=transfer.TIMEOUT_SECONDS,
                    stream=True,
                    allow_redirects=False,
                )
            except transfer.FAILURES as error:
                raise self._unreachable(transfer.cause(error)) from error
            if not response.is_redirect or method not in ("GET", "HEAD"):
                return response
            response.close()
            url = self._joined(url, response.headers["Location"])
        raise self._unreachable(f"it redirects more than {_REDIRECTS} times")

    def _joined(self, url: str, path: str) -> str:
        try:
            return urljoin(url, path)
        except ValueError as error:
            raise self._unreachable(f"it leads to no URL: {error}") from error

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Being there keeps `requests` from looking for a login in ~/.netrc."""
        if self._authorization and self._is_registry(request.url or ""):
            request.headers["Authorization"] = self._authorization
        return request

    def _is_registry(self, url: str) -> bool:
        return url.startswith(f"{self._root}/")

    def _read(self, response: requests.Response, limit: int, what: str) -> bytes:
        try:
            return transfer.read(response, limit)
        except transfer.TooLargeError as error:
            raise MeshError((TOO_LARGE.at(Origin(what), what=what, limit=limit, hint=TOO_LARGE.fix),)) from error
        except transfer.TransferError as error:
            raise self._unreachable(str(error)) from error

    def _deny(self, response: requests.Response, what: str) -> NoReturn:
        content = self._read(response, _MAX_PROBLEM_BYTES, what)
        reason = said_by(content) or f"HTTP status {response.status_code}"
        raise MeshError((DENIED.at(Origin(), registry=self._registry, what=what, reason=reason, hint=DENIED.fix),))

    def _unreachable(self, reason: str) -> MeshError:
        return MeshError((UNREACHABLE.at(Origin(), registry=self._registry, reason=reason),))
