"""A mesh of TCP services, and what connections through it add to the metrics of its proxies."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from harness import eventually
from lateen.runtime.observe.scrape import scrape
from lateen.runtime.running import RunningProxy
from lateen.runtime.supervisor import Running
from meshes import APPS, MESH_CONFIG, deployment, documents, service, write

OPENED = "istio_tcp_connections_opened_total"
CLOSED = "istio_tcp_connections_closed_total"
RECEIVED = "istio_tcp_received_bytes_total"
SENT = "istio_tcp_sent_bytes_total"

LINES, BARE, GREETER, PLAIN, GUARDED, STRICT, DEAD, TLS = range(7001, 7009)
TCP_GATEWAY, TLS_GATEWAY = 9001, 9002
"""Ports: of the services in their order, of an address where nobody listens, of TLS to a name, of the gateway."""

POLICIES = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict}
spec: {selector: {matchLabels: {app: strict}}, mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: plain}
spec: {selector: {matchLabels: {app: plain}}, mtls: {mode: DISABLE}}
---
# No rule: nobody may.
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: guarded}
spec: {selector: {matchLabels: {app: guarded}}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: open}
spec:
  workloadSelector: {labels: {app: open}}
  outboundTrafficPolicy: {mode: ALLOW_ANY}
  egress: [{hosts: ["*/*"]}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: teller}
spec:
  selector: {matchLabels: {app: teller}}
  accessLogging: [{providers: [{name: file}]}]
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: TCP_CLOSED_CONNECTIONS, mode: CLIENT}
      tagOverrides:
        source_app: {operation: REMOVE}
        port: {value: destination.port}
        even: {value: "(destination.port)%2 == 0"}
        tenant: {value: "request.headers['x-tenant']"}
    - {match: {metric: TCP_SENT_BYTES}, disabled: true}
"""

OUTSIDE = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: dead}
spec:
  hosts: [dead.example]
  ports: [{number: 7007, name: tcp, protocol: TCP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, ports: {tcp: 1}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: secret}
spec:
  hosts: [secret.example]
  ports: [{number: 7008, name: tls, protocol: TLS}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
---
# Any other name is not declared.
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: secret}
spec:
  hosts: [secret.example]
  tls:
  - match: [{port: 7008, sniHosts: [secret.example]}]
    route: [{destination: {host: secret.example}}]
"""

EDGE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge}
spec:
  selector: {matchLabels: {app: edge}}
  template:
    metadata:
      annotations: {inject.istio.io/templates: gateway}
      labels: {app: edge, sidecar.istio.io/inject: "true"}
    spec: {serviceAccountName: edge, containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {app: edge}
  servers:
  - {port: {number: 9001, name: tcp, protocol: TCP}, hosts: ["*"]}
  - {port: {number: 9002, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [lines.example]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge}
spec:
  hosts: ["*"]
  gateways: [edge]
  tcp:
  - match: [{port: 9001}]
    route: [{destination: {host: lines, port: {number: 7001}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge-tls}
spec:
  hosts: [lines.example]
  gateways: [edge]
  tls:
  - match: [{port: 9002, sniHosts: [lines.example]}]
    route: [{destination: {host: lines, port: {number: 7001}}}]
"""

Labels = dict[str, str]
Counts = dict[str, float]
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def tcp(name: str, port: int, *, inject: bool = True, **env: str) -> list[dict[str, Any]]:
    """A workload that sends lines back, and its TCP service."""
    command = ["python3", str(APPS / "lines.py")]
    ports = [{"name": "tcp", "containerPort": port}]
    app = deployment(name, port=port, inject=inject, command=command, ports=ports)
    app["spec"]["template"]["spec"]["containers"][0]["env"] += [{"name": k, "value": v} for k, v in env.items()]
    return [app, service(name, port=port, protocol="tcp")]


def write_connections(directory: Path, log: Path) -> None:
    """The mesh; the sidecar of `teller` writes an access log."""
    workloads = [
        *(deployment(name) for name in ("web", "open", "teller")),
        *tcp("lines", LINES),
        *tcp("bare", BARE, inject=False),
        *tcp("greeter", GREETER, GREETING="hello"),
        *tcp("plain", PLAIN, GREETING="hello"),
        *tcp("guarded", GUARDED),
        *tcp("strict", STRICT),
    ]
    line = {"text": "%ACCESS_LOG_TYPE% %DOWNSTREAM_LOCAL_PORT%"}
    provider = {"name": "file", "envoyFileAccessLog": {"path": str(log), "logFormat": line}}
    config = (
        f"outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\nextensionProviders: {json.dumps([provider])}\n"
        "defaultConfig: {drainDuration: 1s}\n"
    )
    files = {"workloads": documents(*workloads), "policies": POLICIES, "outside": OUTSIDE, "edge": EDGE}
    write(directory, mesh=MESH_CONFIG + config, **files)


@dataclass(frozen=True)
class Mesh:
    """A running mesh with the metrics of TCP of its proxies."""

    running: Running
    log: Path
    """Access log of the sidecar of `teller`."""
    directory: Path

    def connect(self, owner: str, port: int) -> socket.socket:
        """A connection that the proxy of a workload takes from it."""
        admin = self._proxy(owner).admin
        listeners = requests.get(f"{admin}/listeners", timeout=5).text.split()
        (address,) = {text.rpartition("::")[2] for text in listeners if text.endswith(f":{port}")}
        return socket.create_connection((address.rpartition(":")[0], port), timeout=5)

    def connect_to(self, owner: str, port: int) -> socket.socket:
        """A connection from outside of the mesh to the proxy of a workload."""
        return socket.create_connection((self._proxy(owner).address, port), timeout=5)

    def counts(self, owner: str) -> Series:
        """Every series of TCP that a proxy has."""
        return {
            (sample.name, tuple(sample.labels.items())): sample.value
            for one in scrape([self._proxy(owner)])
            for family in one.families
            for sample in family.samples
            if sample.name.startswith("istio_tcp_")
        }

    def counted(self, owner: str, act: Callable[[], object]) -> tuple[Labels, Counts]:
        """What a connection adds to the metrics of a proxy, from its opening to its end, and the labels of that."""
        before = self.counts(owner)
        act()
        eventually(lambda: moved_since(before, self.counts(owner)).keys() >= {OPENED, CLOSED})
        moved = moved_since(before, self.counts(owner))
        assert {name: len(found) for name, found in moved.items()} == dict.fromkeys(moved, 1)
        (labels, *others) = [found[0][0] for found in moved.values()]
        assert others == [labels] * len(others)
        return labels, {name: moved[name][0][1] if name in moved else 0 for name in (OPENED, CLOSED, RECEIVED, SENT)}

    def _proxy(self, owner: str) -> RunningProxy:
        return next(proxy for proxy in self.running.view.proxies if proxy.owner == owner)


def moved_since(before: Series, now: Series) -> dict[str, list[tuple[Labels, float]]]:
    """The series of each metric that grew, and by how much."""
    moved: dict[str, list[tuple[Labels, float]]] = {}
    for (name, labels), value in now.items():
        if value > before.get((name, labels), 0):
            moved.setdefault(name, []).append((dict(labels), value - before.get((name, labels), 0)))
    return moved
