"""Snapshots as the bytes that Envoy is sent, each with a version that is a hash of them.

This is where `Redacted` secrets are revealed, and where the two secrets of a workload's own certificate are added.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from lateen.deliver.protocol import ENDPOINT, EXTENSION, ROUTE, SECRET, Reference, Resource, Resources
from lateen.diagnostics import Diagnostic, MeshError, Origin, Redacted
from lateen.diagnostics.codes.deliver import NOT_ENCODABLE
from lateen.identity import Certificate
from lateen.schema import Schema, SchemaError
from lateen.xds.snapshot import TYPES, Config, Snapshot

ATTRIBUTES = {type_url: attribute for attribute, type_url in TYPES.items()}
"""Type URL to the attribute of a Snapshot."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a proxy proves itself with, and the root that it verifies others by."""

    certificate: Certificate
    root_pem: bytes

    def secrets(self) -> dict[str, Config]:
        """The secrets `default` and `ROOTCA` that Istio's TLS contexts name."""
        chain, root = (
            {"inline_bytes": base64.b64encode(pem).decode()} for pem in (self.certificate.chain, self.root_pem)
        )
        certificate = {"certificate_chain": chain, "private_key": {"inline_bytes": self.certificate.key}}
        return {
            "default": {"name": "default", "tls_certificate": certificate},
            "ROOTCA": {"name": "ROOTCA", "validation_context": {"trusted_ca": root}},
        }


class Encoder:
    """Encodes each distinct resource once: what an edit leaves alone costs one hash, and one for all who share it."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._known: dict[bytes, Resource] = {}

    def encode(self, proxies: Mapping[str, tuple[Snapshot, Identity]]) -> dict[str, Resources]:
        """The resources of every proxy, by its key.

        Raises MeshError with one finding for each name that does not fit the schema.
        """
        used: dict[bytes, Resource] = {}
        shared: dict[
            tuple[str, int], tuple[Config, Resource]
        ] = {}  # by identity, which no other has while it is kept here
        findings: dict[tuple[str, str], Diagnostic] = {}
        encoded: dict[str, Resources] = {}
        for key, (snapshot, identity) in proxies.items():
            resources: dict[str, dict[str, Resource]] = {type_url: {} for type_url in ATTRIBUTES}
            for type_url, name, config in _configs(snapshot, identity):
                try:
                    if (type_url, id(config)) not in shared:
                        shared[type_url, id(config)] = config, self._resource(type_url, config, used)
                    resources[type_url][name] = shared[type_url, id(config)][1]
                except SchemaError as error:
                    findings.setdefault((type_url, name), _not_encodable(key, snapshot, type_url, name, error))
            encoded[key] = resources
        if findings:
            raise MeshError(tuple(findings.values()))
        self._known = used
        return encoded

    def _resource(self, type_url: str, config: Config, used: dict[bytes, Resource]) -> Resource:
        content = orjson.dumps(config, default=_reveal)
        key = hashlib.sha256(type_url.encode() + content).digest()
        resource = used.get(key) or self._known.get(key)
        if resource is None:
            body = self._schema.encode(type_url, config)
            version = hashlib.sha256(body).hexdigest()[:16]
            resource = Resource(version, body, frozenset(references(config)))
        used[key] = resource
        return resource


def _configs(snapshot: Snapshot, identity: Identity) -> Iterator[tuple[str, str, Config]]:
    """Every resource of a proxy: type URL, name, configuration."""
    for attribute, type_url in TYPES.items():
        for name, config in getattr(snapshot, attribute).items():
            yield type_url, name, config
    for name, config in identity.secrets().items():
        yield SECRET, name, config


def references(config: Any) -> Iterator[Reference]:
    """The resources that Envoy asks for over ADS because of this one."""
    if isinstance(config, list):
        for item in config:
            yield from references(item)
    if not isinstance(config, dict):
        return
    if _over_ads(config.get("eds_cluster_config"), "eds_config"):
        yield ENDPOINT, config["eds_cluster_config"].get("service_name") or config["name"]
    if _over_ads(config.get("rds"), "config_source"):
        yield ROUTE, config["rds"]["route_config_name"]
    if _over_ads(config.get("config_discovery"), "config_source"):
        yield EXTENSION, config["name"]
    if _over_ads(config, "sds_config"):
        yield SECRET, config["name"]
    for value in config.values():
        yield from references(value)


def origin_of(snapshot: Snapshot, type_url: str, name: str) -> Origin:
    """Where in the user's YAML a resource comes from; endpoints stand where their cluster does."""
    attribute = ATTRIBUTES[type_url]
    if (attribute, name, "") in snapshot.origins:
        return snapshot.origins[attribute, name, ""]
    inside = (origin for (kind, of, _), origin in snapshot.origins.items() if (kind, of) == (attribute, name))
    found = next(inside, None)
    if found is None and attribute == "endpoints":
        return origin_of(snapshot, TYPES["clusters"], name)
    return found or Origin()


def _over_ads(holder: Any, source: str) -> bool:
    return isinstance(holder, dict) and isinstance(holder.get(source), dict) and "ads" in holder[source]


def _reveal(value: Any) -> dict[str, str]:
    """A form that no plain value has, so that a secret and the same text in clear are told apart."""
    if isinstance(value, Redacted):
        return {"redacted": base64.b64encode(value.reveal()).decode()}
    raise TypeError(f"{type(value).__name__} is no configuration")


def _not_encodable(proxy: str, snapshot: Snapshot, type_url: str, name: str, error: SchemaError) -> Diagnostic:
    resource = f"{type_url.rpartition('.')[2]} {name}"
    reason = "; ".join(str(violation) for violation in error.violations)
    return NOT_ENCODABLE.at(origin_of(snapshot, type_url, name), resource=resource, proxy=proxy, reason=reason)
