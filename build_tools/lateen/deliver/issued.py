"""Certificates for Secrets that ask for them by the annotation `lateen/issue: HOST`."""

from __future__ import annotations

from dataclasses import replace

from lateen.diagnostics import Redacted
from lateen.identity import CertificateStore
from lateen.model.mesh import Mesh
from lateen.model.secret import Secret


def with_issued_secrets(mesh: Mesh, store: CertificateStore) -> Mesh:
    """The mesh with `tls.crt`, `tls.key` and `ca.crt` in each Secret that names a host and has no data of its own.

    Whoever asks the same store, in whatever process, gets the same bytes.
    """
    if not any(secret.issue for secret in mesh.secrets):
        return mesh
    return replace(mesh, secrets=tuple(_filled(secret, store) for secret in mesh.secrets))


def _filled(secret: Secret, store: CertificateStore) -> Secret:
    if not secret.issue or secret.data:
        return secret
    certificate = store.host(secret.issue)
    data = {
        "tls.crt": Redacted(certificate.chain),
        "tls.key": certificate.key,
        "ca.crt": Redacted(store.authority.root_pem),
    }
    return replace(secret, data=data)
