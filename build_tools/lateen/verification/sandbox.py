"""A configuration as `envoy --mode validate` can load it anywhere.

Envoy opens what a configuration names: certificates, modules, access logs, variables of its process. On the machine
that verifies they are another's, or missing; so a copy names throwaway ones of the same shape, and nothing outside a
temporary folder is written or read.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lateen.identity.ca import Authority
from lateen.modules import Module
from lateen.schema import Schema

_BOOTSTRAP = "envoy.config.bootstrap.v3.Bootstrap"
_TLS = "envoy.extensions.transport_sockets.tls.v3."
_FILE_LOG = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
_DATA_SOURCE = "envoy.config.core.v3.DataSource"
_ENVIRONMENT = "envoy.extensions.wasm.v3.EnvironmentVariables"

_VALUE = "0" * 64
"""In place of a variable's value, which may be a secret: it is one in text, hex and base64."""


class Sandbox:
    """A folder with a throwaway certificate, the filter modules and a log, shared by the proxies of one run."""

    def __init__(self, folder: Path, schema: Schema, modules: Iterable[Module] = ()) -> None:
        """Raises OSError if the folder cannot be written or a module not be read."""
        self._folder, self._schema = folder, schema
        authority = Authority.create("verify.invalid")
        certificate = authority.issue("spiffe://verify.invalid/ns/verify/sa/verify")
        self._chain = self._write("cert-chain.pem", certificate.chain)
        self._key = self._write("key.pem", certificate.key.reveal())
        self._root = self._write("root-cert.pem", authority.root_pem)
        self._modules = {each.file_name: self._write(each.file_name, each.content()) for each in set(modules)}

    def adapt(self, config: dict[str, Any]) -> dict[str, Any]:
        """A copy of a bootstrap that names only files of the sandbox. What it has inline stays."""
        nodes = self._schema.walk(_BOOTSTRAP, copy.deepcopy(config))
        for node in nodes:
            value = node.value
            if node.type == _TLS + "TlsCertificate":
                self._replace_pair(value)
            elif node.type == _TLS + "CertificateValidationContext":
                self._replace_trust(value)
            elif node.type == _FILE_LOG:
                value["path"] = str(self._folder / "access.log")
            elif node.type == _DATA_SOURCE and "filename" in value:
                value["filename"] = self._modules.get(Path(value["filename"]).name, value["filename"])
            elif node.type == _ENVIRONMENT:
                names = value.pop("host_env_keys", [])
                value["key_values"] = {**dict.fromkeys(names, _VALUE), **value.get("key_values", {})}
        return nodes[0].value

    def _replace_pair(self, certificate: dict[str, Any]) -> None:
        """Chain and key belong together: if one is a file, both are replaced."""
        if any("filename" in (certificate.get(part) or {}) for part in ("certificate_chain", "private_key")):
            certificate["certificate_chain"] = {"filename": self._chain}
            certificate["private_key"] = {"filename": self._key}

    def _replace_trust(self, context: dict[str, Any]) -> None:
        if "filename" in (context.get("trusted_ca") or {}):
            context["trusted_ca"] = {"filename": self._root}
            context.pop("crl", None)  # a list of another CA's revocations does not fit the throwaway one

    def _write(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)
