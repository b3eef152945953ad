"""The resources of a proxy for a control plane that is not lateen's: a DiscoveryResponse for each type."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from lateen.deliver.bundles.bundle import Bundle, File, Role, Target, json_bytes, modules
from lateen.xds.bootstrap import base_bootstrap
from lateen.xds.secrets import revealed
from lateen.xds.snapshot import TYPES, Config
from lateen.xds.static import Inliner

_ORDER = ("clusters", "endpoints", "secrets", "listeners", "extensions", "routes")
_ADS: Config = {"ads": {}, "resource_api_version": "V3"}


def resources(target: Target) -> Bundle:
    """`NAME.NAMESPACE.json`, and a bootstrap that lacks only `ads_config`, the way to the control plane.

    `node_id` is how this Envoy names itself, `responses` are in the order in which they are to be sent: each an
    envoy.service.discovery.v3.DiscoveryResponse in proto JSON form without nonce, whose `version_info` is a hash of its
    resources. `secrets_to_add` are the SDS names that the configuration refers to and that no file may hold: the
    workload's own certificate and roots, and credentials that the mesh does not contain.
    """
    snapshot = target.snapshot
    missing = [secret["name"] for secret in _named_secrets(target) if secret["name"] not in snapshot.secrets]
    responses = [_response(TYPES[attribute], getattr(snapshot, attribute)) for attribute in _ORDER]
    content = {"node_id": snapshot.proxy.node_id, "responses": responses, "secrets_to_add": missing}
    bootstrap = base_bootstrap(snapshot.proxy) | {"dynamic_resources": {"lds_config": _ADS, "cds_config": _ADS}}
    return Bundle(
        (
            *modules(snapshot, "modules"),
            File(f"{target.key}.json", json_bytes(content), 0o600 if snapshot.secrets else 0o644),
            File(f"{target.key}.bootstrap.json", json_bytes(bootstrap), role=Role.BOOTSTRAP),
        )
    )


def _response(type_url: str, configs: dict[str, Config]) -> dict[str, Any]:
    found = [{"@type": type_url} | revealed(config) for config in configs.values()]
    version = hashlib.sha256(orjson.dumps(found)).hexdigest()[:16]
    return {"version_info": version, "type_url": type_url, "resources": found}


def _named_secrets(target: Target) -> list[Config]:
    inliner = Inliner(target.snapshot)
    inliner.listeners()
    inliner.clusters()
    return inliner.secrets()
