"""Certificates that the mesh's own Secrets give, under the names by which Envoy asks for them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lateen.diagnostics import Redacted
from lateen.identity.ca import Authority
from lateen.model.proxy import Proxy
from lateen.scope.views import ProxyScope
from lateen.xds.clusters import clusters
from lateen.xds.secrets import credential, file_secret, gateway_secrets
from lateen.xds.snapshot import Snapshot
from lateen.xds.tls import server_context

ROUTER: dict[str, Any] = {"name": "gw", "namespace": "edge", "kind": "router", "labels": {"istio": "ingress"}}


def encoded(text: bytes | str) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def secret(name: str, namespace: str = "edge", **data: bytes | str) -> str:
    entries = "".join(f"  {key.replace('_', '.')}: {encoded(value)}\n" for key, value in data.items())
    annotation = "  annotations: {lateen/issue: shop.example}\n" if not data else ""
    body = f"data:\n{entries}" if data else ""
    head = f"---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: {namespace}\n"
    return head + annotation + body


def gateway(mode: str = "SIMPLE", **tls: str) -> str:
    fields = ", ".join(f"{key}: {value}" for key, value in ({"credentialName": "shop"} | tls).items() if value)
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: shop, namespace: edge}}
spec:
  selector: {{istio: ingress}}
  servers:
  - {{port: {{number: 8443, name: https, protocol: HTTPS}}, hosts: [shop.example], tls: {{mode: {mode}, {fields}}}}}
"""


ScopeOf = Callable[..., ProxyScope]


def test_a_gateways_certificate_comes_from_the_secret_of_its_own_namespace(scope_of: ScopeOf) -> None:
    mesh = (
        gateway() + secret("shop", tls_crt="CHAIN", tls_key="KEY") + secret("shop", "other", tls_crt="NO", tls_key="NO")
    )
    found = gateway_secrets(scope_of(mesh, **ROUTER))
    assert found.configs == {
        "kubernetes://shop": {
            "name": "kubernetes://shop",
            "tls_certificate": {
                "certificate_chain": {"inline_bytes": Redacted(b"CHAIN")},
                "private_key": {"inline_bytes": Redacted(b"KEY")},
            },
        }
    }
    assert found.diagnostics == ()
    assert found.origins["kubernetes://shop", ""].resource == "Secret edge/shop"


@pytest.mark.parametrize(
    "secrets",
    [
        secret("shop", tls_crt="CHAIN", tls_key="KEY", ca_crt="ROOTS"),
        secret("shop", cert="CHAIN", key="KEY", cacert="ROOTS"),
        secret("shop", tls_crt="CHAIN", tls_key="KEY") + secret("shop-cacert", ca_crt="ROOTS"),
    ],
)
def test_roots_stand_in_the_pairs_secret_or_in_one_of_their_own(scope_of: ScopeOf, secrets: str) -> None:
    found = gateway_secrets(scope_of(gateway("MUTUAL") + secrets, **ROUTER))
    roots = found.configs["kubernetes://shop-cacert"]["validation_context"]["trusted_ca"]["inline_bytes"]
    assert roots == Redacted(b"ROOTS")


def test_a_missing_secret_is_said_once_where_it_is_named(scope_of: ScopeOf) -> None:
    found = gateway_secrets(scope_of(gateway(), **ROUTER))
    assert found.configs == {}
    assert [(d.code, d.origin.resource) for d in found.diagnostics] == [("LAT0461", "Gateway edge/shop")]


def test_a_secret_without_its_key_is_said_where_it_stands(scope_of: ScopeOf) -> None:
    found = gateway_secrets(scope_of(gateway() + secret("shop", tls_crt="CHAIN"), **ROUTER))
    assert [(d.code, d.origin.resource) for d in found.diagnostics] == [("LAT0462", "Secret edge/shop")]


def test_a_secret_that_a_run_will_fill_is_no_fault(scope_of: ScopeOf) -> None:
    found = gateway_secrets(scope_of(gateway() + secret("shop"), **ROUTER))
    assert (found.configs, found.diagnostics) == ({}, ())


