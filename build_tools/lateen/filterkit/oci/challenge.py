"""A registry's `WWW-Authenticate`, and the `Authorization` that answers it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

import orjson
import requests

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import DENIED, UNREACHABLE
from lateen.filterkit.oci import transfer
from lateen.filterkit.oci.credentials import Login
from lateen.filterkit.oci.problem import said_by

CLIENT_ID = "lateen"

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_BEARER = re.compile(r"\bbearer\s", re.IGNORECASE)
_BASIC = re.compile(r"\bbasic\b", re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]+")
_MAX_TOKEN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks which registry, for what (`repository:NAME:pull,push`); `secure` unless plain HTTP is spoken to it."""

    registry: str
    login: Login | None
    scopes: tuple[str, ...]
    secure: bool

    def answer(self, challenge: str, session: requests.Session) -> str:
        """The value of `Authorization` that the challenge asks for.

        `Basic` is answered with the login itself, `Bearer` with a token of the service that it names; without a login
        one is asked for as nobody. Raises MeshError: LAT0632 if there is no way to answer or the service denies,
        LAT0631 if the service does not answer.
        """
        if bearer := _BEARER.search(challenge):
            parameters = dict(_PARAMETER.findall(challenge[bearer.end() :]))
            return f"Bearer {self._token(parameters.get('realm', ''), parameters.get('service', ''), session)}"
        if not _BASIC.search(challenge):
            raise self._denied("it does not say how to log in")
        if self.login is None or self.login.identity_token:
            raise self._denied("there is no login to it" if self.login is None else "it takes no identity token")
        return _basic(self.login)

    def _token(self, realm: str, service: str, session: requests.Session) -> str:
        """The distribution project's token and OAuth 2 flows."""
        if not realm.startswith("https://" if self.secure else ("https://", "http://")):
            raise self._denied(f"its token service is not reached by {'TLS' if self.secure else 'HTTP'}")
        try:
            with self._ask(realm, service, session) as response:
                content = transfer.read(response, _MAX_TOKEN_BYTES)
        except (*transfer.FAILURES, transfer.TransferError, transfer.TooLargeError) as error:
            whose = f"the token service of {self.registry}"
            reason = transfer.cause(error)
            raise MeshError((UNREACHABLE.at(Origin(), registry=whose, reason=reason),)) from error
        if response.status_code != requests.codes.ok:
            raise self._denied(said_by(content) or f"its token service answers with status {response.status_code}")
        try:
            tokens = orjson.loads(content)
            token = str(tokens.get("token") or tokens["access_token"])
            if not _TOKEN.fullmatch(token):  # which no header can hold, and an error would show
                raise ValueError
            return token
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._denied("its token service gives no token") from error

    def _ask(self, realm: str, service: str, session: requests.Session) -> requests.Response:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            """Being there keeps `requests` from looking for a login in ~/.netrc."""
            if self.login and not self.login.identity_token:
                request.headers["Authorization"] = _basic(self.login)
            return request

        bounds: dict[str, Any] = {"timeout": transfer.TIMEOUT_SECONDS, "stream": True, "allow_redirects": False}
        if self.login and self.login.identity_token:
            form = {
                "grant_type": "refresh_token",
                "service": service,
                "client_id": CLIENT_ID,
                "scope": " ".join(self.scopes),
                "refresh_token": self.login.identity_token.reveal().decode(),
            }
            return session.post(realm, data=form, auth=sign, **bounds)
        query = [("service", service), *(("scope", scope) for scope in self.scopes)]
        return session.get(realm, params=query, auth=sign, **bounds)

    def _denied(self, reason: str) -> MeshError:
        what = " and ".join(scope.removeprefix("repository:") for scope in self.scopes)
        return MeshError((DENIED.at(Origin(), registry=self.registry, what=what, reason=reason, hint=DENIED.fix),))


def _basic(login: Login) -> str:
    return f"Basic {base64.b64encode(login.username.encode() + b':' + login.password.reveal()).decode()}"
