"""A certificate authority for one mesh, and the certificates that it gives to workloads and servers.

Certificates have the form of Istio's CA: EC P-256 keys, an empty subject, and the SPIFFE ID as the one, critical,
subject alternative name. The root carries `spiffe://TRUST_DOMAIN`, as the X.509-SVID specification asks of signing
certificates, so that an authority that is read back knows its trust domain.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lateen.diagnostics import Redacted
from lateen.identity import files

ROOT_LIFETIME = timedelta(days=3650)
"""Istio's default for its self-signed root (`CITADEL_SELF_SIGNED_CA_CERT_TTL`)."""

WORKLOAD_LIFETIME = timedelta(hours=24)
"""Istio's default for workload certificates (`SECRET_TTL`)."""

_ROOT_FILE, _KEY_FILE = "root-cert.pem", "ca-key.pem"
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def spiffe_id(trust_domain: str, namespace: str, service_account: str) -> str:
    """The identity that Istio gives to a service account."""
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, both PEM; `chain` is the leaf, then the root. Times are UTC, whole seconds."""

    chain: bytes
    key: Redacted
    not_before: datetime
    not_after: datetime

    @property
    def renew_at(self) -> datetime:
        """Half of its life: late enough to be rare, early enough to survive a server that is down for long."""
        return self.not_before + (self.not_after - self.not_before) / 2

    @classmethod
    def parse(cls, chain: bytes, key: Redacted) -> Certificate:
        """The certificate that these PEM texts hold. Raises ValueError if they hold none, or the key is another's."""
        leaf = x509.load_pem_x509_certificate(chain)
        _private_key(key, leaf)
        return cls(chain, key, leaf.not_valid_before_utc, leaf.not_valid_after_utc)


@dataclass(frozen=True, slots=True)
class Authority:
    """The root of one trust domain: `root_pem` is what peers verify with, `key` signs."""

    trust_domain: str
    root_pem: bytes
    key: Redacted

    @classmethod
    def create(cls, trust_domain: str, lifetime: timedelta = ROOT_LIFETIME) -> Authority:
        """A new self-signed authority. Raises ValueError if `lifetime` is shorter than a second."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lateen")])
        identity = x509.UniformResourceIdentifier(f"spiffe://{trust_domain}")
        root = (
            _builder(key.public_key(), name, name, *_validity(lifetime))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([identity]), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(trust_domain, root.public_bytes(serialization.Encoding.PEM), _pem(key))

    def issue(self, spiffe_id: str, lifetime: timedelta = WORKLOAD_LIFETIME) -> Certificate:
        """A certificate that proves `spiffe_id`, for both ends of mutual TLS; it never outlives the root.

        Raises ValueError if the identity is not of this trust domain or `lifetime` is shorter than a second.
        """
        if not spiffe_id.startswith(f"spiffe://{self.trust_domain}/"):
            raise ValueError(f"{spiffe_id} is not of the trust domain {self.trust_domain}")
        return self._sign(x509.UniformResourceIdentifier(spiffe_id), [_SERVER, _CLIENT], lifetime)

    def issue_host(self, host: str) -> Certificate:
        """A certificate for a server outside the mesh, named by DNS name or IP address, for as long as the root."""
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        return self._sign(name, [_SERVER], ROOT_LIFETIME)

    def save(self, directory: Path) -> None:
        """Keep root and key in `directory` (mode 0700), the key with mode 0600. Raises OSError."""
        files.private_directory(directory)
        files.write(directory / _KEY_FILE, self.key.reveal(), 0o600)
        files.write(directory / _ROOT_FILE, self.root_pem, 0o644)

    @classmethod
    def load(cls, directory: Path) -> Authority:
        """What `save` wrote. Raises OSError if a file cannot be read, ValueError if they do not belong together."""
        key = Redacted((directory / _KEY_FILE).read_bytes())
        root_pem = (directory / _ROOT_FILE).read_bytes()
        root = x509.load_pem_x509_certificate(root_pem)
        _private_key(key, root)
        return cls(_trust_domain(root), root_pem, key)

    def _sign(self, name: x509.GeneralName, usages: list[x509.ObjectIdentifier], lifetime: timedelta) -> Certificate:
        root = x509.load_pem_x509_certificate(self.root_pem)
        signer = _private_key(self.key, root)
        key = ec.generate_private_key(ec.SECP256R1())
        start, end = _validity(lifetime)
        end = min(end, root.not_valid_after_utc)
        leaf = (
            _builder(key.public_key(), x509.Name([]), root.subject, start, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)  # RFC 5280: critical without a subject
            .sign(signer, hashes.SHA256())
        )
        chain = leaf.public_bytes(serialization.Encoding.PEM) + self.root_pem
        return Certificate(chain, _pem(key), start, end)


def _trust_domain(root: x509.Certificate) -> str:
    """Raises ValueError if the certificate is no root of a trust domain."""
    try:
        names = root.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ValueError("the certificate is no root of a trust domain") from None
    for identity in names.get_values_for_type(x509.UniformResourceIdentifier):
        return identity.removeprefix("spiffe://")
    raise ValueError("the certificate is no root of a trust domain")


def _validity(lifetime: timedelta) -> tuple[datetime, datetime]:
    """From this second on: issuer and users share a clock, and X.509 knows no fractions."""
    if lifetime < timedelta(seconds=1):
        raise ValueError("a certificate lives for a second at least")
    start = datetime.now(UTC).replace(microsecond=0)
    return start, start + lifetime


def _builder(
    key: ec.EllipticCurvePublicKey, subject: x509.Name, issuer: x509.Name, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> Redacted:
    return Redacted(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _private_key(pem: Redacted, certificate: x509.Certificate) -> ec.EllipticCurvePrivateKey:
    """The key of that certificate. Raises ValueError if it is not."""
    key = serialization.load_pem_private_key(pem.reveal(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("the private key does not belong to the certificate")
    return key
