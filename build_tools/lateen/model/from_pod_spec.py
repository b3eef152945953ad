"""The part of a pod template that a runtime needs to start its processes."""

from __future__ import annotations

from lateen.api.nearest import suggestion
from lateen.diagnostics import Origin
from lateen.diagnostics.codes import model as codes
from lateen.model.fields import Fields
from lateen.model.from_probe import probe
from lateen.model.from_volume import mounts, volumes
from lateen.model.pod import Container, EnvSource, EnvVar, PodSpec, User
from lateen.source.document import Path

_POD_FIELDS = ("serviceAccountName", "serviceAccount", "hostNetwork")
# What a single machine does by itself, or what has no bearing on processes.
_WITHOUT_EFFECT = (
    "affinity",
    "automountServiceAccountToken",
    "dnsPolicy",
    "enableServiceLinks",
    "imagePullSecrets",
    "nodeName",
    "nodeSelector",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "setHostnameAsFQDN",
    "tolerations",
    "topologySpreadConstraints",
)
# What Kubernetes has and runtimes may lack: told by the runtime that starts the pod.
_POD_UNSUPPORTED = (
    "activeDeadlineSeconds",
    "dnsConfig",
    "ephemeralContainers",
    "hostAliases",
    "hostIPC",
    "hostPID",
    "hostUsers",
    "hostname",
    "hostnameOverride",
    "os",
    "resourceClaims",
    "resources",
    "securityContext",
    "shareProcessNamespace",
    "subdomain",
)
_CONTAINER_WITHOUT_EFFECT = ("imagePullPolicy", "resizePolicy", "terminationMessagePath", "terminationMessagePolicy")
_CONTAINER_UNSUPPORTED = (
    "lifecycle",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "securityContext",
    "stdin",
    "stdinOnce",
    "tty",
    "volumeDevices",
)

_READ = (
    "containers", "initContainers", "volumes", "terminationGracePeriodSeconds", "name", "image", "command", "args",
    "workingDir", "env", "envFrom", "ports", "readinessProbe", "livenessProbe", "startupProbe", "volumeMounts",
)  # fmt: skip
"""What is read of pods and containers, for the sake of hints."""


def pod_spec(section: Fields) -> PodSpec:
    """What a runtime starts; the fields that none of them honours by name and place."""
    section.ignore(*_POD_FIELDS, *_WITHOUT_EFFECT)
    user = _user(section.section("securityContext"), User())
    init = tuple(_container(item, user, init=True) for item in section.sections("initContainers"))
    containers = tuple(_container(item, user) for item in section.sections("containers"))
    grace = section.number("terminationGracePeriodSeconds")
    return PodSpec(
        containers=containers,
        init=init,
        volumes=volumes(section),
        termination_grace=30.0 if grace is None else grace,
        unsupported=_unsupported(section, _POD_UNSUPPORTED),
        origin=section.origin(),
    )


def _unsupported(section: Fields, known: tuple[str, ...]) -> tuple[tuple[str, Origin], ...]:
    """The fields that nothing has read: those that Kubernetes has, while a name that it does not know is reported."""
    found: dict[Path, None] = {}
    depth = section.depth
    for path in section.settle():
        name = str(path[depth])
        if len(path) > depth + 1:  # part of a field that is known: the item of a list, else the field as a whole
            found[path[: depth + 3] if isinstance(path[depth + 1], int) else path[: depth + 1]] = None
        elif name in known:
            found[path] = None
        else:
            hint = suggestion(name, (*known, *_READ, *_POD_FIELDS, *_WITHOUT_EFFECT, *_CONTAINER_WITHOUT_EFFECT))
            section.report(codes.UNREAD, name, key=True, hint=hint, field=name, kind=section.resource.kind)
    places = [section.resource.origin(*path, key=True) for path in found]
    return tuple((place.field_path, place) for place in places)


def _container(section: Fields, user: User, *, init: bool = False) -> Container:
    section.ignore(*_CONTAINER_WITHOUT_EFFECT)
    return Container(
        name=section.text("name"),
        image=section.text("image"),
        command=section.texts("command"),
        args=section.texts("args"),
        working_dir=section.text("workingDir"),
        env=tuple(_variable(item) for item in section.sections("env")),
        env_from=tuple(source for item in section.sections("envFrom") if (source := _source(item))),
        ports=tuple(_port(item) for item in section.sections("ports")),
        readiness=probe(section.section("readinessProbe")),
        liveness=probe(section.section("livenessProbe")),
        startup=probe(section.section("startupProbe")),
        mounts=mounts(section),
        user=_user(section.section("securityContext"), user),
        sidecar=init and section.text("restartPolicy") == "Always",
        origin=section.origin(),
        unsupported=_unsupported(section, _CONTAINER_UNSUPPORTED),
    )


def _user(context: Fields, default: User) -> User:
    uid, gid = context.integer("runAsUser"), context.integer("runAsGroup")
    return User(default.uid if uid is None else uid, default.gid if gid is None else gid)


def _port(section: Fields) -> tuple[str, int]:
    section.ignore("protocol")
    number = section.integer("containerPort") or 0
    if not 1 <= number <= 65535:
        section.report(codes.INVALID_PORT, problem=f"containerPort {number} is not a port (1 to 65535)")
    return (section.text("name"), number)


def _variable(section: Fields) -> EnvVar:
    source = section.section("valueFrom")
    field_ref, resource_ref = source.section("fieldRef"), source.section("resourceFieldRef")
    field_ref.ignore("apiVersion")
    resource_ref.ignore("containerName", "divisor")
    config_map, secret = source.section("configMapKeyRef"), source.section("secretKeyRef")
    return EnvVar(
        name=section.text("name"),
        value=section.text("value"),
        field_ref=field_ref.text("fieldPath"),
        resource_ref=resource_ref.text("resource"),
        config_map=(config_map.text("name"), config_map.text("key")) if config_map else None,
        secret=(secret.text("name"), secret.text("key")) if secret else None,
        optional=bool(config_map.flag("optional") or secret.flag("optional")),
        origin=section.origin(),
    )


def _source(section: Fields) -> EnvSource | None:
    prefix = section.text("prefix")
    for kind, name in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
        if reference := section.section(name):
            optional = bool(reference.flag("optional"))
            return EnvSource(kind, reference.text("name"), prefix, optional, reference.origin())
    return None
