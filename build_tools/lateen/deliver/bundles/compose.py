"""A compose file for one stock sidecar beside an application.

Accepted by docker-compose 1.29 and by Compose v2. As in a pod, a container that does nothing owns the network, so that
application and sidecar may be restarted on their own, and the application starts behind the redirection.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lateen.deliver.bundles.bundle import Bundle, File, Role, Target
from lateen.deliver.bundles.file_xds import file_xds
from lateen.deliver.redirection import INBOUND_SOURCES, PROXY_UID, nftables
from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes.bundles import NOT_COMPOSED
from lateen.emit import to_yaml
from lateen.model.injection import Redirection

_HEAD = """# {key}: an application and its sidecar. Written by lateen, and again by the next `lateen compile`: your own
# settings (ports, environment, networks) go into compose.override.yaml, which is never touched.
"""
_DOCKERFILE = """FROM alpine:3.22
RUN apk add --no-cache nftables
"""
_SCRIPT = f"""#!/bin/sh
# Redirects this network namespace to the sidecar; run again, it replaces its own rules.
set -eu
if [ "$(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6 2>/dev/null || echo 1)" = 0 ]; then
  ip -6 addr show dev lo | grep -q ' {INBOUND_SOURCES[1]}/128 ' || ip -6 addr add {INBOUND_SOURCES[1]}/128 dev lo
fi
exec nft -f "$(dirname "$0")/rules.nft"
"""
_NETWORK = "service:pod"
_TOOLS = {"build": "./redirection", "image": "${REDIRECTION_IMAGE:-lateen-redirection}"}


def compose(target: Target) -> Bundle:
    """The bundle of file xDS with `compose.yaml` and the redirection; a finding for a proxy that is no such sidecar."""
    if findings := tuple(_refused(target)):
        return Bundle(findings=findings)
    pod = target.workload.pod
    redirection = pod.redirection if pod else Redirection()
    bundle = file_xds(target)
    folder = target.key
    text = _HEAD.format(key=target.key) + to_yaml({"services": _services(target)})
    added = (
        File(f"{folder}/compose.yaml", text.encode(), role=Role.BOOTSTRAP),
        File(f"{folder}/redirection/Dockerfile", _DOCKERFILE.encode(), role=Role.BOOTSTRAP),
        File(f"{folder}/redirection/redirect.sh", _SCRIPT.encode(), 0o755, Role.BOOTSTRAP),
        File(f"{folder}/redirection/rules.nft", nftables(redirection).encode(), role=Role.BOOTSTRAP),
    )
    return replace(bundle, files=bundle.files + added)


def _services(target: Target) -> dict[str, Any]:
    home = f"{target.at}/{target.key}"
    redirected = {"redirection": {"condition": "service_completed_successfully"}}
    return {
        "pod": {**_TOOLS, "command": ["sleep", "infinity"], "stop_grace_period": "0s", "restart": "unless-stopped"},
        "redirection": {
            **_TOOLS,
            "network_mode": _NETWORK,
            "cap_drop": ["ALL"],
            "cap_add": ["NET_ADMIN"],
            "volumes": [f"./redirection:{home}/redirection:ro"],
            "command": ["sh", f"{home}/redirection/redirect.sh"],
            "restart": "no",
        },
        "sidecar": {
            "image": target.image,
            "network_mode": _NETWORK,
            "user": f"{PROXY_UID}:{PROXY_UID}",
            "cap_drop": ["ALL"],
            "volumes": [f".:{home}:ro"],
            "command": ["-c", f"{home}/bootstrap.json", "--disable-hot-restart", "--drain-strategy", "immediate"],
            "depends_on": redirected,
            "restart": "unless-stopped",
        },
        "app": {
            "image": _application(target),
            "network_mode": _NETWORK,
            "depends_on": redirected | {"sidecar": {"condition": "service_started"}},
            "restart": "unless-stopped",
        },
    }


def _application(target: Target) -> str:
    """A variable, with the image of the pod's first container as its default."""
    containers = target.workload.pod.containers if target.workload.pod else ()
    if containers and containers[0].image:
        return f"${{APP_IMAGE:-{containers[0].image}}}"
    return "${APP_IMAGE:?the image of the application}"


def _refused(target: Target) -> list[Diagnostic]:
    proxy = target.snapshot.proxy
    if proxy.kind == "router":
        reason = "it is a gateway, which has no application beside it"
    elif proxy.interception != "REDIRECT":
        reason = f"its interception mode is {proxy.interception}, not REDIRECT"
    else:
        return []
    return [NOT_COMPOSED.at(target.workload.ref.origin, proxy=target.key, reason=reason, hint=NOT_COMPOSED.fix)]
