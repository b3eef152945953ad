"""LAT044x: what assembling the listeners of one proxy finds."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

PORT_TAKEN = Code(
    "LAT0441",
    Severity.WARNING,
    "Port is taken by another service",
    "connections to port {port} of {host} reach {other}: nothing tells the two services apart",
    "Two services without an address of their own share a port on which at least one is not HTTP. The sidecar sees "
    "only the port, so the first service gets every connection.",
    example="# both are headless of addresses, both say\nports:\n- {name: tcp-db, port: 5432}",
    fix="Give the services different ports, or addresses of their own (clusterIP, or addresses of the ServiceEntry).",
)
PRIVILEGED_PORT = Code(
    "LAT0442",
    Severity.INFO,
    "Port below 1024 has no listener",
    "without interception port {port} has no listener of its own ({hosts})",
    "Without interception the proxy binds each port itself, and an ordinary user may not bind ports below 1024.",
    example="metadata: {INTERCEPTION_MODE: NONE}   # and a Service with port 80",
    fix="Call HTTP services through the proxy that `http_proxy` names; give TCP services a port of 1024 or above.",
)
SERVER_HOSTS_TAKEN = Code(
    "LAT0443",
    Severity.WARNING,
    "Hosts of a gateway server are taken",
    "the server {server} on port {port} asks for {hosts}, which an earlier chain of the port already takes",
    "Envoy chooses a chain by the name that the client asks for; two chains for one name would be refused, so the "
    "later one is left out.",
    example="# two servers on port 443, both with\nhosts: [shop.example]",
    fix="Give each host to one server of a port, or route both in one VirtualService.",
)
AUTO_PASSTHROUGH = Code(
    "LAT0444",
    Severity.WARNING,
    "AUTO_PASSTHROUGH is not served",
    "the server {server} on port {port} has the mode AUTO_PASSTHROUGH, which is not compiled",
    "This mode joins the networks of several clusters; there is no second network here that could ask for it.",
    example="tls: {mode: AUTO_PASSTHROUGH}",
    fix="Use PASSTHROUGH with a VirtualService that names the hosts, or leave the server out.",
)
CUSTOM_ACTION = Code(
    "LAT0445",
    Severity.WARNING,
    "CUSTOM authorization denies",
    "{policy} asks the provider {provider}; requests that it selects are denied",
    "The CUSTOM action needs an external authorizer, which is not compiled. As with a provider that Istio does not "
    "know, what the policy selects is refused rather than let through unasked.",
    example="action: CUSTOM\nprovider: {name: ext-authz}",
    fix="Express the rule as ALLOW or DENY, or remove the policy.",
)
LOG_PROVIDER = Code(
    "LAT0446",
    Severity.WARNING,
    "Access log provider is not emitted",
    "access logs for the provider {provider} ({kind}) are not emitted",
    "Logs go to files and standard output; providers that send to a collector by gRPC are left out.",
    example="extensionProviders:\n- name: otel\n  envoyOtelAls: {service: collector, port: 4317}",
    fix="Add an envoyFileAccessLog provider, and let the collector read the file.",
)
UNKNOWN_PROXY = Code(
    "LAT0447",
    Severity.ERROR,
    "No such proxy",
    "the mesh has no proxy {name}",
    "Sidecars are named after their workload, routers after their Deployment; a workload that opted out of injection "
    "has none.",
    example="lateen compile DIR --proxy web   # web is in the namespace shop",
    fix="Name it as `lateen proxies DIR` lists it: NAME.NAMESPACE, or NAME alone in the namespace default.",
)
