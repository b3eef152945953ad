"""LAT066x: what `lateen patch` says of an Envoy configuration that somebody else wrote."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

NOT_ENVOY = Code(
    "LAT0660",
    Severity.ERROR,
    "Not a configuration of Envoy",
    "{problem}",
    "What can be patched is a bootstrap, or a file of resources that Envoy reads by file xDS. Nothing was written.",
    example="lateen patch deployment.yaml --filter tenant_context=tenants.yaml",
    fix="name the file that Envoy starts with (`envoy -c FILE`), or the file that its lds_config names",
)
TEMPLATE = Code(
    "LAT0661",
    Severity.ERROR,
    "Template instead of a configuration",
    "{mark} is filled in by something else, before Envoy reads the file",
    "What the file will be is not known before it is rendered. Nothing was written.",
    example="port_value: {{ .Values.port }}",
    fix="render the template, and patch what comes of it",
)
NOT_V3 = Code(
    "LAT0662",
    Severity.ERROR,
    "Configuration of Envoy's v2 API",
    "{name} is of the v2 API, which Envoy has not had since 1.18",
    "The Envoys that run the suite's filters do not load it. Nothing was written.",
    example='"@type": type.googleapis.com/envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager',
    fix='"@type": type.googleapis.com/envoy.extensions.filters.network.'
    "http_connection_manager.v3.HttpConnectionManager",
)
NO_PLACE = Code(
    "LAT0663",
    Severity.ERROR,
    "Nothing to patch",
    "no {what} {where}",
    "Filters stand in HTTP connection managers, loggers in these and in TCP proxies. Nothing was written.",
    example="lateen patch bootstrap.yaml --filter tenant_context=tenants.yaml   # its listeners are in lds.yaml",
    fix="lateen patch bootstrap.yaml lds.yaml --filter tenant_context=tenants.yaml --out patched",
)
NAME_TAKEN = Code(
    "LAT0664",
    Severity.WARNING,
    "Filter cannot be put in",
    "{name}: {problem}",
    "What an earlier run put in is known by its name and type. What stands there is neither replaced nor doubled.",
    example="- {name: lateen.tenant_context, typed_config: {...}}   # a filter of your own",
    fix="give your own filter another name, or take it out",
)
UNKNOWN_TYPE = Code(
    "LAT0665",
    Severity.INFO,
    "Extension that the schema does not know",
    "{name} is kept as it is: Envoy {version} has no such message",
    "It is an extension of your own, of contrib, or of another version. Whether it is right is for your Envoy to say.",
    example='"@type": type.googleapis.com/envoy.extensions.filters.http.golang.v3alpha.Config',
    fix="--envoy PATH names the Envoy that runs it; its schema then holds",
)
REFUSED_BEFORE = Code(
    "LAT0666",
    Severity.WARNING,
    "Envoy refuses the configuration as it was",
    "Envoy refuses it without the patch too: {reason}",
    "It may name files or extensions that this machine does not have. What was put in has been held against the schema "
    "and was accepted by Envoy by itself.",
    example="proto_descriptor: /etc/envoy/shop.pb   # on a machine without that file",
    fix="run lateen patch where the Envoy runs, and with --envoy PATH, or ask that Envoy: envoy --mode validate",
)
COMMENTS = Code(
    "LAT0667",
    Severity.WARNING,
    "Comments are lost",
    "the file is written anew, without its comments",
    "Values, their order and what you chose not to set stay as they are; comments, anchors and the layout do not.",
    example="# edge proxy of the shop\nstatic_resources: ...",
    fix="--diff shows what changes; with --out FILE the original stays",
)
NO_METRICS = Code(
    "LAT0668",
    Severity.WARNING,
    "Metrics would not be seen",
    "{problem}",
    "Everything else is in place, but Prometheus would not find Istio's metrics.",
    example="a bootstrap without admin",
    fix="admin: {address: {socket_address: {address: 127.0.0.1, port_value: 15000}}}",
)
DOES_NOT_HOLD = Code(
    "LAT0669",
    Severity.ERROR,
    "Patched configuration does not hold",
    "the configuration holds without the patch, not with it: {problem}",
    "Nothing was written.",
    example="an Envoy that was built without Wasm, by --envoy",
    fix="mend what the message names; a stock Envoy has everything that the suite needs",
)
