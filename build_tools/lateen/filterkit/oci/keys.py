"""The keys that sign images: ECDSA on P-256 in PEM, as cosign's default."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes.registry import UNUSABLE_SECRET

PASSWORD_VARIABLE = "LATEEN_KEY_PASSWORD"  # noqa: S105 - the name of a variable

_ALGORITHM = ec.ECDSA(hashes.SHA256())
_COSIGN = (b"ENCRYPTED SIGSTORE PRIVATE KEY", b"ENCRYPTED COSIGN PRIVATE KEY")


class PublicKey:
    """Who may have signed; `name` is the file that it came from."""

    def __init__(self, key: ec.EllipticCurvePublicKey, name: str) -> None:
        self._key = key
        self.name = name

    def signed(self, content: bytes, signature: bytes) -> bool:
        """Whether the signature is one of this content by this key."""
        try:
            self._key.verify(signature, content, _ALGORITHM)
        except InvalidSignature:
            return False
        return True


class PrivateKey:
    """A signer."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, name: str) -> None:
        self._key = key
        self.public = PublicKey(key.public_key(), name)

    def sign(self, content: bytes) -> bytes:
        """The signature in ASN.1."""
        return self._key.sign(content, _ALGORITHM)


def read_private(path: Path) -> PrivateKey:
    """The key of a PEM file (PKCS 8 or SEC 1); the password of an encrypted one is in `$LATEEN_KEY_PASSWORD`.

    Raises MeshError (LAT0638) if it cannot be used, OSError if it cannot be read.
    """
    content = path.read_bytes()
    if any(kind in content for kind in _COSIGN):
        hint = "sign with cosign itself: cosign sign --key FILE IMAGE@DIGEST; lateen filters verify takes its signature"
        raise _unusable(path, "it is encrypted in cosign's own way", hint)
    try:
        key = _decrypted(content, path)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(path, f"it is no private key in PEM, or ${PASSWORD_VARIABLE} is not its password") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != ec.SECP256R1.name:
        raise _unusable(path, "it is no ECDSA key on P-256", UNUSABLE_SECRET.fix)
    return PrivateKey(key, str(path))


def read_public(path: Path) -> PublicKey:
    """The key of a PEM file. Raises MeshError (LAT0638) if it cannot be used, OSError if it cannot be read."""
    return public_key(path.read_bytes(), str(path))


def public_key(content: bytes, name: str) -> PublicKey:
    """The key in PEM that came from `name`. Raises MeshError (LAT0638) if it cannot be used."""
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(name, "it is no public key in PEM", "openssl pkey -in filters.key -pubout") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != ec.SECP256R1.name:
        raise _unusable(name, "it is no ECDSA key on P-256", UNUSABLE_SECRET.fix)
    return PublicKey(key, name)


def _decrypted(content: bytes, path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(content, None)
    except TypeError as error:  # there is nothing else to tell an encrypted key by
        password = os.environ.get(PASSWORD_VARIABLE)
        if not password:
            raise _unusable(path, f"it is encrypted, and ${PASSWORD_VARIABLE} is not set") from error
        return serialization.load_pem_private_key(content, password.encode())


def _unusable(path: Path | str, reason: str, hint: str = "") -> MeshError:
    return MeshError((UNUSABLE_SECRET.at(Origin(), what=f"the key {path}", reason=reason, hint=hint),))
