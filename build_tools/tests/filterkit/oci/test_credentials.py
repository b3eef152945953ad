"""Where logins are found, and what of a configuration is broken."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from lateen.diagnostics import MeshError
from lateen.filterkit.oci.credentials import Credentials, Login, docker_configuration, pull_secret

AUTH = base64.b64encode(b"shop:pass:word").decode()


def found(login: Login | None) -> tuple[str, bytes] | None:
    return (login.username, login.password.reveal()) if login else None


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/v2/", "ghcr.io"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("https://index.docker.io/v1/", "index.docker.io"),
        ("docker.io", "index.docker.io"),
    ],
)
def test_a_login_is_found_by_the_host_of_its_key(key: str, registry: str) -> None:
    secret = pull_secret(json.dumps({"auths": {key: {"auth": AUTH}}}).encode(), "test")
    assert found(secret.login(registry)) == ("shop", b"pass:word")
    assert secret.login("ghcr.io.example") is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": AUTH}, ("shop", b"pass:word")),
        ({"username": "shop", "password": "secret"}, ("shop", b"secret")),
        ({"auth": AUTH, "email": "x"}, ("shop", b"pass:word")),
        ({}, None),
    ],
)
def test_a_login_is_written_in_several_ways(entry: dict[str, str], expected: tuple[str, bytes] | None) -> None:
    secret = pull_secret(json.dumps({"auths": {"ghcr.io": entry}}).encode(), "test")
    assert found(secret.login("ghcr.io")) == expected


def test_an_identity_token_goes_before_a_password() -> None:
    entry = {"identitytoken": "identity", "auth": AUTH}
    login = pull_secret(json.dumps({"auths": {"ghcr.io": entry}}).encode(), "test").login("ghcr.io")
    assert login is not None
    assert login.identity_token is not None
    assert login.identity_token.reveal() == b"identity"
    assert "identity" not in repr(login).replace("identity_token", "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("secret", "it is no JSON"),
        ('["secret"]', "it is no JSON object"),
        ('{"auths": ["secret"]}', "auths is no mapping"),
        ('{"auths": {"ghcr.io": "secret"}}', "auths of ghcr.io is no mapping"),
        ('{"auths": {"ghcr.io": {"auth": "secret!"}}}', "is not the base64 of NAME:PASSWORD"),
        ('{"auths": {"ghcr.io": {"auth": "c2VjcmV0"}}}', "is not the base64 of NAME:PASSWORD"),
        ('{"credHelpers": "secret"}', "credHelpers is no mapping"),
        ('{"credsStore": "../../secret"}', "a credential helper is named by letters, digits and . _ -"),
        ('{"credsStore": "not-there"}', "docker-credential-not-there is not installed"),
    ],
)
def test_a_broken_configuration_is_said_to_be_so_and_not_shown(
    content: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(content)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(MeshError) as raised:
        docker_configuration().login("ghcr.io")
    (finding,) = raised.value.diagnostics
    assert finding.code == "LAT0638"
    assert finding.message == f"{tmp_path}/config.json cannot be used: {finding.message.partition('used: ')[2]}"
    assert reason in finding.message
    assert "secret" not in finding.message.replace("../../secret", "")


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Credentials:
    """A configuration whose helper runs a script of sh."""
    program = folder / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return Credentials({"credsStore": "test"}, "config.json", helpers=True)


def test_a_helper_is_asked_as_docker_asks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """read server; test "$1" = get && echo "{\\"Username\\": \\"$server\\", \\"Secret\\": \\"s\\"}" """
    asked = helper(tmp_path, monkeypatch, script)
    assert found(asked.login("ghcr.io")) == ("ghcr.io", b"s")
    assert found(asked.login("index.docker.io")) == ("https://index.docker.io/v1/", b"s")


def test_a_helper_may_have_an_identity_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login = helper(tmp_path, monkeypatch, """echo '{"Username": "<token>", "Secret": "s"}'""").login("ghcr.io")
    assert login is not None
    assert login.identity_token is not None


def test_a_helper_that_knows_nothing_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "echo credentials not found in native keychain; exit 1"
    assert helper(tmp_path, monkeypatch, script).login("ghcr.io") is None


@pytest.mark.parametrize("script", ["echo secret; exit 1", "echo secret", 'echo \'{"Username": "secret"}\''])
def test_a_helper_that_fails_is_a_fault_and_not_shown(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = helper(tmp_path, monkeypatch, script)
    with pytest.raises(MeshError) as raised:
        asked.login("ghcr.io")
    assert "LAT0638" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_pull_secret_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, monkeypatch, f"touch {tmp_path}/ran")
    secret = pull_secret(b'{"credsStore": "test"}', "test")
    assert secret.login("ghcr.io") is None
    assert not (tmp_path / "ran").exists()


def test_without_a_configuration_there_is_no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert docker_configuration().login("ghcr.io") is None
