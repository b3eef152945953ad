"""MeshConfig and ProxyConfig: the settings of a whole mesh, which have no CustomResourceDefinition.

Names and types follow Istio's published reference of `istio.mesh.v1alpha1`. Messages that MeshConfig shares with a
kind are taken from that kind's schema.
"""

from __future__ import annotations

from functools import cache

from lateen.api.kinds import kinds
from lateen.api.shape import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    STRING_MAP,
    STRINGS,
    Shape,
    array,
    choice,
    map_of,
    record,
)

DURATION = Shape("string", format="duration")
_PORT = Shape("integer", minimum=0, maximum=65535)
_HEADERS = array(record(name=STRING, value=STRING, envName=STRING))
_SELECTOR = record(matchLabels=STRING_MAP, matchExpressions=array(record(key=STRING, operator=STRING, values=STRINGS)))
_TLS_VERSION = record(
    minProtocolVersion=choice("TLS_AUTO", "TLSV1_2", "TLSV1_3"), ecdhCurves=STRINGS, cipherSuites=STRINGS
)
_TRACE_CONTEXTS = array(choice("UNSPECIFIED", "W3C_TRACE_CONTEXT", "GRPC_BIN", "CLOUD_TRACE_CONTEXT", "B3"))
_LOG_FORMAT = record(text=STRING, labels=ANYTHING)
_BODY = record(maxRequestBytes=INTEGER, allowPartialMessage=BOOLEAN, packAsBytes=BOOLEAN)
_TAG_SOURCE = record(
    literal=record(value=STRING),
    environment=record(name=STRING, defaultValue=STRING),
    header=record(name=STRING, defaultValue=STRING),
    formatter=record(value=STRING),
)


