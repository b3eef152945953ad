"""What is measured and logged: Telemetry resources."""

from __future__ import annotations

from dataclasses import dataclass

from lateen.model.identity import Ref, Selector


@dataclass(frozen=True, slots=True)
class TagOverride:
    """A change of one label: `operation` UPSERT (with a CEL `value`) or REMOVE."""

    tag: str
    operation: str = "UPSERT"
    value: str = ""


@dataclass(frozen=True, slots=True)
class MetricsOverride:
    """A change of metrics.

    `metric` is Istio's enum name (ALL_METRICS, REQUEST_COUNT ...) or a custom name;
    `mode` CLIENT_AND_SERVER, CLIENT or SERVER.
    """

    metric: str = "ALL_METRICS"
    custom: bool = False
    mode: str = "CLIENT_AND_SERVER"
    disabled: bool | None = None
    tags: tuple[TagOverride, ...] = ()


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics for providers (empty: the mesh's defaults)."""

    providers: tuple[str, ...] = ()
    overrides: tuple[MetricsOverride, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessLogging:
    """Access logs for providers; `mode` as above; `filter` is a CEL expression or empty."""

    providers: tuple[str, ...] = ()
    mode: str = "CLIENT_AND_SERVER"
    disabled: bool = False
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A Telemetry resource: root namespace, then namespace, then workload; later wins."""

    ref: Ref
    metrics: tuple[Metrics, ...] = ()
    access_logging: tuple[AccessLogging, ...] = ()
    selector: Selector = Selector()
    created: str = ""
