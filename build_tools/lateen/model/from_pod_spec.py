"""The part of a pod template that a runtime needs to start its processes."""

from __future__ import annotations

from lateen.diagnostics.codes import model as codes
from lateen.model.fields import Fields
from lateen.model.pod import Container, EnvVar, PodSpec, Probe

_POD_FIELDS = ("serviceAccountName", "serviceAccount", "hostNetwork")
# What a single machine does by itself, or what has no bearing on processes.
_WITHOUT_EFFECT = (
    "automountServiceAccountToken",
    "dnsPolicy",
    "enableServiceLinks",
    "nodeName",
    "preemptionPolicy",
    "priority",
    "restartPolicy",
    "schedulerName",
    "tolerations",
)
_CONTAINER_WITHOUT_EFFECT = ("imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy")


def pod_spec(section: Fields) -> PodSpec:
    """Containers with their command, environment, ports and readiness; other fields by name and place."""
    section.ignore(*_POD_FIELDS, *_WITHOUT_EFFECT)
    built = tuple(_container(container) for container in section.sections("containers"))
    places = [section.resource.origin(*path, key=True) for path in section.unread()]
    return PodSpec(built, tuple((place.field_path, place) for place in places), section.origin())


def _container(section: Fields) -> Container:
    probe = section.section("readinessProbe")
    section.ignore(*_CONTAINER_WITHOUT_EFFECT)
    return Container(
        name=section.text("name"),
        image=section.text("image"),
        command=section.texts("command"),
        args=section.texts("args"),
        working_dir=section.text("workingDir"),
        env=tuple(_variable(item) for item in section.sections("env")),
        ports=tuple(_port(item) for item in section.sections("ports")),
        readiness=_probe(probe) if probe else None,
        origin=section.origin(),
    )


def _port(section: Fields) -> tuple[str, int]:
    section.ignore("protocol")
    number = section.integer("containerPort") or 0
    if not 1 <= number <= 65535:
        section.report(codes.INVALID_PORT, problem=f"containerPort {number} is not a port (1 to 65535)")
    return (section.text("name"), number)


def _variable(section: Fields) -> EnvVar:
    source = section.section("valueFrom")
    field_ref = source.section("fieldRef")
    field_ref.ignore("apiVersion")
    config_map, secret = source.section("configMapKeyRef"), source.section("secretKeyRef")
    return EnvVar(
        name=section.text("name"),
        value=section.text("value"),
        field_ref=field_ref.text("fieldPath"),
        config_map=(config_map.text("name"), config_map.text("key")) if config_map else None,
        secret=(secret.text("name"), secret.text("key")) if secret else None,
        optional=bool(config_map.flag("optional") or secret.flag("optional")),
        origin=section.origin(),
    )


def _probe(section: Fields) -> Probe | None:
    http, tcp = section.section("httpGet"), section.section("tcpSocket")
    target = http or tcp
    port = target.raw("port")
    if not isinstance(port, int | str):
        return None
    default = Probe(port)
    return Probe(
        port=int(port) if isinstance(port, str) and port.isdecimal() else port,
        http=http.text("path", "/") if http else "",
        scheme=http.text("scheme", "HTTP"),
        initial_delay=section.number("initialDelaySeconds") or 0.0,
        period=section.number("periodSeconds") or default.period,
        timeout=section.number("timeoutSeconds") or default.timeout,
        success_threshold=section.integer("successThreshold") or 1,
        failure_threshold=section.integer("failureThreshold") or default.failure_threshold,
    )
