"""Pods and pod templates: what runs, under which identity, and whether a sidecar stands beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lateen.api.resource import Resource
from lateen.diagnostics.codes import model as codes
from lateen.model.context import Context
from lateen.model.fields import Fields
from lateen.model.from_annotations import proxy_config, sidecar_settings
from lateen.model.from_pod_spec import pod_spec
from lateen.model.workload import Workload

INJECT = "sidecar.istio.io/inject"
TEMPLATES = "inject.istio.io/templates"
_TEMPLATES = ("gateway", "sidecar")
TLS_MODE = "security.istio.io/tlsMode"
INJECTION = "istio-injection"
AMBIENT = ("istio.io/dataplane-mode", "istio.io/use-waypoint")
_FINISHED = ("Succeeded", "Failed")
_SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")

_CONTROLLER_WITHOUT_EFFECT = (
    "minReadySeconds",
    "ordinals",
    "paused",
    "persistentVolumeClaimRetentionPolicy",
    "podManagementPolicy",
    "progressDeadlineSeconds",
    "revisionHistoryLimit",
    "selector",
    "serviceName",
    "strategy",
    "updateStrategy",
)
"""How a cluster rolls out and names pods; `selector` only repeats labels of the template."""


def pods(body: Fields, context: Context) -> Iterator[Workload]:
    """The workload of one Pod; a finished one is none."""
    resource = body.resource
    status = body.section("status")
    if status.text("phase") in _FINISHED:
        return
    owner = body.section("metadata").sections("ownerReferences")
    workload = _workload(body, context, dict(resource.labels), dict(resource.annotations))
    addresses = tuple(item.text("ip") for item in status.sections("podIPs")) or (status.text("podIP"),)
    yield replace(
        workload,
        name=resource.name,
        owner=_owner_name(owner[0].text("kind"), owner[0].text("name")) if owner else resource.name,
        addresses=tuple(a for a in addresses if a),
        ready=all(c.text("status") == "True" for c in status.sections("conditions") if c.text("type") == "Ready"),
    )


def pod_templates(body: Fields, context: Context) -> Iterator[Workload]:
    """The instances of one controller (Deployment, StatefulSet ...): `NAME-0`, `NAME-1` ...; a DaemonSet has one."""
    resource = body.resource
    spec = body.section("spec")
    spec.ignore(*_CONTROLLER_WITHOUT_EFFECT)
    template = spec.section("template")
    metadata = template.section("metadata")
    replicas = spec.integer("replicas")
    count = 1 if replicas is None or resource.kind == "DaemonSet" else replicas
    workload = _workload(template, context, metadata.labels("labels"), metadata.labels("annotations"))
    metadata.settle()
    for index in range(count):
        yield replace(workload, name=f"{resource.name}-{index}", owner=resource.name)


def jobs(body: Fields, _context: Context) -> Iterator[Workload]:
    """No workload: what runs to its end and serves nobody is told and not run."""
    resource = body.resource
    body.ignore("spec")
    body.report(codes.NOT_RUN, kind=resource.kind, name=f"{resource.namespace}/{resource.name}")
    return iter(())


def namespaces(body: Fields, _context: Context) -> Iterator[Workload]:
    """No workload: a Namespace counts by its labels, for the pods in it."""
    body.ignore("spec")
    _report_ambient(body, dict(body.resource.labels), "metadata", "labels")
    return iter(())


def uninjected(resources: Iterable[Resource]) -> frozenset[str]:
    """The namespaces whose pods get no sidecar: those labelled so, and those that Istio's injector leaves alone."""
    named = (r.name for r in resources if r.kind == "Namespace" and r.labels.get(INJECTION) == "disabled")
    return frozenset((*named, *_SYSTEM_NAMESPACES))


def _report_ambient(body: Fields, labels: dict[str, str], *path: str) -> None:
    """What Istio's other data plane mode would do instead of sidecars."""
    for label in AMBIENT:
        if labels.get(label) not in (None, "", "none"):
            body.report(codes.AMBIENT, *path, label, key=True, label=f"{label}: {labels[label]}")


def _owner_name(kind: str, name: str) -> str:
    """A ReplicaSet is named after its Deployment and a hash."""
    return name.rpartition("-")[0] or name if kind == "ReplicaSet" else name


def _workload(body: Fields, context: Context, labels: dict[str, str], annotations: dict[str, str]) -> Workload:
    """The workload of a pod or pod template in `body`; its name and owner are still to be given."""
    spec = body.section("spec")
    namespace = body.resource.namespace
    metadata = body.section("metadata")
    own = proxy_config(metadata)
    settings, redirection = sidecar_settings(metadata, own, context.config.default_config)
    service_account = spec.text("serviceAccountName") or spec.text("serviceAccount") or "default"
    pod = replace(pod_spec(spec), sidecar=settings, redirection=redirection)
    _report_ambient(metadata, labels, "labels")
    templates = [name.strip() for name in annotations.get(TEMPLATES, "").split(",") if name.strip()]
    gateway = "gateway" in templates
    for name in templates:
        if name not in _TEMPLATES:
            metadata.report(codes.FIELD_NOT_COMPILED, "annotations", TEMPLATES, field=f"template {name} of {TEMPLATES}")
    injected = _injected(spec, metadata, labels, annotations, namespace in context.uninjected)
    return Workload(
        name="",
        namespace=namespace,
        owner="",
        ref=body.ref,
        service_account=service_account,
        injected=injected,
        gateway=gateway and injected,
        # Istio's sidecar template sets the label, its gateway template does not: a router terminates what its
        # servers say, so that clients speak mesh mTLS to it only where a DestinationRule tells them to.
        tls_mode=labels.get(TLS_MODE) or ("istio" if injected and not gateway else "disabled"),
        locality=labels.get("istio-locality", "").replace(".", "/"),
        network=labels.get("topology.istio.io/network", ""),
        labels=labels,
        annotations=annotations,
        named_ports={name: number for container in pod.serving for name, number in container.ports if name},
        proxy_config=own,
        pod=pod,
    )


def _injected(
    spec: Fields, metadata: Fields, labels: dict[str, str], annotations: dict[str, str], opted_out: bool
) -> bool:
    """Whether a pod gets a sidecar: the namespace and the pod can each opt out, and neither overrules the other.

    Source: Istio's injector (`injectRequired`) and the selectors of its webhook; where neither says anything, as if
    `enableNamespacesByDefault` were set. The label wins over the annotation, and a value that is neither true nor false
    counts as none. A revision label (`istio.io/rev`) asks for injection by one of several control planes, and here
    there is one.
    """
    place, given = ("labels", labels) if INJECT in labels else ("annotations", annotations)
    choice = given.get(INJECT, "")
    if choice not in ("", "true", "false"):
        hint = 'it is "true" or "false", in lower case'
        kind = metadata.resource.kind
        metadata.report(codes.UNREAD, place, INJECT, hint=hint, field=f"{INJECT}: {choice}", kind=kind)
    return not (spec.flag("hostNetwork") or opted_out or choice == "false")
