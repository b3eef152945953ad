"""Which settings of MeshConfig shape a proxy here, and which do so in Istio alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import model as codes
from lateen.source.document import Document, field_path

DYNAMIC_DNS = "ALLOW_ANY_DYNAMIC_DNS"
RESOLUTION_BY_PROXY = "name resolution by the proxy, which ALLOW_ANY_DYNAMIC_DNS adds to ALLOW_ANY,"
"""What findings call the part of that mode which is not compiled: without it the mode is ALLOW_ANY."""

COMPILED = frozenset({
    "accessLogEncoding", "accessLogFile", "accessLogFormat", "connectTimeout", "defaultConfig",
    "defaultDestinationRuleExportTo", "defaultProviders", "defaultServiceExportTo", "defaultVirtualServiceExportTo",
    "enableAutoMtls", "extensionProviders", "h2UpgradePolicy", "localityLbSetting",
    "outboundTrafficPolicy", "pathNormalization", "protocolDetectionTimeout", "proxyHttpPort",
    "proxyInboundListenPort", "proxyListenPort", "rootNamespace", "trustDomain", "trustDomainAliases",
})  # fmt: skip

ADMINISTRATIVE = frozenset({
    "ca", "certificates", "configSources", "discoverySelectors", "enablePrometheusMerge", "ingressClass",
    "ingressControllerMode", "ingressSelector", "ingressService", "serviceScopeConfigs",
})  # fmt: skip
"""What tells a control plane how to work, and reaches no proxy."""

PROXY_COMPILED = frozenset({"interceptionMode", "meshId", "proxyMetadata"})

PROXY_ADMINISTRATIVE = frozenset({
    "binaryPath", "concurrency", "configPath", "controlPlaneAuthPolicy", "customConfigFile", "discoveryAddress",
    "discoveryRefreshDelay", "drainDuration", "holdApplicationUntilProxyStarts", "image", "parentShutdownDuration",
    "proxyBootstrapTemplatePath", "readinessProbe", "sds", "serviceCluster", "statNameLength", "statusPort",
    "terminationDrainDuration",
})  # fmt: skip
"""What tells Istio's agent and injector how to start a proxy."""


def uncompiled(config: Mapping[str, Any], document: Document | None = None) -> Iterator[Diagnostic]:
    """A finding for each setting that would shape a proxy in Istio and does not here; at its place in `document`."""
    paths: list[tuple[str, ...]] = [(name,) for name in config if name not in COMPILED | ADMINISTRATIVE]
    proxy = config.get("defaultConfig") or {}
    paths += [("defaultConfig", name) for name in proxy if name not in PROXY_COMPILED | PROXY_ADMINISTRATIVE]
    if (config.get("defaultProviders") or {}).get("tracing"):
        paths.append(("defaultProviders", "tracing"))
    policy = config.get("outboundTrafficPolicy") or {}
    if "tls" in policy:
        paths.append(("outboundTrafficPolicy", "tls"))
    if policy.get("mode") == DYNAMIC_DNS:
        paths.append(("outboundTrafficPolicy", "mode"))
    for path in paths:
        if path == ("enableTracing",) and not config["enableTracing"]:
            continue  # nothing is traced anyway
        name = field_path(path)
        place = Origin("", 0, 0, "MeshConfig", name)
        origin = document.origin(path, key=True, resource="MeshConfig") if document else place
        field = RESOLUTION_BY_PROXY if path[-1] == "mode" else name
        yield codes.FIELD_NOT_COMPILED.at(origin, field=field)
