"""LAT063x: filters as images in a registry."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

BAD_REFERENCE = Code(
    "LAT0630",
    Severity.ERROR,
    "Broken image reference",
    "{reference} names no image: {problem}",
    "An image is named as HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST], as for docker and in WasmPlugin.",
    example="lateen filters pull ghcr.io/Shop/hmac_auth:1.0",
    fix="lateen filters pull ghcr.io/shop/hmac_auth:1.0",
)
UNREACHABLE = Code(
    "LAT0631",
    Severity.ERROR,
    "Registry cannot be reached",
    "{registry} cannot be reached: {reason}",
    "Nothing was written or changed here. What a push had sent before is in the registry without a name.",
    example="lateen filters pull registry.invalid/shop/hmac_auth:1.0",
    fix="Name a registry that answers; HTTPS_PROXY and REQUESTS_CA_BUNDLE are honoured. One on another machine that "
    "speaks plain HTTP needs --plain-http.",
)
DENIED = Code(
    "LAT0632",
    Severity.ERROR,
    "Registry denies access",
    "{registry} denies {what}: {reason}",
    "The login of the Docker configuration, or its absence, does not suffice.",
    example="lateen filters push hmac_auth ghcr.io/shop/hmac_auth:1.0   # without docker login ghcr.io",
    fix="Log in with `docker login HOST` (podman and oras write the same file), with an account that may do this.",
)
REFUSED = Code(
    "LAT0633",
    Severity.ERROR,
    "Registry does not do what is asked",
    "{registry} does not give or take {what}: {reason}",
    "The registry answers, but has no such image, or did not keep to the protocol.",
    example="lateen filters pull ghcr.io/shop/hmac_auth:1.O   # a letter for the zero",
    fix="Name a tag or digest that exists; see the registry's log for the rest.",
)
WRONG_DIGEST = Code(
    "LAT0634",
    Severity.ERROR,
    "Content has another digest than it should",
    "{what} has the digest {actual}, not {expected}",
    "Somebody changed the content, or the transfer damaged it. It is not used, and nothing was written.",
    example="a registry, or something on the way to it, that gives other bytes than were pushed",
    fix="Find out who changed it before you take the new digest.",
)
TOO_LARGE = Code(
    "LAT0635",
    Severity.ERROR,
    "Content is larger than the limit",
    "{what} has more than {limit} bytes",
    "A registry decides what it sends; the limit keeps it from filling memory. The default is Istio's, 256 MiB.",
    example="lateen filters pull ghcr.io/shop/hmac_auth:1.0 --max-bytes 1000",
    fix="Raise --max-bytes, if the content is meant to be that large.",
)
NOT_A_FILTER = Code(
    "LAT0636",
    Severity.ERROR,
    "Image holds no filter",
    "{image} holds no filter: {reason}",
    "Istio and Envoy Gateway read Wasm images in the layouts `compat` (as Docker or OCI) and `oci`; nothing else runs.",
    example="lateen filters pull docker.io/library/busybox:1.36",
    fix="Name an image that `lateen filters push` made, or one with plugin.wasm in its last layer.",
)
NOT_SIGNED = Code(
    "LAT0637",
    Severity.ERROR,
    "No signature by this key",
    "{image} is not signed by {key}: {reason}",
    "Nobody vouches for the content with that key. It is not used, and nothing was written.",
    example="lateen filters pull ghcr.io/shop/hmac_auth:1.0 --key other.pub",
    fix="Push with --key, or name the public key that belongs to the signer.",
)
UNUSABLE_SECRET = Code(
    "LAT0638",
    Severity.ERROR,
    "Key or login cannot be used",
    "{what} cannot be used: {reason}",
    "Without it nothing can be signed, checked or sent. Its content is never printed.",
    example="lateen filters push hmac_auth ghcr.io/shop/hmac_auth:1.0 --key rsa.pem",
    fix="openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out filters.key",
)
OUTPUT_EXISTS = Code(
    "LAT0639",
    Severity.ERROR,
    "Output exists already",
    "{path} exists already",
    "Nothing is overwritten, and nothing was written.",
    example="lateen filters pull ghcr.io/shop/hmac_auth:1.0 --out filter.yaml",
    fix="Name another path with --out, or remove what is there.",
)
