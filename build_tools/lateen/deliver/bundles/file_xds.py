"""File xDS: an Envoy that takes listeners and clusters from two files, and follows them without a restart.

Envoy holds one inotify instance per file that it watches, and aborts when the user's are used up
(`fs.inotify.max_user_instances`, often 128). So two files are watched, and what they name is in them: routes and
filters in listeners, endpoints in clusters. Secrets have files of their own, which Envoy looks at every few seconds
instead, with the certificates that they name.
"""

from __future__ import annotations

import hashlib
import re

import orjson

from lateen.deliver.bundles.bundle import Bundle, File, Role, Target, json_bytes, modules
from lateen.xds.bootstrap import base_bootstrap
from lateen.xds.snapshot import TYPES, Config
from lateen.xds.static import Inliner

CERTIFICATE_POLL = "5s"
"""How often Envoy looks whether a certificate was renewed."""


def file_xds(target: Target) -> Bundle:
    """A folder that is complete but for the workload's own certificate (`certs/`, unless `LATEEN_CERT_DIR` is set)."""
    snapshot, folder = target.snapshot, target.key
    home = f"{target.at}/{folder}"
    inliner = Inliner(
        snapshot, secret=lambda name: {"name": name, "sds_config": _polled(f"{home}/{_secret_file(name)}")}
    )
    listeners, clusters = inliner.listeners(), inliner.clusters()
    secrets = [
        File(
            f"{folder}/{_secret_file(secret['name'])}",
            response("secrets", [secret]),
            0o600 if secret["name"] in snapshot.secrets else 0o644,
        )
        for secret in inliner.secrets()
    ]
    bootstrap = base_bootstrap(snapshot.proxy)
    bootstrap["dynamic_resources"] = {
        "lds_config": _watched(f"{home}/lds.json"),
        "cds_config": _watched(f"{home}/cds.json"),
    }
    return Bundle(
        (
            *modules(snapshot, f"{folder}/modules"),
            *secrets,
            File(f"{folder}/cds.json", response("clusters", clusters), role=Role.CLUSTERS),
            File(f"{folder}/lds.json", response("listeners", listeners), role=Role.AFTER),
            File(f"{folder}/bootstrap.json", json_bytes(bootstrap), role=Role.BOOTSTRAP),
        )
    )


def response(attribute: str, configs: list[Config]) -> bytes:
    """A DiscoveryResponse with these resources; its version is a hash of them."""
    found = [{"@type": TYPES[attribute]} | config for config in configs]
    version = hashlib.sha256(orjson.dumps(found)).hexdigest()[:16]
    return json_bytes({"version_info": version, "resources": found})


def _watched(path: str) -> Config:
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}


def _polled(path: str) -> Config:
    source = {"path": path, "poll_interval": CERTIFICATE_POLL}
    return {"path_config_source": source, "resource_api_version": "V3"}


def _secret_file(name: str) -> str:
    """A file name for an SDS name, which may hold a URL or paths; a hash keeps those apart that look alike."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
    return f"secrets/{plain if plain == name else f'{plain[:80]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}'}.json"
