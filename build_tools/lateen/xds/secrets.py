"""Certificates of gateways and of TLS towards the outside: SDS secrets under Istio's resource names.

The workload's own (`default`, `ROOTCA`) are never here: they are added at delivery, or named by file in static
configuration.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from lateen.diagnostics import Diagnostic, Origin, Redacted
from lateen.diagnostics.codes.xds import CREDENTIAL_INCOMPLETE, CREDENTIAL_MISSING
from lateen.model.identity import Ref
from lateen.model.secret import Secret
from lateen.scope.views import ProxyScope
from lateen.xds.destinations import destinations, honoured_tls
from lateen.xds.resources import Resources
from lateen.xds.snapshot import Config
from lateen.xds.tls import (
    MESH_ROOTS,
    SYSTEM_ROOTS,
    WORKLOAD_IDENTITY,
    client_certificate_name,
    client_roots_name,
    server_certificate_names,
    server_roots_name,
)

CERT_DIR = "/etc/lateen/certs"
_SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_CA_SUFFIX = "-cacert"
_CHAIN_KEYS = ("tls.crt", "cert")
_KEY_KEYS = ("tls.key", "key")
_ROOT_KEYS = ("ca.crt", "cacert")


def gateway_secrets(scope: ProxyScope) -> Resources:
    """The secrets that this proxy's gateways and destinations name, as far as their content is known.

    Certificates that a rule names by file stay file names. A Secret that does not exist, or lacks a key, is a finding;
    one that is still to be filled (`lateen/issue`) is not.
    """
    configs: dict[str, Config] = {}
    origins: dict[tuple[str, str], Origin] = {}
    diagnostics: dict[Diagnostic, None] = {}
    for name, user, place in _named(scope):
        if name in configs:
            continue
        if name.startswith("file-"):
            configs[name] = file_secret(name, "")
            origins[name, ""] = place
            continue
        secret = _find(scope, name)
        if secret is None:
            finding = CREDENTIAL_MISSING.at(place, credential=name, user=str(user), namespace=scope.proxy.namespace)
            diagnostics[finding] = None
            continue
        content = _content(name, secret)
        if content is not None:
            configs[name] = content
            origins[name, ""] = secret.ref.origin
        elif not secret.issue:
            keys = " and ".join(_keys(name))
            finding = CREDENTIAL_INCOMPLETE.at(secret.ref.origin, secret=str(secret.ref), keys=keys, user=str(user))
            diagnostics[finding] = None
    return Resources(configs, origins, tuple(diagnostics))


def file_secret(name: str, directory: str) -> Config:
    """The secret of that SDS name by file names, for an Envoy that reads them itself.

    The workload's own stand in `directory` as `cert-chain.pem`, `key.pem` and `root-cert.pem`, a credential's in a
    folder of its name as in a mounted Kubernetes Secret; names that Istio gives to files (`file-cert:CHAIN~KEY`,
    `file-root:CA`) say where they are.
    """
    if root := _root_file(name, directory):
        return {"name": name, "validation_context": {"trusted_ca": {"filename": root}}}
    if name == WORKLOAD_IDENTITY:
        chain, key = f"{directory}/cert-chain.pem", f"{directory}/key.pem"
    elif name.startswith("file-cert:"):
        chain, _, key = name.removeprefix("file-cert:").partition("~")
    else:
        folder = f"{directory}/{credential(name)}"
        chain, key = f"{folder}/tls.crt", f"{folder}/tls.key"
    pair = {"certificate_chain": {"filename": chain}, "private_key": {"filename": key}}
    return {"name": name, "tls_certificate": pair}


def credential(name: str) -> str:
    """The name of the Kubernetes object behind an SDS resource name."""
    return name.partition("://")[2].rpartition("/")[2].removesuffix(_CA_SUFFIX)


def revealed(config: Any) -> Any:
    """A copy in which secret bytes stand as proto JSON has them (base64): for Envoy only."""
    if isinstance(config, Redacted):
        return base64.b64encode(config.reveal()).decode()
    if isinstance(config, dict):
        return {key: revealed(value) for key, value in config.items()}
    return [revealed(value) for value in config] if isinstance(config, list) else config


def _named(scope: ProxyScope) -> Iterator[tuple[str, Ref, Origin]]:
    """SDS names in use, with who uses them and where."""
    for port in scope.gateway.ports if scope.gateway else ():
        for server in port.servers:
            tls, gateway = server.server.tls, server.gateway
            if tls and tls.mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"):
                place = gateway.at(server.server.path, "tls")
                yield from ((name, gateway, place) for name in server_certificate_names(tls))
                if tls.mode != "SIMPLE":
                    yield server_roots_name(tls), gateway, place
    for destination in destinations(scope):
        client, rule = honoured_tls(scope, destination), destination.rule
        if client and rule and client.mode in ("SIMPLE", "MUTUAL"):
            place = client.origin
            if client.mode == "MUTUAL":
                yield client_certificate_name(client), rule.ref, place
            if not client.insecure_skip_verify:
                yield client_roots_name(client), rule.ref, place


def _find(scope: ProxyScope, name: str) -> Secret | None:
    """The object behind a name: roots may stand in a Secret of their own (`NAME-cacert`), else in the pair's."""
    kind = "ConfigMap" if name.startswith("configmap://") else "Secret"
    objects = {secret.ref.name: secret for secret in scope.secrets if secret.ref.kind == kind}
    own = credential(name)
    return objects.get(f"{own}{_CA_SUFFIX}", objects.get(own)) if name.endswith(_CA_SUFFIX) else objects.get(own)


def _keys(name: str) -> tuple[str, ...]:
    return (_ROOT_KEYS[0],) if name.endswith(_CA_SUFFIX) else (_CHAIN_KEYS[0], _KEY_KEYS[0])


def _content(name: str, secret: Secret) -> Config | None:
    if name.endswith(_CA_SUFFIX):
        roots = _first(secret, _ROOT_KEYS)
        return {"name": name, "validation_context": {"trusted_ca": {"inline_bytes": roots}}} if roots else None
    chain, key = _first(secret, _CHAIN_KEYS), _first(secret, _KEY_KEYS)
    if chain is None or key is None:
        return None
    pair = {"certificate_chain": {"inline_bytes": chain}, "private_key": {"inline_bytes": key}}
    return {"name": name, "tls_certificate": pair}


def _first(secret: Secret, keys: tuple[str, ...]) -> Redacted | None:
    return next((secret.data[key] for key in keys if key in secret.data), None)


def _root_file(name: str, directory: str) -> str:
    """Where the roots of that name stand; empty for a certificate."""
    fixed = {MESH_ROOTS: f"{directory}/root-cert.pem", SYSTEM_ROOTS: _SYSTEM_BUNDLE}
    if name in fixed:
        return fixed[name]
    if name.startswith("file-root:"):
        return name.removeprefix("file-root:")
    return f"{directory}/{credential(name)}/ca.crt" if name.endswith(_CA_SUFFIX) else ""
