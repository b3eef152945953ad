"""Keys that sign, and keys that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from lateen.diagnostics import MeshError
from lateen.filterkit.oci.keys import read_private, read_public

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
SEC1, PLAIN = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
P256 = ec.generate_private_key(ec.SECP256R1())


def public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("form", [PKCS8, SEC1])
def test_what_a_key_signed_it_signed(form: serialization.PrivateFormat, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(P256.private_bytes(PEM, form, PLAIN))
    (tmp_path / "pub").write_bytes(public(P256))
    signature = read_private(tmp_path / "key").sign(b"content")
    key = read_public(tmp_path / "pub")
    assert key.signed(b"content", signature)
    assert not key.signed(b"other", signature)
    assert not key.signed(b"content", b"no signature")


@pytest.mark.parametrize("form", [PKCS8, SEC1])
def test_the_password_of_a_key_comes_from_the_environment(
    form: serialization.PrivateFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = P256.private_bytes(PEM, form, serialization.BestAvailableEncryption(b"secret"))
    (tmp_path / "key").write_bytes(locked)
    assert "it is encrypted, and $LATEEN_KEY_PASSWORD is not set" in refusal(tmp_path / "key")
    monkeypatch.setenv("LATEEN_KEY_PASSWORD", "wrong-secret")
    assert "$LATEEN_KEY_PASSWORD is not its password" in refusal(tmp_path / "key")
    assert "wrong-secret" not in refusal(tmp_path / "key")
    monkeypatch.setenv("LATEEN_KEY_PASSWORD", "secret")
    assert read_private(tmp_path / "key").sign(b"content")


def test_a_password_in_the_environment_does_not_hinder_a_key_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATEEN_KEY_PASSWORD", "secret")
    (tmp_path / "key").write_bytes(P256.private_bytes(PEM, PKCS8, PLAIN))
    assert read_private(tmp_path / "key").sign(b"content")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"text", "it is no private key in PEM"),
        (public(P256), "it is no private key in PEM"),
        (ec.generate_private_key(ec.SECP384R1()).private_bytes(PEM, PKCS8, PLAIN), "it is no ECDSA key on P-256"),
        (ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, PLAIN), "it is no ECDSA key on P-256"),
        (b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n", "it is encrypted in cosign's own way"),
    ],
)
def test_a_key_that_cannot_sign_is_said_to_be_so(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    assert reason in refusal(tmp_path / "key")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"text", "it is no public key in PEM"),
        (P256.private_bytes(PEM, PKCS8, PLAIN), "it is no public key in PEM"),
        (public(rsa.generate_private_key(65_537, 2048)), "it is no ECDSA key on P-256"),
        (public(ec.generate_private_key(ec.SECP384R1())), "it is no ECDSA key on P-256"),
    ],
)
def test_a_key_that_cannot_verify_is_said_to_be_so(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "pub").write_bytes(content)
    with pytest.raises(MeshError) as raised:
        read_public(tmp_path / "pub")
    assert reason in str(raised.value)


def refusal(path: Path) -> str:
    with pytest.raises(MeshError) as raised:
        read_private(path)
    (finding,) = raised.value.diagnostics
    assert finding.code == "LAT0638"
    assert finding.message.startswith(f"the key {path} cannot be used: ")
    return finding.message
