"""Proxy scopes made by hand, and a real Envoy that says whether it would run what was compiled for them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from lateen.api.check import check
from lateen.api.mesh_config import check_mesh_config
from lateen.diagnostics import Origin, Severity
from lateen.identity.ca import Authority
from lateen.model.build import build
from lateen.model.identity import Ref
from lateen.model.mesh import Mesh
from lateen.model.proxy import Proxy
from lateen.model.service import Endpoint, Protocol, Service, ServicePort
from lateen.schema.binary import find_envoy
from lateen.scope.scope import scope
from lateen.scope.views import ProxyScope, ServiceView
from lateen.source.document import Source
from lateen.source.read import read
from lateen.xds.snapshot import Config

Validate = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workload's certificate, as `LATEEN_CERT_DIR` names it."""
    folder = tmp_path_factory.mktemp("certs")
    authority = Authority.create("cluster.local")
    leaf = authority.issue("spiffe://cluster.local/ns/default/sa/web")
    (folder / "cert-chain.pem").write_bytes(leaf.chain)
    (folder / "key.pem").write_bytes(leaf.key.reveal())
    (folder / "root-cert.pem").write_bytes(authority.root_pem)
    return folder


@pytest.fixture(scope="session")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> Validate:
    """`refusals(name=bootstrap, ...)`: what a real Envoy says against each configuration; empty when it takes all.

    A warning (of a deprecated field, of a default that is unsafe) counts as well, but for DNS settings that Envoy wants
    elsewhere.
    """
    envoy = find_envoy()
    folder = tmp_path_factory.mktemp("validate")

    def ask(name: str, config: Config) -> tuple[str, str]:
        path = folder / f"{name}.json"
        path.write_bytes(orjson.dumps(config))
        command = [envoy, "--mode", "validate", "--config-path", path, "--log-level", "warning"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        said = (answer.stderr + answer.stdout).strip()
        known = ("Cluster.dns_", "Cluster.respect_dns_ttl")
        warnings = [w for w in said.splitlines() if "[warning]" in w and not any(field in w for field in known)]
        accepted = answer.returncode == 0 and not warnings
        return name, "" if accepted else said[-2000:] or f"exit code {answer.returncode}"

    def check(**configs: Config) -> dict[str, str]:
        with ThreadPoolExecutor(4) as pool:
            return {name: why for name, why in pool.map(lambda item: ask(*item), configs.items()) if why}

    return check


class Builder:
    """Short ways to write model values, as close to YAML as Python gets."""

    @staticmethod
    def ref(kind: str, name: str, namespace: str = "default") -> Ref:
        return Ref(kind, namespace, name, Origin(f"{name}.yaml", 1, 1, f"{kind} {namespace}/{name}"))

    @staticmethod
    def service(name: str, *ports: tuple[int, Protocol], namespace: str = "default", **fields: Any) -> Service:
        hostname = fields.pop("hostname", f"{name}.{namespace}.svc.cluster.local")
        numbered = tuple(ServicePort(f"p{number}", number, protocol) for number, protocol in ports)
        return Service(hostname, Builder.ref("Service", name, namespace), numbered, **fields)

    @staticmethod
    def view(
        service: Service, *addresses: str, tls_mode: str = "istio", rule: Any = None, **fields: Any
    ) -> ServiceView:
        endpoints = tuple(
            Endpoint(
                address,
                port.number,
                port.number,
                workload=service.ref.name,
                namespace=service.namespace,
                service_account=service.ref.name,
                tls_mode=tls_mode,
                **fields,
            )
            for port in service.ports
            for address in addresses
        )
        return ServiceView(service, rule, endpoints)

    @staticmethod
    def proxy(name: str = "web", **fields: Any) -> Proxy:
        return Proxy(name, **fields)


@pytest.fixture(scope="session")
def make() -> type[Builder]:
    """Builders of model values."""
    return Builder


@pytest.fixture(scope="session")
def worker_address(request: pytest.FixtureRequest) -> str:
    """A loopback address of this test process's own."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return f"127.25.{int(worker.removeprefix('gw')) + 1}.1"


@pytest.fixture(scope="session")
def load_mesh() -> Callable[[str, str], Mesh]:
    """`load_mesh(yaml, name)`: the mesh of YAML text; fails on anything that Istio's admission would reject."""

    def load(text: str, name: str) -> Mesh:
        loaded = read(Source(text, name))
        resources, found = check(loaded.documents)
        config, more = check_mesh_config(loaded.mesh_config, strict=True)
        mesh, built = build(resources, config)
        errors = [str(d) for d in (*loaded.diagnostics, *found, *more, *built) if d.severity is Severity.ERROR]
        assert not errors, errors
        return mesh

    return load


@pytest.fixture(scope="session")
def scope_of(load_mesh: Callable[[str, str], Mesh]) -> Callable[..., ProxyScope]:
    """`scope_of(yaml, name, **fields of Proxy)`: what that proxy sees of the mesh; the `placed` ones have addresses."""

    def see(text: str, name: str = "web", placed: dict[str, str] | None = None, **fields: Any) -> ProxyScope:
        mesh = load_mesh(text, "mesh.yaml").placed(placed or {})
        return scope(mesh, Proxy(name, **fields))[0]

    return see
