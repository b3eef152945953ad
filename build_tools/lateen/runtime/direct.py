"""HTTP requests that go straight to their address."""

from __future__ import annotations

from collections.abc import Mapping

import requests

AGENT_ERROR = "x-lateen-error"
"""The header by which the agent in a pod's network says what became of a connection: `refused`, `reset`, `timeout`."""


def get(url: str, timeout: float, headers: Mapping[str, str] | None = None, proxy: str = "") -> requests.Response:
    """Ask directly or through `proxy`, whatever proxy the environment names; without verifying certificates, as the
    kubelet does.

    `timeout` is in seconds. Raises requests.RequestException.
    """
    with requests.Session() as session:
        session.trust_env = False
        if proxy:
            session.proxies = {"http": proxy, "https": proxy}
        return session.get(url, headers=headers, timeout=timeout, allow_redirects=False, verify=False)
