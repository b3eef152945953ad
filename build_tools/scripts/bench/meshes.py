"""Generated meshes."""

from __future__ import annotations

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {{name: s{n}, namespace: bench}}
spec:
  clusterIP: 10.{a}.{b}.1
  ports: [{{name: http, port: 8080}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: s{n}, namespace: bench, labels: {{kubernetes.io/service-name: s{n}}}}}
addressType: IPv4
ports: [{{name: http, port: 8080, protocol: TCP}}]
endpoints:
{endpoints}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: s{n}, namespace: bench}}
spec:
  hosts: [s{n}]
  http:
  - match: [{{headers: {{x-canary: {{exact: "true"}}}}}}]
    route: [{{destination: {{host: s{n}, subset: v2}}}}]
  - route: [{{destination: {{host: s{n}}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: s{n}, namespace: bench}}
spec:
  host: s{n}
  subsets:
  - {{name: v2, labels: {{version: v2}}}}
---
"""

CLIENT = """\
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: bench, labels: {app: client}}
spec: {containers: [{name: client, image: client}]}
status: {podIP: 10.200.0.1}
"""

WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: w{n}, namespace: bench}}
spec:
  selector: {{matchLabels: {{app: w{n}}}}}
  template:
    metadata: {{labels: {{app: w{n}, version: v1}}}}
    spec:
      serviceAccountName: w{n}
      containers: [{{name: app, image: app, command: [sleep, infinity], ports: [{{containerPort: 8080}}]}}]
---
apiVersion: v1
kind: Service
metadata: {{name: w{n}, namespace: bench}}
spec: {{selector: {{app: w{n}}}, ports: [{{name: http, port: 8080}}]}}
"""

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: w1, namespace: bench}}
spec:
  hosts: [w1]
  http: [{{timeout: {seconds}s, route: [{{destination: {{host: w1}}}}]}}]
"""
"""A route that every sidecar of the mesh has, with something to edit."""

POLICY = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: w1, namespace: bench}}
spec:
  selector: {{matchLabels: {{app: w1}}}}
  rules: [{{to: [{{operation: {{paths: ["/{path}*"]}}}}]}}]
"""
"""A policy that concerns one sidecar."""


def services(count: int) -> str:
    """That many services, with ten endpoints, a VirtualService and a DestinationRule each, and the pod `client`."""
    parts = []
    for n in range(count):
        a, b = divmod(n, 250)
        endpoints = "\n".join(f"- {{addresses: [10.{100 + a}.{b}.{i}]}}" for i in range(1, 11))
        parts.append(SERVICE.format(n=n, a=a, b=b, endpoints=endpoints))
    return "".join(parts) + CLIENT


def workloads(count: int) -> str:
    """Deployments `w1`, `w2` ... of one instance each, and a service for each."""
    return "---\n".join(WORKLOAD.format(n=n) for n in range(1, count + 1))
