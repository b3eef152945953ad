"""How long a cold `lateen compile` of one sidecar takes, and the memory of it, for meshes of several sizes.

    make bench

Each size runs in a process of its own, three times; the median wall time and the peak memory are printed, with the
time of `lateen --help` beside it. Nothing here asserts: these machines are noisy, tests are not timed.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (100, 1000)
RUNS = 3

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


def mesh(services: int) -> str:
    """YAML of a mesh with that many services of ten endpoints each, and one client."""
    parts = []
    for n in range(services):
        a, b = divmod(n, 250)
        endpoints = "\n".join(f"- {{addresses: [10.{100 + a}.{b}.{i}]}}" for i in range(1, 11))
        parts.append(SERVICE.format(n=n, a=a, b=b, endpoints=endpoints))
    return "".join(parts) + CLIENT


def median_run(command: list[str]) -> tuple[float, int]:
    """Median seconds of a command, and the size of its output in bytes."""
    seconds, size = [], 0
    for _ in range(RUNS):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
        size = len(done.stdout)
    return statistics.median(seconds), size


def main() -> None:
    """Print a table of sizes."""
    lateen = str(Path(sys.executable).with_name("lateen"))
    print(f"lateen --help: {median_run([lateen, '--help'])[0] * 1000:.0f} ms")
    print(f"{'services':>9} {'seconds':>9} {'output MB':>10} {'peak MB':>9}")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "mesh-of-services.yaml").write_text(mesh(size))
            seconds, output = median_run([lateen, "compile", folder, "--proxy", "client.bench"])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # grows with the sizes, so the last counts
        print(f"{size:>9} {seconds:>9.2f} {output / 1e6:>10.1f} {peak:>9.0f}")


if __name__ == "__main__":
    main()
