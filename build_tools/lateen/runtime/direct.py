"""HTTP requests that go straight to their address."""

from __future__ import annotations

from collections.abc import Mapping

import requests


def get(url: str, timeout: float, headers: Mapping[str, str] | None = None) -> requests.Response:
    """Ask directly, whatever proxy the environment names; as the kubelet does, without verifying certificates.

    `timeout` is in seconds. Raises requests.RequestException.
    """
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=timeout, allow_redirects=False, verify=False)
