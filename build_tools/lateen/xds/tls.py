"""TLS contexts: mesh mutual TLS on both sides, gateways' servers, and TLS towards destinations outside the mesh.

Certificates are always named, never contained: the workload's own by `default` and `ROOTCA`, others by Istio's
resource names (`kubernetes://NAME`, `file-cert:...`), fetched by SDS on the ADS stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from lateen.model.gateway import Server, ServerTls
from lateen.model.mesh_config import MeshConfig
from lateen.model.traffic_policy import ClientTls
from lateen.scope.views import ProxyScope
from lateen.xds.snapshot import Config

WORKLOAD_IDENTITY = "default"
MESH_ROOTS = "ROOTCA"
SYSTEM_ROOTS = "file-root:system"

_EXTENSIONS = "type.googleapis.com/envoy.extensions.transport_sockets"
_NAME = "envoy.transport_sockets.tls"

RAW_BUFFER: Config = {
    "name": "envoy.transport_sockets.raw_buffer",
    "typed_config": {"@type": f"{_EXTENSIONS}.raw_buffer.v3.RawBuffer"},
}

# Envoy waits for the workload's own certificate for ever rather than serve without it. A gateway's credential may be
# missing for good, and must not hold back its listener: Envoy's default of 15 s applies, as in Istio.
_WORKLOAD_SOURCE: Config = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
_CREDENTIAL_SOURCE: Config = {"ads": {}, "resource_api_version": "V3"}

_TLS_12_TO_13: Config = {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"}
_MESH_SERVER_PARAMS: Config = _TLS_12_TO_13 | {
    "cipher_suites": [
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
    ]
}
_VERSIONS = {"TLSV1_0": "TLSv1_0", "TLSV1_1": "TLSv1_1", "TLSV1_2": "TLSv1_2", "TLSV1_3": "TLSv1_3"}


def trust_domains(config: MeshConfig) -> tuple[str, ...]:
    """The mesh's own trust domain, then its aliases."""
    return tuple(dict.fromkeys((config.trust_domain, *config.trust_domain_aliases)))


def downstream_mtls(scope: ProxyScope, alpn: Sequence[str]) -> Config:
    """The transport socket of an inbound chain that demands a certificate of the mesh.

    Any identity of the trust domain or its aliases is accepted here; who may call is authorization's business.
    """
    prefixes = [_san("URI", "prefix", f"spiffe://{domain}/") for domain in trust_domains(scope.config)]
    return _downstream(
        {
            "alpn_protocols": list(alpn),
            "tls_params": _MESH_SERVER_PARAMS,
            "tls_certificate_sds_secret_configs": [_sds(WORKLOAD_IDENTITY)],
            "combined_validation_context": _validated(MESH_ROOTS, prefixes),
        },
        require_client_certificate=True,
    )


def upstream_mtls(sans: Iterable[str], sni: str, alpn: Sequence[str]) -> Config:
    """The transport socket of a cluster whose endpoints are in the mesh.

    `sans` are the identities that its endpoints may present; none means any that the mesh's CA signed.
    """
    return _upstream(
        {
            "alpn_protocols": list(alpn),
            "tls_params": _TLS_12_TO_13,
            "tls_certificate_sds_secret_configs": [_sds(WORKLOAD_IDENTITY)],
            "combined_validation_context": _validated(MESH_ROOTS, [_san("URI", "exact", san) for san in sans]),
        },
        sni,
    )


def upstream_tls(tls: ClientTls, sans: Sequence[str], alpn: Sequence[str]) -> Config:
    """The transport socket of a cluster that a DestinationRule gives TLS of mode SIMPLE or MUTUAL.

    Without a CA of its own the system's roots are trusted, as Istio does since 1.21.
    """
    context: Config = {"tls_params": _TLS_12_TO_13}
    if alpn:
        context["alpn_protocols"] = list(alpn)
    if tls.mode == "MUTUAL":
        context["tls_certificate_sds_secret_configs"] = [_sds(client_certificate_name(tls))]
    if tls.insecure_skip_verify:
        context["validation_context"] = {}
    else:
        validation = _validated(client_roots_name(tls), [_typed_san(san) for san in sans])
        if tls.ca_crl and not tls.credential_name:
            validation["default_validation_context"]["crl"] = {"filename": tls.ca_crl}
        context["combined_validation_context"] = validation
    return _upstream(context, tls.sni)


