"""Logins to registries, as `docker login`, podman, oras and Kubernetes' pull secrets keep them."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lateen.diagnostics import MeshError, Origin, Redacted
from lateen.diagnostics.codes.registry import UNUSABLE_SECRET
from lateen.filterkit.oci.reference import DOCKER_HUB

_HUB_NAMES = (DOCKER_HUB, "docker.io", "registry-1.docker.io")
_HUB_SERVER = f"https://{DOCKER_HUB}/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HELPER_SECONDS = 30
_NOT_FOUND = "credentials not found in native keychain"
_IDENTITY_USER = "<token>"


@dataclass(frozen=True, slots=True)
class Login:
    """What proves who asks: name and password, or an identity token that is changed for an access token (OAuth 2)."""

    username: str = ""
    password: Redacted = field(default_factory=lambda: Redacted(b""))
    identity_token: Redacted | None = None


class Credentials:
    """Where logins are looked up. With `helpers` programs that the configuration names are asked too."""

    def __init__(self, configuration: Mapping[str, Any], name: str, *, helpers: bool) -> None:
        self._configuration = configuration
        self._name = name
        self._helpers = helpers

    def login(self, registry: str) -> Login | None:
        """The login to a registry (`HOST[:PORT]`), or None to come as nobody.

        Raises MeshError (LAT0638) if the configuration is broken, or a helper fails.
        """
        if self._helpers and (helper := self._helper(registry)):
            return self._ask(helper, _HUB_SERVER if registry in _HUB_NAMES else registry)
        auths = self._mapping("auths")
        entry = next((auths[key] for key in auths if _same(key, registry)), None)
        if entry is None:
            return None
        if not isinstance(entry, dict):
            raise self._unusable(f"auths of {registry} is no mapping")
        return self._read(entry, registry)

    def _helper(self, registry: str) -> str:
        helpers = self._mapping("credHelpers")
        chosen = next((helpers[key] for key in helpers if _same(key, registry)), self._configuration.get("credsStore"))
        if chosen and not (isinstance(chosen, str) and _HELPER.fullmatch(chosen)):
            raise self._unusable("a credential helper is named by letters, digits and . _ -")
        return chosen or ""

    def _ask(self, helper: str, server: str) -> Login | None:
        """The login that `docker-credential-HELPER get` knows."""
        program = f"docker-credential-{helper}"
        try:
            done = subprocess.run(
                [program, "get"], input=server.encode(), capture_output=True, timeout=_HELPER_SECONDS, check=False
            )
        except FileNotFoundError as error:
            raise self._unusable(f"{program} is not installed") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self._unusable(f"{program} gives no answer") from error
        if done.returncode:  # what it prints may hold secrets; that it knows nothing is no fault
            if _NOT_FOUND in (done.stdout + done.stderr).decode(errors="replace"):
                return None
            raise self._unusable(f"{program} exits with {done.returncode}")
        try:
            answer = json.loads(done.stdout)
            name, secret = str(answer["Username"]), Redacted(str(answer["Secret"]).encode())
        except (ValueError, KeyError, TypeError) as error:
            raise self._unusable(f"{program} gives no login") from error
        return Login(identity_token=secret) if name == _IDENTITY_USER else Login(name, secret)

    def _read(self, entry: Mapping[str, Any], registry: str) -> Login | None:
        if token := entry.get("identitytoken"):
            return Login(identity_token=Redacted(str(token).encode()))
        if auth := entry.get("auth"):
            try:
                name, colon, password = base64.b64decode(str(auth), validate=True).partition(b":")
                if not colon:
                    raise self._unusable(f"auth of {registry} is not the base64 of NAME:PASSWORD")
                return Login(name.decode(), Redacted(password.rstrip(b"\0")))
            except (binascii.Error, UnicodeDecodeError) as error:
                raise self._unusable(f"auth of {registry} is not the base64 of NAME:PASSWORD") from error
        if username := entry.get("username"):
            return Login(str(username), Redacted(str(entry.get("password", "")).encode()))
        return None

    def _mapping(self, key: str) -> Mapping[str, Any]:
        value = self._configuration.get(key) or {}
        if not isinstance(value, dict):
            raise self._unusable(f"{key} is no mapping")
        return value

    def _unusable(self, reason: str) -> MeshError:
        return _unusable(self._name, reason)


def anonymous() -> Credentials:
    """No logins."""
    return Credentials({}, "no login", helpers=False)


def docker_configuration() -> Credentials:
    """The logins of the user: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. A missing file has none.

    Raises MeshError (LAT0638) for a broken one, OSError if it cannot be read.
    """
    folder = os.environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return anonymous()
    return Credentials(_parsed(content, str(path)), str(path), helpers=True)


def pull_secret(content: bytes, name: str) -> Credentials:
    """The logins of a Secret's `.dockerconfigjson`. Helpers that it names are not run: it is not this user's.

    `name` stands for it in messages. Raises MeshError (LAT0638) if it is broken.
    """
    return Credentials(_parsed(content, name), name, helpers=False)


def _parsed(content: bytes, name: str) -> Mapping[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise _unusable(name, "it is no JSON") from error
    if not isinstance(value, dict):
        raise _unusable(name, "it is no JSON object")
    return value


def _same(key: str, registry: str) -> bool:
    """Whether a key of the configuration (a host, or the URL of one) is that registry."""
    host = key.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return host == registry or (host in _HUB_NAMES and registry in _HUB_NAMES)


def _unusable(name: str, reason: str) -> MeshError:
    return MeshError((UNUSABLE_SECRET.at(Origin(), what=name, reason=reason),))
