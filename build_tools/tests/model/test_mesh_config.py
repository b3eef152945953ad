"""MeshConfig: the defaults of Istio's code, and what is not compiled."""

from __future__ import annotations

from lateen.api.mesh_config import check_mesh_config
from lateen.api.mesh_config_shape import mesh_config as shape
from lateen.api.mesh_config_shape import proxy_config
from lateen.model.build import build
from lateen.model.from_mesh_config import mesh_config
from lateen.model.mesh_config import MeshConfig
from lateen.model.mesh_config_fields import ADMINISTRATIVE, COMPILED, PROXY_ADMINISTRATIVE, PROXY_COMPILED
from lateen.source.document import Source
from lateen.source.read import read

NOT_COMPILED = {
    "caCertificates",
    "compliancePolicy",
    "defaultHttpRetryPolicy",
    "disableEnvoyListenerLog",
    "dnsRefreshRate",
    "enableEnvoyAccessLogService",
    "enableTracing",
    "inboundClusterStatName",
    "inboundTrafficPolicy",
    "meshMTLS",
    "outboundClusterStatName",
    "serviceSettings",
    "tcpKeepalive",
    "tlsDefaults",
    "verifyCertificateAtClient",
}
PROXY_NOT_COMPILED = {
    "availabilityZone",
    "caCertificatesPem",
    "envoyAccessLogService",
    "envoyMetricsService",
    "envoyMetricsServiceAddress",
    "extraStatTags",
    "fileFlushInterval",
    "fileFlushMinSizeKb",
    "gatewayTopology",
    "privateKeyProvider",
    "proxyAdminPort",
    "proxyHeaders",
    "proxyStatsMatcher",
    "runtimeValues",
    "statsCompression",
    "statsEvictionInterval",
    "statsdUdpAddress",
    "tracing",
    "tracingServiceName",
    "zipkinAddress",
}


def test_an_empty_mesh_config_has_the_defaults_of_istio() -> None:
    assert mesh_config({}) == MeshConfig()


def test_settings_replace_defaults() -> None:
    config = mesh_config(
        {
            "trustDomain": "td",
            "trustDomainAliases": ["old"],
            "connectTimeout": "2s",
            "enableAutoMtls": False,
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            "pathNormalization": {"normalization": "MERGE_SLASHES"},
            "defaultProviders": {"metrics": ["m"], "accessLogging": []},
            "extensionProviders": [{"name": "p", "zipkin": {"port": 1}}],
            "localityLbSetting": {"distribute": [{"from": "a", "to": {"b": 30, "a": 70}}]},
            "defaultConfig": {"drainDuration": "1m5s"},
        }
    )
    assert config.drain_duration == 65.0
    assert (config.trust_domain, config.trust_domain_aliases, config.connect_timeout) == ("td", ("old",), 2.0)
    assert (config.enable_auto_mtls, config.outbound_mode) == (False, "REGISTRY_ONLY")
    assert config.path_normalization == "MERGE_SLASHES"
    assert (config.default_metrics, config.default_access_logging) == (("m",), ())
    assert config.locality_distribute == (("a", (("a", 70), ("b", 30))),)
    provider = config.provider("p")
    assert provider is not None
    assert (provider.kind, provider.config) == ("zipkin", {"port": 1})
    assert config.provider("prometheus") is not None
    assert config.provider("nobody") is None


def test_every_setting_is_compiled_or_administrative_or_reported() -> None:
    assert set(shape().fields) == COMPILED | ADMINISTRATIVE | NOT_COMPILED
    assert set(proxy_config().fields) == PROXY_COMPILED | PROXY_ADMINISTRATIVE | PROXY_NOT_COMPILED


def test_a_setting_that_is_not_compiled_is_named_where_it_stands() -> None:
    text = "rootNamespace: a\ndefaultConfig:\n  meshId: m\n  zipkinAddress: z\nenableTracing: true\n"
    text += "defaultProviders: {tracing: [zipkin]}\n"
    loaded = read(Source(text, "mesh.yaml"))
    config, _ = check_mesh_config(loaded.documents[0] if loaded.documents else text)
    _, findings = build((), config, "cluster.local", loaded.mesh_config)
    assert {(d.code, d.origin.field_path) for d in findings} == {
        ("LAT0202", "defaultConfig.zipkinAddress"),
        ("LAT0202", "enableTracing"),
        ("LAT0202", "defaultProviders.tracing"),
    }
    assert build((), {"enableTracing": False})[1] == ()
