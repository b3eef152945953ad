"""What the documents mean: faults for which Istio's webhook rejects a document, and what is not compiled."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NOT_COMPILED_YET = Code(
    "LAT0201",
    Severity.WARNING,
    title="Kind is not compiled yet",
    message="{kind} {name} is not compiled yet, so it has no effect",
    why="The document is valid, but no proxy's configuration reflects it. Traffic behaves as if it were absent.",
    example="kind: EnvoyFilter",
    fix="Remove the document, or say the same with a kind that is compiled.",
)

FIELD_NOT_COMPILED = Code(
    "LAT0202",
    Severity.WARNING,
    title="Field is not compiled",
    message="{field} is not compiled, so it has no effect",
    why="The field is valid, but no proxy's configuration reflects it. Traffic behaves as if it were absent.",
    example="trafficPolicy:\n  loadBalancer:\n    backendUtilization: {}",
    fix="Remove the field.",
)

INVALID_DURATION = Code(
    "LAT0203",
    Severity.ERROR,
    title="Invalid duration",
    message="{problem}",
    why="Istio's webhook rejects the document: a timeout that cannot be read would be no timeout.",
    example="timeout: 5 seconds",
    fix="timeout: 5s",
)

INVALID_HOST = Code(
    "LAT0204",
    Severity.ERROR,
    title="Invalid host",
    message="{problem}",
    why="Istio's webhook rejects the document: no request can ever carry this host.",
    example="hosts: ['shop example']",
    fix="hosts: [shop.example]",
)

INVALID_PORT = Code(
    "LAT0205",
    Severity.ERROR,
    title="Invalid port",
    message="{problem}",
    why="Istio's webhook rejects the document: ports are numbers from 1 to 65535 with unique names.",
    example="port: {number: 80800, name: http, protocol: HTTP}",
    fix="port: {number: 8080, name: http, protocol: HTTP}",
)

MISSING = Code(
    "LAT0206",
    Severity.ERROR,
    title="Something required is missing",
    message="{problem}",
    why="Istio's webhook rejects the document: without this part it says nothing.",
    example="http:\n- match: [{uri: {prefix: /api}}]",
    fix="http:\n- match: [{uri: {prefix: /api}}]\n  route: [{destination: {host: api}}]",
)

INVALID_PERCENT = Code(
    "LAT0207",
    Severity.ERROR,
    title="Invalid percentage",
    message="{problem}",
    why="Istio's webhook rejects the document: a percentage lies between 0 and 100.",
    example="percentage: {value: 150}",
    fix="percentage: {value: 50}",
)

INVALID_WEIGHT = Code(
    "LAT0208",
    Severity.ERROR,
    title="Invalid weight",
    message="{problem}",
    why="Istio's webhook rejects the document: a weight is not negative, and a route needs some weight.",
    example="route:\n- destination: {host: a}\n  weight: -1",
    fix="route:\n- destination: {host: a}\n  weight: 100",
)

CONTRADICTION = Code(
    "LAT0209",
    Severity.ERROR,
    title="Fields that exclude each other",
    message="{problem}",
    why="Istio's webhook rejects the document: a proxy could do one of them, never both.",
    example="http:\n- redirect: {uri: /new}\n  route: [{destination: {host: a}}]",
    fix="http:\n- redirect: {uri: /new}",
)

DUPLICATE = Code(
    "LAT0210",
    Severity.ERROR,
    title="Given twice",
    message="{problem}",
    why="Istio's webhook rejects the document: which of the two is meant cannot be told.",
    example="subsets:\n- {name: v1, labels: {version: v1}}\n- {name: v1, labels: {version: v2}}",
    fix="subsets:\n- {name: v1, labels: {version: v1}}\n- {name: v2, labels: {version: v2}}",
)

INVALID_NAME = Code(
    "LAT0211",
    Severity.ERROR,
    title="Invalid name",
    message="{problem}",
    why="Istio's webhook rejects the document: the name becomes part of names in Envoy, which must be DNS labels.",
    example="subsets: [{name: Version_1}]",
    fix="subsets: [{name: version-1}]",
)

INVALID_MATCH = Code(
    "LAT0212",
    Severity.ERROR,
    title="Invalid match",
    message="{problem}",
    why="Istio's webhook rejects the document: such a condition can never be evaluated, or Envoy refuses it.",
    example="match: [{uri: {regex: '/items/('}}]",
    fix="match: [{uri: {regex: '/items/(a|b)'}}]",
)

INVALID_HEADER = Code(
    "LAT0213",
    Severity.ERROR,
    title="Invalid header",
    message="{problem}",
    why="Istio's webhook rejects the document: no HTTP message can carry this header.",
    example="headers: {request: {set: {'': a}}}",
    fix="headers: {request: {set: {x-source: a}}}",
)

INVALID_ADDRESS = Code(
    "LAT0214",
    Severity.ERROR,
    title="Invalid address",
    message="{problem}",
    why="Istio's webhook rejects the document: Envoy could neither bind nor reach it.",
    example="addresses: [10.0.0.300]",
    fix="addresses: [10.0.0.30]",
)

INVALID_STATUS = Code(
    "LAT0215",
    Severity.ERROR,
    title="Invalid status code",
    message="{problem}",
    why="Istio's webhook rejects the document: HTTP answers carry codes from 200 to 599.",
    example="directResponse: {status: 700}",
    fix="directResponse: {status: 503}",
)

INVALID_TLS = Code(
    "LAT0216",
    Severity.ERROR,
    title="TLS settings that do not fit together",
    message="{problem}",
    why="Istio's webhook rejects the document: the proxy would have no certificate to show, or none to check.",
    example="tls: {mode: SIMPLE}",
    fix="tls: {mode: SIMPLE, credentialName: shop-tls}",
)

INVALID_POLICY = Code(
    "LAT0217",
    Severity.ERROR,
    title="Policy that cannot be enforced",
    message="{problem}",
    why="Istio's webhook rejects the document: a policy that is read in another way than it was meant is worse than "
    "none.",
    example="action: CUSTOM\nrules: [{}]",
    fix="action: CUSTOM\nprovider: {name: my-authorizer}\nrules: [{}]",
)

INVALID_EXTENSION = Code(
    "LAT0218",
    Severity.ERROR,
    title="Extension that cannot be loaded",
    message="{problem}",
    why="Istio's webhook rejects the document: there is no filter to load.",
    example="wasm: {url: 'ftp://example.com/filter.wasm'}",
    fix="wasm: {url: 'oci://registry.example.com/filter:1.0'}",
)

INVALID_VALUE = Code(
    "LAT0219",
    Severity.ERROR,
    title="Value out of its range",
    message="{problem}",
    why="Istio's webhook rejects the document, or Envoy would reject what is compiled from it.",
    example="retries: {attempts: -1}",
    fix="retries: {attempts: 2}",
)

DELEGATE_MISSING = Code(
    "LAT0220",
    Severity.WARNING,
    title="Delegate does not exist",
    message="delegate VirtualService {name} does not exist or is not exported to {namespace}",
    why="The rule is left out: its requests go to the rules after it, or get 404.",
    example="http:\n- delegate: {name: missing}",
    fix="Create the VirtualService without hosts that the rule delegates to, or correct the name.",
)

DELEGATE_CONFLICT = Code(
    "LAT0221",
    Severity.WARNING,
    title="Delegate rule can never match",
    message="the rule's match contradicts every match of the delegating rule at {root}",
    why="A delegate's rule applies only where the match of the delegating rule holds as well; this one is left out.",
    example="A root rule with prefix /a that delegates to a rule with prefix /b.",
    fix="Let the delegate's match be narrower than that of the delegating rule: prefix /a/x.",
)

NO_ADDRESSES = Code(
    "LAT0222",
    Severity.INFO,
    title="Workloads without addresses",
    message="{count} workload instances have no address, so they are no endpoints",
    why="Pod templates do not say where their pods run. Without addresses the compiled clusters are empty and node ids "
    "say 0.0.0.0.",
    example="lateen compile DIR",
    fix="lateen compile DIR --place 192.0.2.0/24",
)

NETWORK_FULL = Code(
    "LAT0223",
    Severity.ERROR,
    title="Network too small",
    message="{network} has {free} free addresses, {needed} workload instances need one",
    why="A workload without an address is no endpoint, so some calls would have nowhere to go.",
    example="lateen compile DIR --place 192.0.2.0/30",
    fix="lateen compile DIR --place 192.0.2.0/24",
)

CIPHER_SUITE = Code(
    "LAT0224",
    Severity.WARNING,
    title="Unknown or repeated cipher suite",
    message="cipher suite {suite} is unknown or given twice, and left out",
    why="Envoy refuses a whole listener for one cipher suite that it does not know. As in Istio the others hold.",
    example="cipherSuites: [ECDHE-RSA-AES128-GCM]",
    fix="cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]",
)

INVALID_ANNOTATION = Code(
    "LAT0226",
    Severity.ERROR,
    title="Annotation that cannot be read",
    message="annotation {name}: {problem}",
    why="Istio's injection webhook rejects the pod: what traffic its sidecar should take cannot be told.",
    example="traffic.sidecar.istio.io/excludeOutboundPorts: redis",
    fix='traffic.sidecar.istio.io/excludeOutboundPorts: "6379"',
)

UNREAD = Code(
    "LAT0227",
    Severity.WARNING,
    title="Field of a Kubernetes object has no effect",
    message="{field} of this {kind} has no effect",
    why="Nothing here reads the field: it asks for something that a cluster does, or its name is misspelled.",
    example="kind: Service\nspec: {sessionAffinity: ClientIP}",
    fix="Say it with Istio's kinds (consistentHash of a DestinationRule), or remove the field.",
)

NOT_RUN = Code(
    "LAT0228",
    Severity.WARNING,
    title="Workload that is not run",
    message="{kind} {name} is not run",
    why="`up` runs what serves calls. What a Job would have prepared (a schema, data) is missing.",
    example="kind: Job",
    fix="Prepare it in an init container, or start it by hand.",
)

AMBIENT = Code(
    "LAT0229",
    Severity.WARNING,
    title="Ambient mode",
    message="label {label} asks for Istio's ambient mode, and pods get sidecars here",
    why="Without ztunnel and waypoints the label has no effect: every pod has a sidecar unless it opts out.",
    example="labels: {istio.io/dataplane-mode: ambient}",
    fix="labels: {istio-injection: enabled}",
)

CREDENTIALS_IN_URL = Code(
    "LAT0236",
    Severity.ERROR,
    title="Credentials in a URL",
    message="the URL holds credentials",
    why="A URL stands in lateen.lock, in messages and in the configuration that is printed; a password must not.",
    example="url: https://ci:hunter2@modules.example/auth.wasm",
    fix="url: https://modules.example/auth.wasm   # credentials by ~/.netrc, for a registry by imagePullSecret",
)
