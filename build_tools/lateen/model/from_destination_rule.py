"""DestinationRule: policies and subsets of a host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lateen.diagnostics.codes import model as codes
from lateen.model.checks import bounded, exclusive, port_number, valid_host, valid_name
from lateen.model.context import Context, visibility
from lateen.model.fields import Fields
from lateen.model.from_load_balancer import load_balancer
from lateen.model.traffic_policy import (
    ClientTls,
    ConnectionPool,
    DestinationRule,
    OutlierDetection,
    Subset,
    TcpKeepalive,
    TrafficPolicy,
)

_FILE_CERTIFICATES = ("clientCertificate", "privateKey", "caCertificates")


def destination_rules(body: Fields, context: Context) -> Iterator[DestinationRule]:
    """The rule of one DestinationRule; none if its host is unusable."""
    spec = body.section("spec")
    namespace = body.resource.namespace
    host = valid_host(spec, spec.text("host"), *(("host",) if "host" in spec else ()))
    rule = DestinationRule(
        ref=body.ref,
        host=context.host(host, namespace),
        policy=traffic_policy(spec.section("trafficPolicy")),
        subsets=_subsets(spec),
        export_to=visibility(spec.texts("exportTo"), context.config.default_destination_rule_export_to, namespace),
        selector=spec.selector("workloadSelector", "matchLabels"),
        created=body.resource.created,
    )
    if host:
        yield rule


def _subsets(spec: Fields) -> tuple[Subset, ...]:
    subsets: dict[str, Subset] = {}
    for section in spec.sections("subsets"):
        name = valid_name(section, "name", "subset name")
        subset = Subset(name, section.pairs("labels"), traffic_policy(section.section("trafficPolicy")))
        if name in subsets:
            section.report(codes.DUPLICATE, "name", problem=f"subset {name!r} is given twice")
        subsets.setdefault(name, subset)
    return tuple(subsets.values())


def traffic_policy(section: Fields) -> TrafficPolicy | None:
    """A trafficPolicy with its overrides by port; None if absent."""
    if not section:
        return None
    ports: dict[int, TrafficPolicy] = {}
    for settings in section.sections("portLevelSettings"):
        number = port_number(settings.section("port"))
        if number in ports:
            settings.report(codes.DUPLICATE, "port", problem=f"port {number} has two portLevelSettings")
        ports.setdefault(number, _settings(settings))
    tunnel = section.section("tunnel")
    budget = section.section("retryBudget")
    return replace(
        _settings(section),
        ports=tuple(sorted(ports.items())),
        proxy_protocol=section.section("proxyProtocol").text("version", "V1") if "proxyProtocol" in section else "",
        retry_budget=_retry_budget(budget) if budget else None,
        tunnel=_tunnel(tunnel) if tunnel else None,
    )


def _settings(section: Fields) -> TrafficPolicy:
    pool = section.section("connectionPool")
    outliers = section.section("outlierDetection")
    tls = section.section("tls")
    return TrafficPolicy(
        load_balancer=load_balancer(section.section("loadBalancer")),
        connection_pool=connection_pool(pool) if pool else None,
        outlier_detection=_outlier_detection(outliers) if outliers else None,
        tls=_client_tls(tls) if tls else None,
    )


def _retry_budget(section: Fields) -> tuple[float, int]:
    percent = section.number("percent")
    concurrency = section.integer("minRetryConcurrency")
    return (20.0 if percent is None else percent, 3 if concurrency is None else concurrency)


def _tunnel(section: Fields) -> tuple[str, str, int]:
    protocol = section.text("protocol", "CONNECT")
    if protocol not in ("CONNECT", "POST"):
        section.report(codes.INVALID_VALUE, "protocol", problem=f"{protocol!r} is neither CONNECT nor POST")
    host = valid_host(section, section.text("targetHost"), "targetHost", wildcard=False)
    return (protocol, host, port_number(section, "targetPort"))


def connection_pool(section: Fields) -> ConnectionPool:
    """The limits of a connectionPool."""
    tcp, http = section.section("tcp"), section.section("http")
    if not tcp and not http:
        section.report(codes.MISSING, problem="connectionPool has neither tcp nor http settings")
    keepalive = tcp.section("tcpKeepalive")
    if (http.integer("maxConcurrentStreams") or 0) < 0:
        section.report(
            codes.INVALID_VALUE, "http", "maxConcurrentStreams", problem="max concurrent streams is negative"
        )
    return ConnectionPool(
        max_connections=bounded(tcp, "maxConnections", 0),
        connect_timeout=tcp.duration("connectTimeout", minimum=0.001),
        tcp_keepalive=TcpKeepalive(
            keepalive.integer("probes"), keepalive.duration("time"), keepalive.duration("interval")
        )
        if keepalive
        else None,
        max_connection_duration=tcp.duration("maxConnectionDuration", minimum=0.001),
        tcp_idle_timeout=tcp.duration("idleTimeout"),
        http1_max_pending_requests=bounded(http, "http1MaxPendingRequests", 0),
        http2_max_requests=bounded(http, "http2MaxRequests", 0),
        max_requests_per_connection=bounded(http, "maxRequestsPerConnection", 0, 2**29),
        max_retries=bounded(http, "maxRetries", 0),
        idle_timeout=http.duration("idleTimeout"),
        h2_upgrade_policy=http.text("h2UpgradePolicy", "DEFAULT"),
        use_client_protocol=http.flag("useClientProtocol") or False,
        max_concurrent_streams=http.integer("maxConcurrentStreams"),
    )


def _outlier_detection(section: Fields) -> OutlierDetection:
    return OutlierDetection(
        split_external_local=section.flag("splitExternalLocalOriginErrors") or False,
        consecutive_local_failures=section.integer("consecutiveLocalOriginFailures"),
        consecutive_gateway_errors=section.integer("consecutiveGatewayErrors"),
        consecutive_5xx=section.integer("consecutive5xxErrors"),
        interval=section.duration("interval", minimum=0.001),
        base_ejection=section.duration("baseEjectionTime", minimum=0.001),
        max_ejection_percent=bounded(section, "maxEjectionPercent", 0, 100),
        min_health_percent=bounded(section, "minHealthPercent", 0, 100),
    )


def _client_tls(section: Fields) -> ClientTls:
    tls = ClientTls(
        mode=section.text("mode", "DISABLE"),
        client_certificate=section.text("clientCertificate"),
        private_key=section.text("privateKey"),
        ca_certificates=section.text("caCertificates"),
        ca_crl=section.text("caCrl"),
        credential_name=section.text("credentialName"),
        subject_alt_names=section.texts("subjectAltNames"),
        sni=section.text("sni"),
        insecure_skip_verify=section.flag("insecureSkipVerify") or False,
        origin=section.origin("credentialName"),
    )
    if tls.insecure_skip_verify and tls.mode in ("MUTUAL", "SIMPLE"):
        exclusive(section, "insecureSkipVerify", "caCertificates", "subjectAltNames")
    if tls.mode == "MUTUAL" and not tls.credential_name:
        missing = [name for name in ("clientCertificate", "privateKey") if not section.text(name)]
        if missing:
            section.report(codes.INVALID_TLS, problem=f"MUTUAL needs {' and '.join(missing)}, or credentialName")
    if tls.mode == "MUTUAL" and tls.credential_name:
        exclusive(section, "credentialName", *_FILE_CERTIFICATES)
    if tls.mode == "SIMPLE" and tls.credential_name and tls.ca_certificates:
        exclusive(section, "credentialName", "caCertificates")
    if tls.mode == "ISTIO_MUTUAL":
        for name in (*_FILE_CERTIFICATES, "credentialName"):
            if name in section:
                problem = f"ISTIO_MUTUAL uses the mesh's certificates, not {name}"
                section.report(codes.INVALID_TLS, name, key=True, problem=problem)
    return tls
