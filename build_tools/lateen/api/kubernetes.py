"""The Kubernetes kinds that a mesh is made of, as far as they are read.

Kubernetes has many more fields; they pass unseen. What is read must have its type, and what a later stage cannot do
without must be there. Written by hand from the Kubernetes API reference (v1).
"""

from __future__ import annotations

from dataclasses import replace

from lateen.api.shape import (
    ANYTHING,
    BOOLEAN,
    DNS_LABEL,
    DNS_SUBDOMAIN,
    INT_OR_STRING,
    INTEGER,
    PORT,
    RELATIVE_PATH,
    STRING,
    STRING_MAP,
    STRINGS,
    Shape,
    array,
    choice,
    map_of,
    partial,
    record,
)

METADATA = record(
    name=DNS_SUBDOMAIN,
    generateName=STRING,
    namespace=DNS_LABEL,
    labels=STRING_MAP,
    annotations=STRING_MAP,
    creationTimestamp=STRING,
    deletionTimestamp=STRING,
    deletionGracePeriodSeconds=INTEGER,
    generation=INTEGER,
    resourceVersion=STRING,
    uid=STRING,
    selfLink=STRING,
    clusterName=STRING,
    finalizers=STRINGS,
    ownerReferences=array(ANYTHING),
    managedFields=array(ANYTHING),
)
"""ObjectMeta is the same in every kind and small, so it is held complete: an unknown field of it is a mistake."""

