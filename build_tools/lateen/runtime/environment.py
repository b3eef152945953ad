"""The environment of a container, as the kubelet makes it.

Source: Kubernetes' documentation of pods' `env`, the downward API and the variables of services.
"""

from __future__ import annotations

import platform
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from lateen.diagnostics import Diagnostic
from lateen.diagnostics.codes import runtime as codes
from lateen.model.mesh import Mesh
from lateen.model.pod import Container, EnvSource, EnvVar
from lateen.model.secret import Secret
from lateen.model.service import Service
from lateen.model.workload import Workload

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_VARIABLE = re.compile(r"[^=\0]+")
_NAMESPACE = uuid.UUID("6f0d0b52-1c9e-5c0c-9b7a-3f1f6f2d7a10")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable's value; unknown names stay as they are, and `$$` is a dollar sign."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        return "$" if name is None else variables.get(name, match[0])

    return _REFERENCE.sub(value, text)


def service_variables(mesh: Mesh, namespace: str, host: Callable[[Service], str]) -> dict[str, str]:
    """`NAME_SERVICE_HOST`, `NAME_SERVICE_PORT` and `NAME_SERVICE_PORT_PORTNAME` of the namespace's services.

    As in Kubernetes, headless services and those without a selector's address family (ExternalName) have none.
    `host` says where a service is reached; empty leaves it out.
    """
    variables: dict[str, str] = {}
    for service in mesh.services:
        if service.namespace != namespace or service.registry != "Kubernetes" or service.headless or service.alias_of:
            continue
        address = host(service)
        if not address or not service.ports:
            continue
        prefix = _variable(service.name)
        variables[f"{prefix}_SERVICE_HOST"] = address
        variables[f"{prefix}_SERVICE_PORT"] = str(service.ports[0].number)
        for port in service.ports:
            if port.name:
                variables[f"{prefix}_SERVICE_PORT_{_variable(port.name)}"] = str(port.number)
    return variables


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Objects:
    """The ConfigMaps and Secrets that environments refer to, by (kind, namespace, name)."""

    by_name: dict[tuple[str, str, str], Mapping[str, bytes]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, secrets: Iterable[Secret]) -> Objects:
        """Those of a mesh, with values in clear."""
        return cls(
            {
                (s.ref.kind, s.ref.namespace, s.ref.name): {key: value.reveal() for key, value in s.data.items()}
                for s in secrets
            }
        )

    def value(self, kind: str, namespace: str, name: str, key: str) -> str | None:
        """The value of a key as text; None if it does not exist or is no UTF-8 text."""
        data = self.by_name.get((kind, namespace, name), {}).get(key)
        try:
            return None if data is None else data.decode()
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables of one container while they are made, in the order that `$(NAME)` references see.

    `runtime` is what findings call it.
    """

    workload: Workload
    pod_ip: str
    objects: Objects
    variables: dict[str, str]
    runtime: str = "process"

    def add(self, container: Container) -> Iterator[Diagnostic]:
        """Add the container's own variables; they replace inherited ones of the same name, `env` those of `envFrom`."""
        for source in container.env_from:
            yield from self._add_all(source)
        for variable in container.env:
            value, finding = self._value(variable)
            if finding:
                yield finding
            elif value is not None:
                self.variables[variable.name] = value

    def _add_all(self, source: EnvSource) -> Iterator[Diagnostic]:
        data = self.objects.by_name.get((source.kind, self.workload.namespace, source.name))
        owner = self.workload.owner
        if data is None:
            if not source.optional:
                place = f"{source.kind} {source.name}"
                yield codes.MISSING_REFERENCE.at(source.origin, variable="envFrom", workload=owner, source=place)
            return
        for key in sorted(data):
            name = f"{source.prefix}{key}"
            value = self.objects.value(source.kind, self.workload.namespace, source.name, key)
            if value is None or not _VARIABLE.fullmatch(name):
                yield codes.KEY_NOT_A_VARIABLE.at(
                    source.origin, key=key, kind=source.kind, name=source.name, workload=owner
                )
            else:
                self.variables[name] = value

    def _value(self, variable: EnvVar) -> tuple[str | None, Diagnostic | None]:
        if variable.field_ref:
            value = self.field(variable.field_ref)
            if value is None:
                return None, codes.FIELD_UNKNOWN.at(
                    variable.origin, variable=variable.name, workload=self.workload.owner, field=variable.field_ref
                )
            return value, None
        if variable.resource_ref:
            finding = codes.NOT_HONOURED.at(
                variable.origin,
                field=f"{variable.name} (resourceFieldRef {variable.resource_ref})",
                workload=self.workload.owner,
                runtime=self.runtime,
            )
            return None, finding
        for kind, reference in (("ConfigMap", variable.config_map), ("Secret", variable.secret)):
            if reference is None:
                continue
            name, key = reference
            value = self.objects.value(kind, self.workload.namespace, name, key)
            if value is None and not variable.optional:
                return None, codes.MISSING_REFERENCE.at(
                    variable.origin,
                    variable=variable.name,
                    workload=self.workload.owner,
                    source=f"key {key!r} of {kind} {name}",
                )
            return value, None
        return expand(variable.value, self.variables), None

    def field(self, path: str) -> str | None:
        """What the downward API gives for a path (`metadata.name`); None if there is no such field."""
        workload = self.workload
        if found := _SUBSCRIPT.fullmatch(path):
            return (workload.labels if found[1] == "labels" else workload.annotations).get(found[2], "")
        fields = {
            "status.podIP": self.pod_ip,
            "status.podIPs": self.pod_ip,
            "status.hostIP": "127.0.0.1",
            "metadata.name": workload.name,
            "metadata.namespace": workload.namespace,
            "metadata.uid": str(uuid.uuid5(_NAMESPACE, workload.key)),
            "spec.serviceAccountName": workload.service_account,
            "spec.nodeName": platform.node(),
        }
        return fields.get(path)