@cache
def mesh_config() -> Shape:
    """The shape of MeshConfig."""
    retry = _of("VirtualService", "http", "[]", "retries")
    return record(
        accessLogEncoding=choice("TEXT", "JSON"),
        accessLogFile=STRING,
        accessLogFormat=STRING,
        ca=record(address=STRING, tlsSettings=_tls(), requestTimeout=DURATION, istiodSide=BOOLEAN),
        caCertificates=array(record(pem=STRING, spiffeBundleUrl=STRING, certSigners=STRINGS, trustDomains=STRINGS)),
        certificates=array(record(secretName=STRING, dnsNames=STRINGS)),
        compliancePolicy=STRING,
        configSources=array(record(address=STRING, tlsSettings=_tls(), subscribedResources=STRINGS)),
        connectTimeout=DURATION,
        defaultConfig=proxy_config(),
        defaultDestinationRuleExportTo=STRINGS,
        defaultHttpRetryPolicy=retry,
        defaultProviders=record(tracing=STRINGS, metrics=STRINGS, accessLogging=STRINGS),
        defaultServiceExportTo=STRINGS,
        defaultVirtualServiceExportTo=STRINGS,
        disableEnvoyListenerLog=BOOLEAN,
        discoverySelectors=array(_SELECTOR),
        dnsRefreshRate=DURATION,
        enableAutoMtls=BOOLEAN,
        enableEnvoyAccessLogService=BOOLEAN,
        enablePrometheusMerge=BOOLEAN,
        enableTracing=BOOLEAN,
        extensionProviders=array(_provider()),
        h2UpgradePolicy=choice("DO_NOT_UPGRADE", "UPGRADE"),
        inboundClusterStatName=STRING,
        inboundTrafficPolicy=record(mode=choice("PASSTHROUGH", "LOCALHOST")),
        ingressClass=STRING,
        ingressControllerMode=choice("UNSPECIFIED", "OFF", "DEFAULT", "STRICT"),
        ingressSelector=STRING,
        ingressService=STRING,
        localityLbSetting=_of("DestinationRule", "trafficPolicy", "loadBalancer", "localityLbSetting"),
        meshMTLS=_TLS_VERSION,
        outboundClusterStatName=STRING,
        outboundTrafficPolicy=record(mode=choice("REGISTRY_ONLY", "ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS"), tls=_tls()),
        pathNormalization=record(
            normalization=choice("DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
        ),
        protocolDetectionTimeout=DURATION,
        proxyHttpPort=_PORT,
        proxyInboundListenPort=_PORT,
        proxyListenPort=_PORT,
        rootNamespace=STRING,
        serviceScopeConfigs=array(
            record(namespaceSelector=_SELECTOR, servicesSelector=_SELECTOR, scope=choice("LOCAL", "GLOBAL"))
        ),
        serviceSettings=array(record(settings=record(clusterLocal=BOOLEAN), hosts=STRINGS)),
        tcpKeepalive=_keepalive(),
        tlsDefaults=_TLS_VERSION,
        trustDomain=STRING,
        trustDomainAliases=STRINGS,
        verifyCertificateAtClient=BOOLEAN,
    )


@cache
def proxy_config() -> Shape:
    """The shape of ProxyConfig: `defaultConfig`, and the annotation `proxy.istio.io/config`."""
    remote = record(address=STRING, tlsSettings=_tls(), tcpKeepalive=_keepalive())
    key_provider = record(pollDelay=DURATION, fallback=BOOLEAN)
    return record(
        availabilityZone=STRING,
        binaryPath=STRING,
        caCertificatesPem=STRINGS,
        concurrency=INTEGER,
        configPath=STRING,
        controlPlaneAuthPolicy=choice("NONE", "MUTUAL_TLS", "INHERIT"),
        customConfigFile=STRING,
        discoveryAddress=STRING,
        discoveryRefreshDelay=DURATION,
        drainDuration=DURATION,
        envoyAccessLogService=remote,
        envoyMetricsService=remote,
        envoyMetricsServiceAddress=STRING,
        extraStatTags=STRINGS,
        fileFlushInterval=DURATION,
        fileFlushMinSizeKb=INTEGER,
        gatewayTopology=_topology(),
        holdApplicationUntilProxyStarts=BOOLEAN,
        image=kinds()["networking.istio.io", "v1beta1", "ProxyConfig"].shape.at("spec", "image"),
        interceptionMode=choice("REDIRECT", "TPROXY", "NONE"),
        meshId=STRING,
        parentShutdownDuration=DURATION,
        privateKeyProvider=record(cryptomb=key_provider, qat=key_provider),
        proxyAdminPort=_PORT,
        proxyBootstrapTemplatePath=STRING,
        proxyHeaders=_proxy_headers(),
        proxyMetadata=STRING_MAP,
        proxyStatsMatcher=record(inclusionPrefixes=STRINGS, inclusionSuffixes=STRINGS, inclusionRegexps=STRINGS),
        readinessProbe=_of("WorkloadGroup", "probe"),
        runtimeValues=STRING_MAP,
        sds=record(enabled=BOOLEAN, k8sSaJwtPath=STRING),
        serviceCluster=STRING,
        statNameLength=INTEGER,
        statsCompression=BOOLEAN,
        statsEvictionInterval=DURATION,
        statsdUdpAddress=STRING,
        statusPort=_PORT,
        terminationDrainDuration=DURATION,
        tracing=_tracing(),
        tracingServiceName=choice("APP_LABEL_AND_NAMESPACE", "CANONICAL_NAME_ONLY", "CANONICAL_NAME_AND_NAMESPACE"),
        zipkinAddress=STRING,
    )


def _of(kind: str, *path: str) -> Shape:
    """A message that a networking kind has too."""
    return kinds()["networking.istio.io", "v1", kind].shape.at("spec", *path)


def _tls() -> Shape:
    return _of("DestinationRule", "trafficPolicy", "tls")


def _keepalive() -> Shape:
    return _of("DestinationRule", "trafficPolicy", "connectionPool", "tcp", "tcpKeepalive")


def _topology() -> Shape:
    details = ("UNDEFINED", "SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY")
    return record(numTrustedProxies=INTEGER, forwardClientCertDetails=choice(*details), proxyProtocol=record())


def _proxy_headers() -> Shape:
    toggle = record(disabled=BOOLEAN)
    parts = record(subject=BOOLEAN, cert=BOOLEAN, chain=BOOLEAN, dns=BOOLEAN, uri=BOOLEAN)
    return record(
        attemptCount=toggle,
        envoyDebugHeaders=toggle,
        forwardedClientCert=_topology().at("forwardClientCertDetails"),
        metadataExchangeHeaders=record(mode=choice("UNDEFINED", "IN_MESH")),
        preserveHttp1HeaderCase=BOOLEAN,
        requestId=toggle,
        server=record(disabled=BOOLEAN, value=STRING),
        setCurrentClientCertDetails=parts,
        xForwardedHost=record(enabled=BOOLEAN),
        xForwardedPort=record(enabled=BOOLEAN),
    )


def _tracing() -> Shape:
    return record(
        customTags=map_of(_TAG_SOURCE),
        datadog=record(address=STRING),
        enableIstioTags=BOOLEAN,
        lightstep=record(address=STRING, accessToken=STRING),
        maxPathTagLength=INTEGER,
        openCensusAgent=record(address=STRING, context=_TRACE_CONTEXTS),
        sampling=NUMBER,
        stackdriver=record(
            debug=BOOLEAN,
            maxNumberOfAnnotations=INTEGER,
            maxNumberOfAttributes=INTEGER,
            maxNumberOfMessageEvents=INTEGER,
        ),
        tlsSettings=_tls(),
        zipkin=record(address=STRING),
    )


def _provider() -> Shape:
    """An extension provider: a name, and one field that says what it is."""
    kinds_of_provider = {
        "envoyExtAuthzHttp": _service(
            pathPrefix=STRING,
            failOpen=BOOLEAN,
            clearRouteCache=BOOLEAN,
            statusOnError=STRING,
            timeout=DURATION,
            includeHeadersInCheck=STRINGS,
            includeRequestHeadersInCheck=STRINGS,
            includeAdditionalHeadersInCheck=STRING_MAP,
            includeRequestBodyInCheck=_BODY,
            headersToUpstreamOnAllow=STRINGS,
            headersToDownstreamOnDeny=STRINGS,
            headersToDownstreamOnAllow=STRINGS,
        ),
        "envoyExtAuthzGrpc": _service(
            failOpen=BOOLEAN,
            clearRouteCache=BOOLEAN,
            statusOnError=STRING,
            timeout=DURATION,
            includeRequestBodyInCheck=_BODY,
        ),
        "zipkin": _service(
            maxTagLength=INTEGER,
            enable64bitTraceId=BOOLEAN,
            path=STRING,
            timeout=DURATION,
            headers=_HEADERS,
            traceContextOption=choice("USE_B3", "USE_B3_WITH_W3C_PROPAGATION"),
        ),
        "lightstep": _service(accessToken=STRING, maxTagLength=INTEGER),
        "datadog": _service(maxTagLength=INTEGER),
        "skywalking": _service(accessToken=STRING),
        "opencensus": _service(context=_TRACE_CONTEXTS, maxTagLength=INTEGER),
        "opentelemetry": _opentelemetry(),
        "stackdriver": record(
            debug=BOOLEAN,
            maxNumberOfAnnotations=INTEGER,
            maxNumberOfAttributes=INTEGER,
            maxNumberOfMessageEvents=INTEGER,
            maxTagLength=INTEGER,
            logging=record(labels=STRING_MAP),
        ),
        "prometheus": record(),
        "sds": _service(name=STRING),
        "envoyFileAccessLog": record(
            path=STRING, logFormat=_LOG_FORMAT, omitEmptyValues=BOOLEAN, filterStateObjectsToLog=STRINGS
        ),
        "envoyHttpAls": _service(
            logName=STRING,
            filterStateObjectsToLog=STRINGS,
            additionalRequestHeadersToLog=STRINGS,
            additionalResponseHeadersToLog=STRINGS,
            additionalResponseTrailersToLog=STRINGS,
        ),
        "envoyTcpAls": _service(logName=STRING, filterStateObjectsToLog=STRINGS),
        "envoyOtelAls": _service(logName=STRING, logFormat=_LOG_FORMAT, filterStateObjectsToLog=STRINGS),
    }
    fields = {"name": STRING, **kinds_of_provider}
    return Shape("object", fields=fields, required=("name",), exclusive=(tuple(kinds_of_provider),))


def _opentelemetry() -> Shape:
    return _service(
        maxTagLength=INTEGER,
        http=record(path=STRING, timeout=DURATION, headers=_HEADERS),
        grpc=record(timeout=DURATION, initialMetadata=_HEADERS),
        resourceDetectors=record(environment=record(), dynatrace=record()),
        serviceAttributeEnrichment=choice("ISTIO_CANONICAL", "OTEL_SEMANTIC_CONVENTIONS"),
        dynatraceSampler=record(
            tenant=STRING,
            clusterId=INTEGER,
            rootSpansPerMinute=INTEGER,
            httpService=_service(http=record(path=STRING, timeout=DURATION, headers=_HEADERS)),
        ),
    )


def _service(**fields: Shape) -> Shape:
    """A provider behind a service of the mesh."""
    return record(service=STRING, port=_PORT, **fields)
