"""Certificates that outlive the process that issued them, so that a restart changes no byte of what is served."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lateen.diagnostics import Redacted
from lateen.identity import files
from lateen.identity.ca import WORKLOAD_LIFETIME, Authority, Certificate

_KEY_BEGINS = b"-----BEGIN PRIVATE KEY-----"


class CertificateStore:
    """Issues each certificate once and keeps it in a file of mode 0600, until half of its life has passed."""

    def __init__(self, authority: Authority, directory: Path, lifetime: timedelta = WORKLOAD_LIFETIME) -> None:
        self.authority, self.lifetime = authority, lifetime
        self._directory = files.private_directory(directory)

    @classmethod
    def open(cls, state: Path, lifetime: timedelta = WORKLOAD_LIFETIME) -> CertificateStore:
        """The store of a run: its authority is in `state/ca`, its certificates are in `state/certificates`.

        Raises OSError or ValueError as `Authority.load`.
        """
        return cls(Authority.load(state / "ca"), state / "certificates", lifetime)

    def workload(self, spiffe_id: str) -> Certificate:
        """The certificate of a workload identity; a new one once `renew_at` has come. Raises as `Authority.issue`."""
        return self._kept(spiffe_id, lambda: self.authority.issue(spiffe_id, self.lifetime))

    def host(self, host: str) -> Certificate:
        """The certificate of a server outside the mesh."""
        return self._kept(f"host:{host}", lambda: self.authority.issue_host(host))

    def _kept(self, name: str, issue: Callable[[], Certificate]) -> Certificate:
        path = self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.pem"
        kept = self._read(path)
        if kept and datetime.now(UTC) < kept.renew_at:
            return kept
        certificate = issue()
        files.write(path, certificate.chain + certificate.key.reveal(), 0o600)
        return certificate

    def _read(self, path: Path) -> Certificate | None:
        """What the file holds; None if there is none, or one that this authority did not sign."""
        try:
            chain, begins, key = path.read_bytes().partition(_KEY_BEGINS)
            certificate = Certificate.parse(chain, Redacted(begins + key))
        except (FileNotFoundError, ValueError):
            return None
        return certificate if chain.endswith(self.authority.root_pem) else None
