"""References and rules across resources: what is valid document by document and still cannot work."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

UNKNOWN_HOST = Code(
    "LAT0301",
    Severity.ERROR,
    title="Destination host does not exist",
    message="the destination {host} is no service that {namespace} can see",
    why="There is no cluster to send the requests to: they get 503, or 500 where the route has weights.",
    example="route:\n- destination: {host: reveiws}",
    fix="route:\n- destination: {host: reviews}",
    istio="IST0101",
)

UNKNOWN_SUBSET = Code(
    "LAT0302",
    Severity.ERROR,
    title="Subset does not exist",
    message="no DestinationRule for {host} has a subset {subset}",
    why="There is no cluster of that name: the requests get 503.",
    example="route:\n- destination: {host: reviews, subset: v3}",
    fix="Add the subset to the DestinationRule of the host, or correct the name.",
    istio="IST0101",
)

UNKNOWN_PORT = Code(
    "LAT0303",
    Severity.ERROR,
    title="Port does not exist",
    message="{host} has no port {port}",
    why="There is no cluster for that port: the requests get 503.",
    example="route:\n- destination: {host: reviews, port: {number: 8080}}",
    fix="route:\n- destination: {host: reviews, port: {number: 9080}}",
    istio="IST0101",
)

PORT_REQUIRED = Code(
    "LAT0304",
    Severity.WARNING,
    title="Destination of several ports without a port",
    message="{host} has the ports {ports}; the destination does not say which",
    why="The port of the request is used. At a gateway, whose ports are others, that leads to a cluster that does not "
    "exist.",
    example="route:\n- destination: {host: reviews}",
    fix="route:\n- destination: {host: reviews, port: {number: 9080}}",
    istio="IST0112",
)

UNKNOWN_GATEWAY = Code(
    "LAT0305",
    Severity.ERROR,
    title="Gateway does not exist",
    message="there is no Gateway {gateway}",
    why="The route is bound to nothing, so no request ever follows it.",
    example="gateways: [shop-gatewya]",
    fix="gateways: [shop-gateway]",
    istio="IST0101",
)

GATEWAY_SELECTS_NOTHING = Code(
    "LAT0306",
    Severity.WARNING,
    title="Gateway selects no workload",
    message="no workload has the labels {labels}",
    why="No router serves these ports: connections are refused.",
    example="selector: {istio: ingressgatway}",
    fix="selector: {istio: ingressgateway}",
    istio="IST0101",
)

RULE_WITHOUT_HOST = Code(
    "LAT0307",
    Severity.WARNING,
    title="DestinationRule for a host that does not exist",
    message="no service has the host {host}",
    why="The rule has no effect, so the service that was meant keeps its defaults.",
    example="host: reveiws",
    fix="host: reviews",
    istio="IST0101",
)

UNUSED_SUBSET = Code(
    "LAT0308",
    Severity.INFO,
    title="Subset that no route uses",
    message="no route leads to subset {subset} of {host}",
    why="The subset costs a cluster in every proxy and changes nothing.",
    example="subsets: [{name: v3, labels: {version: v3}}]",
    fix="Route to the subset, or remove it.",
)

EMPTY_SUBSET = Code(
    "LAT0309",
    Severity.WARNING,
    title="Subset without workloads",
    message="no workload behind {host} has the labels {labels} of subset {subset}",
    why="Requests that a route sends to the subset get 503.",
    example="subsets: [{name: v3, labels: {version: v33}}]",
    fix="subsets: [{name: v3, labels: {version: v3}}]",
)

SELECTS_NOTHING = Code(
    "LAT0310",
    Severity.WARNING,
    title="Selector matches no workload",
    message="no workload in {namespace} has the labels {labels}",
    why="The resource has no effect; a policy that was meant to protect a workload does not.",
    example="selector:\n  matchLabels: {app: reveiws}",
    fix="selector:\n  matchLabels: {app: reviews}",
    istio="IST0127",
)

UNKNOWN_PRINCIPAL = Code(
    "LAT0311",
    Severity.WARNING,
    title="Principal that no workload has",
    message="no workload presents the principal {principal}",
    why="The rule never matches: an ALLOW policy then refuses whom it was meant to let in.",
    example="principals: [cluster.local/ns/shop/sa/wbe]",
    fix="principals: [cluster.local/ns/shop/sa/web]",
)

UNKNOWN_NAMESPACE = Code(
    "LAT0312",
    Severity.WARNING,
    title="Namespace without workloads",
    message="no workload runs in a namespace {namespace}",
    why="The rule never matches: an ALLOW policy then refuses whom it was meant to let in.",
    example="namespaces: [shpo]",
    fix="namespaces: [shop]",
    istio="IST0101",
)

WEIGHTS = Code(
    "LAT0313",
    Severity.WARNING,
    title="Weights do not sum to 100",
    message="the weights sum to {total}",
    why="Weights are shares of their sum, so each destination gets another percentage than the numbers say.",
    example="route:\n- destination: {host: a}\n  weight: 90\n- destination: {host: b}\n  weight: 5",
    fix="route:\n- destination: {host: a}\n  weight: 95\n- destination: {host: b}\n  weight: 5",
)

HOST_CLAIMED_TWICE = Code(
    "LAT0314",
    Severity.WARNING,
    title="Two VirtualServices for one host",
    message="{host} is routed by {winner} already, so its rules here are ignored",
    why="For the mesh's own calls the oldest VirtualService of a host wins; without creation times the name decides.",
    example="Two VirtualServices with hosts: [reviews] and no gateways.",
    fix="Put the rules into one VirtualService, or let one delegate to the other.",
    istio="IST0109",
)

SHARED_TCP_PORT = Code(
    "LAT0315",
    Severity.WARNING,
    title="TCP services that cannot be told apart",
    message="{host} and {other} have no address and share TCP port {port}",
    why="Without a host header only the address tells TCP connections apart. With redirection all of them go to the "
    "service that comes first. The process runtime gives each service a listener of its own and is not affected.",
    example="Two services without clusterIP, each with a port named tcp-db and numbered 5432.",
    fix="Give the services different ports, or addresses (clusterIP, or addresses of a ServiceEntry).",
)

SERVICE_SELECTS_NOTHING = Code(
    "LAT0316",
    Severity.WARNING,
    title="Service without workloads",
    message="no workload in {namespace} has the labels {labels}",
    why="The service has no endpoints: requests to it get 503.",
    example="selector: {app: reveiws}",
    fix="selector: {app: reviews}",
)

GATEWAY_CONFLICT = Code(
    "LAT0317",
    Severity.WARNING,
    title="Gateways that cannot share a port",
    message="the server is left out on port {port}: {reason} (see {winner})",
    why="A listener has one protocol, and one certificate for each host; the first gateway keeps the port.",
    example="A Gateway with an HTTP server and another with a TCP server, both on port 8080 of one router.",
    fix="Use different ports, or one Gateway with all hosts.",
    istio="IST0145",
)

GATEWAY_PORT_NOT_SERVED = Code(
    "LAT0318",
    Severity.WARNING,
    title="Gateway port that no Service offers",
    message="no Service in front of the workloads {labels} has port {port}",
    why="The router listens, but nothing that comes through its Service reaches the port.",
    example="servers:\n- port: {number: 8443, name: https, protocol: HTTPS}",
    fix="Add the port to the Service of the gateway.",
    istio="IST0162",
)

UNKNOWN_CREDENTIAL = Code(
    "LAT0319",
    Severity.WARNING,
    title="Secret does not exist",
    message="there is no Secret {name} in namespace {namespace}",
    why="The proxy waits for a certificate that never comes: TLS connections fail in the handshake.",
    example="tls: {mode: SIMPLE, credentialName: shop-tsl}",
    fix="Add the Secret to the namespace of the proxy that uses it, or correct the name.",
    istio="IST0101",
)

UNKNOWN_PROVIDER = Code(
    "LAT0320",
    Severity.WARNING,
    title="Extension provider does not exist",
    message="MeshConfig has no extensionProvider {provider}",
    why="Nothing is measured or logged for it; a CUSTOM policy with an unknown provider denies every request.",
    example="providers: [{name: promteheus}]",
    fix="providers: [{name: prometheus}]",
)

IGNORED_RESOURCE = Code(
    "LAT0321",
    Severity.WARNING,
    title="Second resource of its kind for one scope",
    message="{kind} {name} comes first for {scope}, so this one is ignored",
    why="Of resources for the same workloads the oldest wins, they are not merged; without creation times the name "
    "decides.",
    example="Two PeerAuthentications without selector in one namespace.",
    fix="Put the settings into one resource.",
    istio="IST0111",
)

UNREACHABLE_RULE = Code(
    "LAT0322",
    Severity.WARNING,
    title="Rule that no request reaches",
    message="the rule at {first} already takes every request",
    why="Rules are tried in order, and the earlier one matches everything.",
    example="http:\n- route: [{destination: {host: a}}]\n- match: [{uri: {prefix: /b}}]\n  "
    "route: [{destination: {host: b}}]",
    fix="Put the narrower rule first.",
    istio="IST0130",
)

UNKNOWN_FILTER = Code(
    "LAT0323",
    Severity.ERROR,
    title="Filter does not exist",
    message="the suite has no filter {name}",
    why="There is no module to load, so the extension is left out or, with FAIL_CLOSE, refuses every request.",
    example="url: lateen://tenant_contxt",
    fix="url: lateen://tenant_context",
)

FILTER_CONFIG = Code(
    "LAT0324",
    Severity.ERROR,
    title="Filter configuration does not fit",
    message="{problem}",
    why="The filter refuses its configuration when it starts, and its failure policy decides what requests get.",
    example="pluginConfig: {heaeder: x-tenant}",
    fix="pluginConfig: {header: x-tenant}",
)

ROUTE_WITHOUT_SERVER = Code(
    "LAT0325",
    Severity.WARNING,
    title="Route host that its gateway does not serve",
    message="{gateway} has no server for {host}",
    why="The gateway answers 404 for the host, or does not accept the connection at all.",
    example="A VirtualService with hosts: [shop.example] at a Gateway with hosts: [store.example].",
    fix="Add the host to a server of the Gateway, or correct it in the VirtualService.",
    istio="IST0132",
)
