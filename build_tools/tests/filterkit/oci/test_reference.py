"""How images are named, and what is no name of one."""

from __future__ import annotations

import pytest

from lateen.diagnostics import MeshError
from lateen.filterkit.oci.reference import parse

DIGEST = f"sha256:{'0a' * 32}"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("ghcr.io/shop/hmac_auth:1.0", "ghcr.io", "shop/hmac_auth", "1.0", ""),
        ("oci://ghcr.io/shop/hmac_auth:1.0", "ghcr.io", "shop/hmac_auth", "1.0", ""),
        ("GHCR.io/shop/hmac_auth:1.0", "ghcr.io", "shop/hmac_auth", "1.0", ""),
        ("ghcr.io/shop/hmac_auth", "ghcr.io", "shop/hmac_auth", "latest", ""),
        (f"ghcr.io/shop/hmac_auth@{DIGEST}", "ghcr.io", "shop/hmac_auth", "", DIGEST),
        (f"ghcr.io/shop/hmac_auth:1.0@{DIGEST}", "ghcr.io", "shop/hmac_auth", "1.0", DIGEST),
        ("localhost/a:1", "localhost", "a", "1", ""),
        ("localhost:5000/a/b-c__d.e:1", "localhost:5000", "a/b-c__d.e", "1", ""),
        ("127.0.0.1:5000/a", "127.0.0.1:5000", "a", "latest", ""),
        ("[::1]:5000/a:1", "[::1]:5000", "a", "1", ""),
        ("busybox", "index.docker.io", "library/busybox", "latest", ""),
        ("busybox:1.36", "index.docker.io", "library/busybox", "1.36", ""),
        ("docker.io/busybox", "index.docker.io", "library/busybox", "latest", ""),
        ("shop/hmac_auth:1", "index.docker.io", "shop/hmac_auth", "1", ""),
    ],
)
def test_a_name_is_read_as_docker_reads_it(text: str, registry: str, repository: str, tag: str, digest: str) -> None:
    found = parse(text)
    assert (found.registry, found.repository, found.tag, found.digest) == (registry, repository, tag, digest)
    assert found.identifier == (digest or tag)
    assert parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'library/' is no repository"),
        ("ghcr.io/Shop/hmac:1.0", "'Shop/hmac' is no repository"),
        ("ghcr.io/shop//hmac:1.0", "is no repository"),
        ("ghcr.io/../hmac:1.0", "is no repository"),
        ("ghcr.io/shop/hmac:", "'' is no tag"),
        ("ghcr.io/shop/hmac:-1", "'-1' is no tag"),
        ("ghcr.io/shop/hmac:1/2", "'1/2' is no tag"),
        (f"ghcr.io/shop/hmac:{'1' * 129}", "is no tag"),
        ("ghcr.io:x/shop/hmac:1", "'ghcr.io:x' is no host"),
        ("https://ghcr.io/shop/hmac", "is no"),
        ("ghcr.io/shop/hmac@sha256:00", "a digest is sha256: and 64 hexadecimal digits"),
        (f"ghcr.io/shop/hmac@sha512:{'0' * 128}", "a digest is sha256: and 64 hexadecimal digits"),
        (f"ghcr.io/{'a' * 250}:1", "it has more than 255 characters"),
    ],
)
def test_what_is_no_name_is_said_to_be_none(text: str, problem: str) -> None:
    with pytest.raises(MeshError) as raised:
        parse(text)
    (finding,) = raised.value.diagnostics
    assert finding.code == "LAT0630"
    assert problem in finding.message


def test_a_login_in_a_name_is_not_repeated() -> None:
    with pytest.raises(MeshError) as raised:
        parse("shop:secret@ghcr.io/shop/hmac:1")
    assert "LAT0630" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.8.0.1:80", True),
        ("[::1]:5000", True),
        ("[::1]", True),
        ("ghcr.io", False),
        ("10.0.0.1:5000", False),
        ("localhost.example", False),
        ("127.0.0.1.example:80", False),
    ],
)
def test_plain_http_is_spoken_on_this_machine_only(host: str, local: bool) -> None:
    assert parse(f"{host}/a:1").local is local
