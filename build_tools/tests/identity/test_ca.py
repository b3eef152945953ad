from __future__ import annotations

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from lateen.identity import Authority, Certificate, CertificateStore, spiffe_id

WEB = spiffe_id("cluster.local", "default", "web")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("cluster.local")


def leaf(certificate: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.chain)


def context(purpose: int, authority: Authority, certificate: Certificate, folder: Path) -> ssl.SSLContext:
    pem = folder / f"{purpose}.pem"
    pem.write_bytes(certificate.chain + certificate.key.reveal())
    made = ssl.SSLContext(purpose)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=authority.root_pem.decode())
    made.load_cert_chain(pem)
    return made


def handshake(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = None
) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Both ends of a TLS connection, or the client's SSLError."""
    ends = socket.socketpair()
    accepted: list[ssl.SSLSocket] = []

    def accept() -> None:
        try:
            accepted.append(server.wrap_socket(ends[0], server_side=True))
        except ssl.SSLError:
            ends[0].close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        connected = client.wrap_socket(ends[1], server_hostname=name)
    finally:
        thread.join(5)
    return accepted[0], connected


def test_a_workload_certificate_has_the_form_of_istios(authority: Authority) -> None:
    certificate = leaf(authority.issue(WEB))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert len(certificate.subject) == 0
    assert names.critical
    assert list(names.value) == [x509.UniformResourceIdentifier("spiffe://cluster.local/ns/default/sa/web")]
    assert set(usages) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(hours=24)


def test_a_chain_is_the_leaf_then_the_root_and_verifies(authority: Authority) -> None:
    chain = x509.load_pem_x509_certificates(authority.issue(WEB).chain)
    root = x509.load_pem_x509_certificate(authority.root_pem)
    assert chain[1:] == [root]
    chain[0].verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)


def test_a_host_certificate_verifies_for_its_host_only(authority: Authority) -> None:
    root = x509.load_pem_x509_certificate(authority.root_pem)
    certificate = leaf(authority.issue_host("rates.example.com"))
    for_host = PolicyBuilder().store(Store([root])).build_server_verifier
    for_host(x509.DNSName("rates.example.com")).verify(certificate, [])
    with pytest.raises(VerificationError):
        for_host(x509.DNSName("evil.example.com")).verify(certificate, [])


def test_a_host_may_be_an_address(authority: Authority) -> None:
    names = leaf(authority.issue_host("127.0.0.1")).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(a) for a in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_mutual_tls_works_and_shows_both_identities(authority: Authority, tmp_path: Path) -> None:
    server = context(ssl.PROTOCOL_TLS_SERVER, authority, authority.issue(WEB), tmp_path)
    client = context(ssl.PROTOCOL_TLS_CLIENT, authority, authority.issue(f"{WEB}-2"), tmp_path)
    accepted, connected = handshake(server, client)
    with accepted, connected:
        client_certificate, server_certificate = accepted.getpeercert(), connected.getpeercert()
        assert client_certificate
        assert server_certificate
        assert client_certificate["subjectAltName"] == (("URI", f"{WEB}-2"),)
        assert server_certificate["subjectAltName"] == (("URI", WEB),)


def test_a_server_of_another_root_is_refused(authority: Authority, tmp_path: Path) -> None:
    other = Authority.create("cluster.local")
    server = context(ssl.PROTOCOL_TLS_SERVER, other, other.issue(WEB), tmp_path)
    client = context(ssl.PROTOCOL_TLS_CLIENT, authority, authority.issue(WEB), tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client)


def test_host_name_check_of_a_plain_client_holds(authority: Authority, tmp_path: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.issue_host("rates.example.com")
    (tmp_path / "server.pem").write_bytes(certificate.chain + certificate.key.reveal())
    server.load_cert_chain(tmp_path / "server.pem")
    client = ssl.create_default_context(cadata=authority.root_pem.decode())
    accepted, connected = handshake(server, client, "rates.example.com")
    accepted.close()
    connected.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client, "evil.example.com")


