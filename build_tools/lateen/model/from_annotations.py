"""The annotations by which a pod speaks to Istio's injector.

Source: Istio's reference of resource annotations and the checks of its injection webhook, which refuses a pod whose
annotation it cannot read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any, TypeVar

from lateen.api.mesh_config_shape import proxy_config as proxy_config_shape
from lateen.diagnostics.codes import model as codes
from lateen.model.fields import Fields
from lateen.model.injection import Redirection, SidecarSettings
from lateen.model.mesh_config_fields import PROXY_ADMINISTRATIVE, PROXY_COMPILED

INTERCEPTION = "sidecar.istio.io/interceptionMode"
PROXY_CONFIG = "proxy.istio.io/config"
REWRITE_PROBES = "sidecar.istio.io/rewriteAppHTTPProbers"
TRAFFIC = "traffic.sidecar.istio.io/"
_MODES = ("REDIRECT", "TPROXY", "NONE")
_WITHOUT_EFFECT = ("sidecar.istio.io/status", "sidecar.istio.io/proxyImage", "sidecar.istio.io/proxyImageType")
_READ = ("sidecar.istio.io/inject", INTERCEPTION, REWRITE_PROBES, *_WITHOUT_EFFECT)

_T = TypeVar("_T")


def proxy_config(metadata: Fields) -> dict[str, Any]:
    """The ProxyConfig of the annotation, held against its schema; settings that nothing reads are reported."""
    given = metadata.embedded("annotations", PROXY_CONFIG, shape=proxy_config_shape())
    for name in given:
        if name not in PROXY_COMPILED | PROXY_ADMINISTRATIVE:
            field = f"{name} of {PROXY_CONFIG}"
            metadata.report(codes.FIELD_NOT_COMPILED, "annotations", PROXY_CONFIG, field=field)
    return given


def sidecar_settings(
    metadata: Fields, own: Mapping[str, Any], default: Mapping[str, Any]
) -> tuple[SidecarSettings, Redirection]:
    """What a pod asks of its sidecar: its annotations, its ProxyConfig (`own`), and the mesh's (`default`)."""
    annotations = _Annotations(metadata)
    annotations.read(INTERCEPTION, _mode)
    merged = {**default, **own}
    settings = SidecarSettings(
        concurrency=merged.get("concurrency"),
        hold_application=merged.get("holdApplicationUntilProxyStarts") is True,
        rewrite_probes=annotations.read(REWRITE_PROBES, _boolean) is not False,
    )
    redirection = Redirection(
        outbound_networks=annotations.read(f"{TRAFFIC}includeOutboundIPRanges", _all_or(_networks)),
        excluded_outbound_networks=annotations.read(f"{TRAFFIC}excludeOutboundIPRanges", _networks) or (),
        outbound_ports=annotations.read(f"{TRAFFIC}includeOutboundPorts", _ports) or (),
        excluded_outbound_ports=annotations.read(f"{TRAFFIC}excludeOutboundPorts", _ports) or (),
        inbound_ports=annotations.read(f"{TRAFFIC}includeInboundPorts", _all_or(_ports)),
        excluded_inbound_ports=annotations.read(f"{TRAFFIC}excludeInboundPorts", _ports) or (),
        excluded_interfaces=annotations.read(f"{TRAFFIC}excludeInterfaces", _words) or (),
    )
    annotations.report_unread()
    return settings, redirection


class _Annotations:
    """The annotations of one pod, and which of them were read."""

    def __init__(self, metadata: Fields) -> None:
        self._metadata, self._texts = metadata, metadata.labels("annotations")
        self._read = set(_READ)

    def read(self, name: str, parse: Callable[[str], _T]) -> _T | None:
        """The value of an annotation; None if it is absent or, with a finding, if it cannot be read."""
        self._read.add(name)
        text = self._texts.get(name)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self._metadata.report(codes.INVALID_ANNOTATION, "annotations", name, name=name, problem=error)
            return None

    def report_unread(self) -> None:
        """A finding for each annotation by which a sidecar would be another in Istio."""
        for name in sorted(self._texts.keys() - self._read):
            if name.startswith((TRAFFIC, "sidecar.istio.io/", "readiness.status.sidecar.istio.io/")):
                self._metadata.report(codes.FIELD_NOT_COMPILED, "annotations", name, key=True, field=name)


def _mode(text: str) -> str:
    if text not in _MODES:
        raise ValueError(f"{text!r} is not one of {', '.join(_MODES)}")
    return text


def _boolean(text: str) -> bool:
    """As Go's strconv.ParseBool."""
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _ports(text: str) -> tuple[int, ...]:
    for word in _words(text):
        if not word.isdecimal() or int(word) > 65535:
            raise ValueError(f"{word!r} is not a port")
    return tuple(int(word) for word in _words(text))


def _networks(text: str) -> tuple[str, ...]:
    for word in _words(text):
        if "/" not in word:
            raise ValueError(f"{word!r} is not a CIDR block such as 10.0.0.0/8")
        ip_network(word, strict=False)
    return _words(text)


def _all_or(parse: Callable[[str], tuple[_T, ...]]) -> Callable[[str], tuple[_T, ...] | None]:
    """`*` is all, which is None."""
    return lambda text: None if text.strip() == "*" else parse(text)
