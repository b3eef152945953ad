"""YAML of small meshes, as a user would write it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

APPS = Path(__file__).parent / "apps"

MESH_CONFIG = """
enableAutoMtls: true
defaultProviders: {metrics: [prometheus]}
"""

STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""


def documents(*objects: dict[str, Any]) -> str:
    """Objects as a YAML stream (JSON is YAML)."""
    return "".join(f"---\n{json.dumps(one, indent=1)}\n" for one in objects)


def deployment(name: str, *, port: int = 8080, inject: bool = True, **container: Any) -> dict[str, Any]:
    """A Deployment that runs `app/echo.py`, which `write` brings along, or whatever `container` says."""
    labels = {"app": name, "version": "v1"}
    if not inject:
        labels["sidecar.istio.io/inject"] = "false"
    env = [
        {"name": "PORT", "value": str(port)},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    described = {
        "name": "app",
        "image": "lateen.local/test",
        "command": ["python3", "app/echo.py"],
        "env": env,
        "ports": [{"name": "http", "containerPort": port}],
        **container,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": name, "containers": [described]},
            },
        },
    }


def service(name: str, *, port: int = 8080, protocol: str = "http") -> dict[str, Any]:
    """A Service for the Deployment of that name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": protocol, "port": port, "targetPort": port}]},
    }


def virtual_service(name: str, **rule: Any) -> dict[str, Any]:
    """A VirtualService with one rule that leads to the Service of that name."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name},
        "spec": {"hosts": [name], "http": [{"route": [{"destination": {"host": name}}], **rule}]},
    }


def destination_rule(name: str, **policy: Any) -> dict[str, Any]:
    """A DestinationRule for the Service of that name."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name},
        "spec": {"host": name, "trafficPolicy": policy},
    }


def authorization_policy(name: str, *paths: str) -> dict[str, Any]:
    """An AuthorizationPolicy of that workload: these paths are denied, everything else is allowed."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "action": "DENY",
            "rules": [{"to": [{"operation": {"paths": list(paths)}}]}],
        },
    }


def service_entry(host: str, *weights: int) -> dict[str, Any]:
    """A ServiceEntry with an endpoint for each weight, where nothing listens."""
    endpoints = [{"address": f"192.0.2.{n}", "weight": weight} for n, weight in enumerate(weights, 1)]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": host.partition(".")[0]},
        "spec": {
            "hosts": [host],
            "ports": [{"number": 8080, "name": "http", "protocol": "HTTP"}],
            "resolution": "STATIC",
            "endpoints": endpoints,
        },
    }


def tenants(name: str, default: str) -> dict[str, Any]:
    """The filter `tenant_context` in the sidecar of that workload; `default` is the tenant of calls without one."""
    config = {"header": "x-tenant", "sources": [{"header": {"name": "x-api-tenant"}}], "default": default}
    return {
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "TrafficExtension",
        "metadata": {"name": "tenants"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "phase": "AUTHN",
            "wasm": {"url": "lateen://tenant_context", "pluginConfig": config},
        },
    }


def write(directory: Path, **files: str) -> Path:
    """Files of a mesh, `NAME.yaml` each, and its applications; with a MeshConfig unless one is given."""
    shutil.copytree(APPS, directory / "app", dirs_exist_ok=True)
    for name, text in {"mesh": MESH_CONFIG, **files}.items():
        save(directory / f"{name}.yaml", text)
    return directory


def save(path: Path, text: str) -> None:
    """Save as editors do: a new file takes the old one's name."""
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_text(text)
    draft.replace(path)
