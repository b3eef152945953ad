"""LAT046x: what compiling for one proxy finds."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

CREDENTIAL_MISSING = Code(
    "LAT0461",
    Severity.WARNING,
    "Credential does not exist",
    "{user} names the credential {credential}, but no such Secret is in namespace {namespace}",
    "The proxy waits for a certificate that nobody serves: connections that need it fail in the handshake.",
    example="tls:\n  mode: SIMPLE\n  credentialName: shop-certificate   # no Secret of that name",
    fix="Add the Secret to the namespace of the proxy (not of the Gateway or DestinationRule), or correct the name.",
    istio="IST0101",
)
CREDENTIAL_INCOMPLETE = Code(
    "LAT0462",
    Severity.WARNING,
    "Credential lacks a key",
    "{secret}, which {user} names, has no {keys}",
    "A certificate needs its chain and its key, roots need a CA; without them no connection succeeds.",
    example="kind: Secret\ndata:\n  tls.crt: ...   # tls.key is missing",
    fix="Give the Secret tls.crt and tls.key (or cert and key); for roots ca.crt (or cacert).",
)