def test_files_stay_file_names(scope_of: ScopeOf) -> None:
    tls = {"credentialName": "", "serverCertificate": "/c.pem", "privateKey": "/k.pem", "caCertificates": "/ca.pem"}
    found = gateway_secrets(scope_of(gateway("MUTUAL", **tls), **ROUTER)).configs
    pair = found["file-cert:/c.pem~/k.pem"]["tls_certificate"]
    assert (pair["certificate_chain"], pair["private_key"]) == ({"filename": "/c.pem"}, {"filename": "/k.pem"})
    assert found["file-root:/ca.pem"]["validation_context"] == {"trusted_ca": {"filename": "/ca.pem"}}


@pytest.mark.parametrize(
    ("mode", "required", "checked"),
    [("SIMPLE", False, False), ("MUTUAL", True, True), ("OPTIONAL_MUTUAL", False, True)],
)
def test_what_a_server_demands_of_clients(scope_of: ScopeOf, mode: str, required: bool, checked: bool) -> None:
    scope = scope_of(gateway(mode), **ROUTER)
    assert scope.gateway
    context = server_context(scope, scope.gateway.ports[0].servers[0].server)["typed_config"]
    assert context["require_client_certificate"] is required
    assert ("combined_validation_context" in context["common_tls_context"]) is checked


def test_versions_and_ciphers_of_a_server(scope_of: ScopeOf) -> None:
    tls = {"minProtocolVersion": "TLSV1_3", "cipherSuites": "[ECDHE-RSA-AES128-GCM-SHA256]"}
    scope = scope_of(gateway(**tls), **ROUTER)
    assert scope.gateway
    context = server_context(scope, scope.gateway.ports[0].servers[0].server)["typed_config"]["common_tls_context"]
    assert context["tls_params"] == {
        "tls_minimum_protocol_version": "TLSv1_3",
        "cipher_suites": ["ECDHE-RSA-AES128-GCM-SHA256"],
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kubernetes://shop", "shop"),
        ("kubernetes://edge/shop-cacert", "shop"),
        ("configmap://edge/roots-cacert", "roots"),
    ],
)
def test_the_object_behind_a_name(name: str, expected: str) -> None:
    assert credential(name) == expected


def test_without_content_a_secret_is_a_mounted_folder() -> None:
    assert file_secret("kubernetes://shop", "/certs")["tls_certificate"]["private_key"] == {
        "filename": "/certs/shop/tls.key"
    }
    assert file_secret("kubernetes://shop-cacert", "/certs")["validation_context"]["trusted_ca"] == {
        "filename": "/certs/shop/ca.crt"
    }


def test_a_gateway_that_originates_tls_runs_from_one_file(
    scope_of: ScopeOf, refusals: Callable[..., dict[str, str]], certificates: Path
) -> None:
    authority = Authority.create("example")
    server = authority.issue_host("partner.example")
    mesh = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: partner, namespace: edge}}
spec:
  hosts: [partner.example]
  resolution: STATIC
  ports: [{{number: 8443, name: https, protocol: HTTPS}}]
  endpoints: [{{address: 198.51.100.1}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: partner, namespace: edge}}
spec:
  host: partner.example
  trafficPolicy: {{tls: {{mode: MUTUAL, credentialName: partner}}}}
{secret("partner", tls_crt=server.chain, tls_key=server.key.reveal(), ca_crt=authority.root_pem)}
"""
    scope = scope_of(mesh, **ROUTER)
    proxy = Proxy("gw", metadata={"LATEEN_CERT_DIR": str(certificates)})
    snapshot = Snapshot(proxy, clusters=clusters(scope).configs, secrets=gateway_secrets(scope).configs)
    config = snapshot.static()
    assert [s["name"] for s in config["static_resources"]["secrets"]] == [
        "kubernetes://partner",
        "kubernetes://partner-cacert",
    ]
    assert refusals(egress=config) == {}
    assert server.key.reveal().decode() not in str(snapshot.to_dict())
    assert "[redacted]" in str(snapshot.to_dict())
