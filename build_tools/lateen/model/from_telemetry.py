"""Telemetry: metrics and access logging."""

from __future__ import annotations

from collections.abc import Iterator

from lateen.diagnostics.codes import model as codes
from lateen.model.context import Context
from lateen.model.fields import Fields
from lateen.model.telemetry import AccessLogging, Metrics, MetricsOverride, TagOverride, Telemetry

BOTH = "CLIENT_AND_SERVER"


def telemetries(body: Fields, _context: Context) -> Iterator[Telemetry]:
    """The measures of one Telemetry; none if it is for a Gateway of the Gateway API."""
    spec = body.section("spec")
    telemetry = Telemetry(
        ref=body.ref,
        metrics=tuple(_metrics(section) for section in spec.sections("metrics")),
        access_logging=tuple(_access_logging(section) for section in spec.sections("accessLogging")),
        selector=spec.selector("selector", "matchLabels"),
        created=body.resource.created,
    )
    if not spec.attached():
        yield telemetry


def _providers(section: Fields) -> tuple[str, ...]:
    return tuple(provider.text("name") for provider in section.sections("providers"))


def _metrics(section: Fields) -> Metrics:
    return Metrics(_providers(section), tuple(_override(item) for item in section.sections("overrides")))


def _override(section: Fields) -> MetricsOverride:
    match = section.section("match")
    metric, custom = match.text("metric", "ALL_METRICS"), match.text("customMetric")
    if custom:  # only EnvoyFilter could define one
        match.report(codes.FIELD_NOT_COMPILED, "customMetric", key=True, field=f"{match.path}.customMetric")
    return MetricsOverride(
        metric=custom or metric,
        custom=bool(custom),
        mode=match.text("mode", BOTH),
        disabled=section.flag("disabled"),
        tags=tuple(_tag(name, item) for name, item in section.entries("tagOverrides")),
    )


def _tag(name: str, section: Fields) -> TagOverride:
    operation, value = section.text("operation", "UPSERT"), section.text("value")
    if operation == "UPSERT" and not value:
        section.report(codes.MISSING, problem=f"tag {name} has no value; UPSERT needs one")
    if operation == "REMOVE" and value:
        section.report(codes.CONTRADICTION, "value", key=True, problem=f"tag {name} is removed and has a value")
    return TagOverride(name, operation, value)


def _access_logging(section: Fields) -> AccessLogging:
    return AccessLogging(
        providers=_providers(section),
        mode=section.section("match").text("mode", BOTH),
        disabled=section.flag("disabled") or False,
        filter=section.section("filter").text("expression"),
    )
