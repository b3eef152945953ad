"""MeshConfig to the settings of the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lateen.model.durations import parse_duration
from lateen.model.mesh_config import MeshConfig, Provider

_DEFAULT = MeshConfig()


def mesh_config(body: Mapping[str, Any]) -> MeshConfig:
    """The settings that a MeshConfig gives, over the defaults of Istio's code. The input schema has checked it."""
    proxy = dict(body.get("defaultConfig") or {})
    normalization = (body.get("pathNormalization") or {}).get("normalization") or "DEFAULT"
    locality = body.get("localityLbSetting") or {}
    default_providers = body.get("defaultProviders") or {}
    return MeshConfig(
        root_namespace=body.get("rootNamespace") or _DEFAULT.root_namespace,
        trust_domain=body.get("trustDomain") or _DEFAULT.trust_domain,
        trust_domain_aliases=tuple(body.get("trustDomainAliases") or ()),
        enable_auto_mtls=body.get("enableAutoMtls", True) is not False,
        outbound_mode=(body.get("outboundTrafficPolicy") or {}).get("mode") or "ALLOW_ANY",
        connect_timeout=_seconds(body, "connectTimeout", _DEFAULT.connect_timeout),
        protocol_detection_timeout=_seconds(body, "protocolDetectionTimeout", 0.0),
        proxy_http_port=int(body.get("proxyHttpPort") or 0),
        proxy_listen_port=int(body.get("proxyListenPort") or _DEFAULT.proxy_listen_port),
        proxy_inbound_port=int(body.get("proxyInboundListenPort") or _DEFAULT.proxy_inbound_port),
        access_log_file=body.get("accessLogFile") or "",
        access_log_format=body.get("accessLogFormat") or "",
        access_log_encoding=body.get("accessLogEncoding") or "TEXT",
        ingress_service=body.get("ingressService") or _DEFAULT.ingress_service,
        ingress_selector=body.get("ingressSelector") or _DEFAULT.ingress_selector,
        default_metrics=_names(default_providers, "metrics"),
        default_access_logging=_names(default_providers, "accessLogging"),
        providers=tuple(p for p in map(_provider, body.get("extensionProviders") or ()) if p),
        path_normalization="BASE" if normalization == "DEFAULT" else normalization,
        default_service_export_to=frozenset(body.get("defaultServiceExportTo") or ("*",)),
        default_virtual_service_export_to=frozenset(body.get("defaultVirtualServiceExportTo") or ("*",)),
        default_destination_rule_export_to=frozenset(body.get("defaultDestinationRuleExportTo") or ("*",)),
        locality_enabled=locality.get("enabled", True) is not False,
        locality_distribute=tuple(
            (str(item.get("from", "")), tuple(sorted((str(k), int(v)) for k, v in (item.get("to") or {}).items())))
            for item in locality.get("distribute") or ()
        ),
        locality_failover=tuple((str(f.get("from", "")), str(f.get("to", ""))) for f in locality.get("failover") or ()),
        h2_upgrade_policy=body.get("h2UpgradePolicy") or "DO_NOT_UPGRADE",
        drain_duration=_seconds(proxy, "drainDuration", _DEFAULT.drain_duration),
        default_config=proxy,
    )


def _seconds(body: Mapping[str, Any], name: str, default: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    try:
        return parse_duration(str(value))
    except ValueError:  # reported by the check of MeshConfig's schema
        return default


def _names(section: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    value = section.get(name)
    return None if value is None else tuple(str(v) for v in value)


def _provider(body: Mapping[str, Any]) -> Provider | None:
    kind = next((key for key in body if key != "name"), "")
    return Provider(str(body["name"]), kind, dict(body[kind] or {})) if kind and body.get("name") else None
