"""Workloads as YAML, and where they are found."""

from __future__ import annotations

from collections.abc import Callable

from lateen.model.mesh import Mesh

Load = Callable[..., Mesh]

SHOP = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: http}
  - {name: tcp-admin, port: 81, targetPort: 9000}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, version: v1}}
    spec:
      serviceAccountName: web
      containers:
      - {name: web, image: a, ports: [{name: http, containerPort: 8080}]}
"""


def pod(labels: str = "{}", annotations: str = "{}", spec: str = "", status: str = "{}") -> str:
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: a, labels: {labels}, annotations: {annotations}}}
spec: {{containers: [{{name: a, image: a}}]{spec}}}
status: {status}
"""


def addresses(mesh: Mesh, host: str, namespace: str = "shop") -> list[tuple[str, int, int]]:
    return [(e.address, e.port, e.service_port) for e in mesh.endpoints.get((host, namespace), ())]