def server_context(scope: ProxyScope, server: Server) -> Config:
    """The transport socket of a gateway's server that terminates TLS.

    Modes SIMPLE, MUTUAL, OPTIONAL_MUTUAL and ISTIO_MUTUAL; those that pass TLS on have none.
    """
    tls = server.tls or ServerTls()
    alpn = ["h2", "http/1.1"]
    if tls.mode == "ISTIO_MUTUAL":
        return downstream_mtls(scope, alpn)
    context: Config = {
        "alpn_protocols": alpn,
        "tls_params": _server_params(tls),
        "tls_certificate_sds_secret_configs": [_sds(name) for name in server_certificate_names(tls)],
    }
    if tls.mode in ("MUTUAL", "OPTIONAL_MUTUAL"):
        sans = [_typed_san(san) for san in tls.subject_alt_names]
        context["combined_validation_context"] = _validated(server_roots_name(tls), sans)
    return _downstream(context, require_client_certificate=tls.mode == "MUTUAL")


def credential_name(name: str) -> str:
    """Istio's SDS resource name of a `credentialName`."""
    return name if "://" in name else f"kubernetes://{name}"


def client_certificate_name(tls: ClientTls) -> str:
    """SDS resource name of the certificate that a client of mode MUTUAL presents."""
    if tls.credential_name:
        return credential_name(tls.credential_name)
    return f"file-cert:{tls.client_certificate}~{tls.private_key}"


def client_roots_name(tls: ClientTls) -> str:
    """SDS resource name of the roots that a client checks its server against."""
    if tls.credential_name:
        return f"{credential_name(tls.credential_name)}-cacert"
    return f"file-root:{tls.ca_certificates}" if tls.ca_certificates else SYSTEM_ROOTS


def server_certificate_names(tls: ServerTls) -> tuple[str, ...]:
    """SDS resource names of a gateway server's certificates."""
    if tls.credential_names:
        return tuple(credential_name(name) for name in tls.credential_names)
    return (f"file-cert:{tls.server_certificate}~{tls.private_key}",)


def server_roots_name(tls: ServerTls) -> str:
    """SDS resource name of the roots that a gateway server checks its clients against."""
    if tls.credential_names:
        return f"{credential_name(tls.credential_names[0])}-cacert"
    return f"file-root:{tls.ca_certificates}"


def _server_params(tls: ServerTls) -> Config:
    params: Config = {"tls_minimum_protocol_version": _VERSIONS.get(tls.min_version, "TLSv1_2")}
    if tls.max_version in _VERSIONS:
        params["tls_maximum_protocol_version"] = _VERSIONS[tls.max_version]
    if tls.cipher_suites:
        params["cipher_suites"] = list(tls.cipher_suites)
    return params


def _validated(secret: str, sans: list[Config]) -> Config:
    default: Config = {"match_typed_subject_alt_names": sans} if sans else {}
    return {"default_validation_context": default, "validation_context_sds_secret_config": _sds(secret)}


def _typed_san(value: str) -> Config:
    if "://" in value:
        return _san("URI", "exact", value)
    try:
        ip_address(value)
    except ValueError:
        return _san("DNS", "exact", value)
    return _san("IP_ADDRESS", "exact", value)


def _san(san_type: str, how: str, value: str) -> Config:
    return {"san_type": san_type, "matcher": {how: value}}


def _sds(name: str) -> Config:
    source = _WORKLOAD_SOURCE if name in (WORKLOAD_IDENTITY, MESH_ROOTS) else _CREDENTIAL_SOURCE
    return {"name": name, "sds_config": source}


def _downstream(context: Config, *, require_client_certificate: bool) -> Config:
    typed: Config = {"@type": f"{_EXTENSIONS}.tls.v3.DownstreamTlsContext", "common_tls_context": context}
    typed["require_client_certificate"] = require_client_certificate
    return {"name": _NAME, "typed_config": typed}


def _upstream(context: Config, sni: str) -> Config:
    typed: Config = {"@type": f"{_EXTENSIONS}.tls.v3.UpstreamTlsContext", "common_tls_context": context}
    if sni:
        typed["sni"] = sni
    return {"name": _NAME, "typed_config": typed}
