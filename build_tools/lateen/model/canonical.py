"""Istio's canonical service: the name and revision that telemetry groups workloads by."""

from __future__ import annotations

from collections.abc import Mapping


def canonical_name(labels: Mapping[str, str], owner: str) -> str:
    """The label of its own, else `app.kubernetes.io/name`, else `app`, else the owner's name."""
    return (
        labels.get("service.istio.io/canonical-name")
        or labels.get("app.kubernetes.io/name")
        or labels.get("app")
        or owner
    )


def canonical_revision(labels: Mapping[str, str]) -> str:
    """The label of its own, else `app.kubernetes.io/version`, else `version`, else `latest`."""
    return (
        labels.get("service.istio.io/canonical-revision")
        or labels.get("app.kubernetes.io/version")
        or labels.get("version")
        or "latest"
    )