_PROTOCOL = choice("TCP", "UDP", "SCTP")
_KEY_REFERENCE = partial("key", name=STRING, key=STRING, optional=BOOLEAN)
_ENV = partial(
    "name",
    name=STRING,
    value=STRING,
    valueFrom=partial(
        fieldRef=partial("fieldPath", fieldPath=STRING),
        configMapKeyRef=_KEY_REFERENCE,
        secretKeyRef=_KEY_REFERENCE,
        resourceFieldRef=ANYTHING,
    ),
)
_ENV_SOURCE = partial(name=STRING, optional=BOOLEAN)
_HTTP_HEADER = partial("name value", name=STRING, value=STRING)
_PROBE = partial(
    httpGet=partial(
        "port",
        path=STRING,
        port=INT_OR_STRING,
        host=STRING,
        scheme=choice("HTTP", "HTTPS"),
        httpHeaders=array(_HTTP_HEADER),
    ),
    tcpSocket=partial("port", port=INT_OR_STRING, host=STRING),
    grpc=partial("port", port=PORT, service=STRING),
    exec=partial(command=STRINGS),
    initialDelaySeconds=INTEGER,
    periodSeconds=INTEGER,
    timeoutSeconds=INTEGER,
    successThreshold=INTEGER,
    failureThreshold=INTEGER,
)
_CONTAINER = partial(
    "name",
    name=DNS_LABEL,
    image=STRING,
    command=STRINGS,
    args=STRINGS,
    workingDir=STRING,
    env=array(_ENV),
    envFrom=array(partial(prefix=STRING, configMapRef=_ENV_SOURCE, secretRef=_ENV_SOURCE)),
    ports=array(partial("containerPort", containerPort=PORT, name=STRING, protocol=_PROTOCOL)),
    readinessProbe=_PROBE,
    livenessProbe=_PROBE,
    startupProbe=_PROBE,
    volumeMounts=array(partial("name mountPath", name=STRING, mountPath=STRING, subPath=RELATIVE_PATH)),
)
_FILES = partial(items=array(partial("path", path=RELATIVE_PATH)))
_VOLUME_SOURCES = {"configMap": _FILES, "secret": _FILES, "downwardAPI": _FILES}
_VOLUME = partial(
    "name", name=DNS_LABEL, projected=partial(sources=array(partial(**_VOLUME_SOURCES))), **_VOLUME_SOURCES
)
_POD_SPEC = partial(
    "containers",
    containers=array(_CONTAINER),
    initContainers=array(_CONTAINER),
    serviceAccountName=STRING,
    serviceAccount=STRING,
    hostNetwork=BOOLEAN,
    nodeName=STRING,
    nodeSelector=STRING_MAP,
    volumes=array(_VOLUME),
)
_POD_STATUS = partial(phase=STRING, podIP=STRING, podIPs=array(partial(ip=STRING)), hostIP=STRING)
_TEMPLATE = partial("spec", metadata=METADATA, spec=_POD_SPEC)
_LABEL_SELECTOR = partial(
    matchLabels=STRING_MAP,
    matchExpressions=array(partial("key operator", key=STRING, operator=STRING, values=STRINGS)),
)
_CONTROLLER = partial(
    "spec",
    spec=partial("template", replicas=INTEGER, selector=_LABEL_SELECTOR, template=_TEMPLATE),
)
_SERVICE_PORT = partial(
    "port",
    name=STRING,
    port=PORT,
    targetPort=replace(INT_OR_STRING, minimum=1, maximum=65535),
    nodePort=INTEGER,
    protocol=_PROTOCOL,
    appProtocol=STRING,
)
_SERVICE = partial(
    spec=partial(
        type=choice("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
        selector=STRING_MAP,
        ports=array(_SERVICE_PORT),
        clusterIP=STRING,
        clusterIPs=STRINGS,
        externalIPs=STRINGS,
        externalName=STRING,
        ipFamilies=STRINGS,
        externalTrafficPolicy=choice("Cluster", "Local"),
        internalTrafficPolicy=choice("Cluster", "Local"),
        sessionAffinity=choice("None", "ClientIP"),
        trafficDistribution=STRING,
        publishNotReadyAddresses=BOOLEAN,
    ),
    status=partial(loadBalancer=partial(ingress=array(partial(ip=STRING, hostname=STRING)))),
)
_TARGET = partial(kind=STRING, name=STRING, namespace=STRING, uid=STRING)
_ENDPOINT_SLICE = partial(
    addressType=choice("IPv4", "IPv6", "FQDN"),
    endpoints=array(
        partial(
            "addresses",
            addresses=STRINGS,
            conditions=partial(ready=BOOLEAN, serving=BOOLEAN, terminating=BOOLEAN),
            hostname=STRING,
            nodeName=STRING,
            zone=STRING,
            targetRef=_TARGET,
        )
    ),
    ports=array(partial(name=STRING, port=PORT, protocol=_PROTOCOL, appProtocol=STRING)),
)
_ENDPOINT_ADDRESSES = array(partial("ip", ip=STRING, hostname=STRING, nodeName=STRING, targetRef=_TARGET))
_ENDPOINTS = partial(
    subsets=array(
        partial(
            addresses=_ENDPOINT_ADDRESSES,
            notReadyAddresses=_ENDPOINT_ADDRESSES,
            ports=array(partial("port", name=STRING, port=PORT, protocol=_PROTOCOL, appProtocol=STRING)),
        )
    )
)
_TEXTS = map_of(STRING, "file-name")
_BASE64 = map_of(Shape("string", format="byte"), "file-name")

KINDS: dict[tuple[str, str, str], Shape] = {
    ("", "v1", "Service"): _SERVICE,
    ("", "v1", "Pod"): partial("spec", spec=_POD_SPEC, status=_POD_STATUS),
    ("", "v1", "Endpoints"): _ENDPOINTS,
    ("", "v1", "ConfigMap"): partial(data=_TEXTS, binaryData=_BASE64),
    ("", "v1", "Secret"): partial(type=STRING, data=_BASE64, stringData=_TEXTS),
    ("", "v1", "ServiceAccount"): partial(),
    ("", "v1", "Namespace"): partial(),
    ("", "v1", "ReplicationController"): _CONTROLLER,
    ("apps", "v1", "Deployment"): _CONTROLLER,
    ("apps", "v1", "StatefulSet"): _CONTROLLER,
    ("apps", "v1", "DaemonSet"): _CONTROLLER,
    ("apps", "v1", "ReplicaSet"): _CONTROLLER,
    ("batch", "v1", "CronJob"): partial(),
    ("batch", "v1", "Job"): partial(),
    ("discovery.k8s.io", "v1", "EndpointSlice"): _ENDPOINT_SLICE,
    ("networking.k8s.io", "v1", "Ingress"): partial(),
    ("networking.k8s.io", "v1", "NetworkPolicy"): partial(),
}
"""By group, version and kind; without the fields that every kind has."""

CLUSTER_SCOPED = frozenset({"Namespace"})