def test_a_foreign_identity_is_not_issued(authority: Authority) -> None:
    with pytest.raises(ValueError, match=r"not of the trust domain cluster\.local"):
        authority.issue("spiffe://cluster.local.evil/ns/default/sa/web")


def test_a_certificate_never_outlives_its_root() -> None:
    short = Authority.create("td", timedelta(hours=1))
    root = x509.load_pem_x509_certificate(short.root_pem)
    assert short.issue("spiffe://td/ns/a/sa/b").not_after == root.not_valid_after_utc


def test_renewal_is_at_half_of_the_life(authority: Authority) -> None:
    certificate = authority.issue(WEB, timedelta(hours=2))
    assert certificate.renew_at - certificate.not_before == timedelta(hours=1)
    assert certificate.not_before <= datetime.now(UTC) < certificate.renew_at


def test_a_life_under_a_second_is_refused(authority: Authority) -> None:
    with pytest.raises(ValueError, match="a second"):
        authority.issue(WEB, timedelta(milliseconds=900))


def test_no_key_is_ever_printed(authority: Authority) -> None:
    certificate = authority.issue(WEB)
    for value in (authority, certificate):
        assert "PRIVATE" not in repr(value)
        assert "[redacted]" in repr(value)


def test_a_saved_authority_is_private_and_comes_back(authority: Authority, tmp_path: Path) -> None:
    authority.save(tmp_path / "ca")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "ca", *(tmp_path / "ca").iterdir()]}
    assert modes == {"ca": 0o700, "ca-key.pem": 0o600, "root-cert.pem": 0o644}
    assert Authority.load(tmp_path / "ca") == authority


def test_files_that_do_not_belong_together_are_refused(authority: Authority, tmp_path: Path) -> None:
    authority.save(tmp_path)
    (tmp_path / "root-cert.pem").write_bytes(Authority.create("cluster.local").root_pem)
    with pytest.raises(ValueError, match="does not belong"):
        Authority.load(tmp_path)


def test_a_leaf_is_no_root(authority: Authority, tmp_path: Path) -> None:
    host = authority.issue_host("a.example")
    (tmp_path / "root-cert.pem").write_bytes(host.chain)
    (tmp_path / "ca-key.pem").write_bytes(host.key.reveal())
    with pytest.raises(ValueError, match="no root"):
        Authority.load(tmp_path)


def test_no_authority_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Authority.load(tmp_path)


def test_a_store_gives_the_same_certificate_after_a_restart(authority: Authority, tmp_path: Path) -> None:
    first = CertificateStore(authority, tmp_path)
    again = CertificateStore(authority, tmp_path)
    assert first.workload(WEB) == again.workload(WEB)
    assert first.host("a.example") == again.host("a.example")
    assert first.workload(WEB) != first.workload(f"{WEB}-2")
    assert {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()} == {0o600}


def test_a_store_issues_anew_when_half_of_the_life_has_passed(authority: Authority, tmp_path: Path) -> None:
    store = CertificateStore(authority, tmp_path, timedelta(seconds=1))
    old = store.workload(WEB)
    while datetime.now(UTC) < old.renew_at:
        threading.Event().wait(0.05)
    assert store.workload(WEB).key != old.key


def test_a_store_takes_nothing_of_another_authority(authority: Authority, tmp_path: Path) -> None:
    old = CertificateStore(Authority.create("cluster.local"), tmp_path).workload(WEB)
    new = CertificateStore(authority, tmp_path).workload(WEB)
    assert new != old
    assert new.chain.endswith(authority.root_pem)


def test_a_damaged_file_is_issued_anew(authority: Authority, tmp_path: Path) -> None:
    store = CertificateStore(authority, tmp_path)
    old = store.workload(WEB)
    next(tmp_path.iterdir()).write_bytes(old.chain)
    assert store.workload(WEB).key != old.key
