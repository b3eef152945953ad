"""Pods and pod templates: what runs, under which identity, and whether a sidecar stands beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lateen.model.context import Context
from lateen.model.fields import Fields
from lateen.model.from_annotations import proxy_config, sidecar_settings
from lateen.model.from_pod_spec import pod_spec
from lateen.model.workload import Workload

INJECT = "sidecar.istio.io/inject"
TEMPLATES = "inject.istio.io/templates"
TLS_MODE = "security.istio.io/tlsMode"
_FINISHED = ("Succeeded", "Failed")


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
    """The instances of one Deployment, StatefulSet or DaemonSet: `NAME-0`, `NAME-1` ..."""
    resource = body.resource
    spec = body.section("spec")
    template = spec.section("template")
    metadata = template.section("metadata")
    replicas = spec.integer("replicas")
    count = 1 if replicas is None or resource.kind == "DaemonSet" else replicas
    workload = _workload(template, context, metadata.labels("labels"), metadata.labels("annotations"))
    for index in range(count):
        yield replace(workload, name=f"{resource.name}-{index}", owner=resource.name)


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
    gateway = "gateway" in annotations.get(TEMPLATES, "").split(",")
    injected = _injected(spec, labels, annotations, namespace in context.uninjected)
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


def _injected(spec: Fields, labels: dict[str, str], annotations: dict[str, str], opted_out: bool) -> bool:
    if spec.flag("hostNetwork"):
        return False
    choice = (labels.get(INJECT) or annotations.get(INJECT) or "").lower()
    return choice == "true" if choice in ("true", "false") else not opted_out
