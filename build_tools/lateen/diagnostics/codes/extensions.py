"""LAT0230 to LAT0239: WasmPlugin and TrafficExtension, their modules and targets."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

_MISSING = (
    "Without its filter a workload would serve requests that the filter was to judge: the proxy denies them instead, "
    "or, with failStrategy FAIL_OPEN, lets them pass without it. Nothing is written or started until this is mended."
)

NOT_FETCHED = Code(
    "LAT0230",
    Severity.ERROR,
    title="Module is not fetched",
    message="{url} is not in lateen.lock: its module has not been fetched",
    why=_MISSING,
    example="url: oci://registry.example/auth:1   # and nothing was fetched since",
    fix="lateen fetch DIR",
)

OTHER_DIGEST = Code(
    "LAT0231",
    Severity.ERROR,
    title="Lock has another digest than the mesh asks for",
    message="{url} is to have the digest sha256:{wanted}, and lateen.lock has sha256:{locked}",
    why="The digest was changed after the module was fetched, or the lock is of another mesh. " + _MISSING,
    example="sha256: 7c06e52b...   # while the entry in lateen.lock is of an older module",
    fix="lateen fetch DIR",
)

NOT_CACHED = Code(
    "LAT0232",
    Severity.ERROR,
    title="Module is not in the cache",
    message="the module of {url} (sha256:{sha256}) is not in the cache of this machine",
    why="lateen.lock says which bytes they are, and they were fetched elsewhere, or the cache was emptied. " + _MISSING,
    example="a fresh checkout of a mesh with its lateen.lock",
    fix="lateen fetch DIR",
)

UNKNOWN_TARGET = Code(
    "LAT0233",
    Severity.WARNING,
    title="Target does not exist",
    message="no proxy of namespace {namespace} serves the {kind} {name}",
    why="An extension with targetRefs is loaded by the proxies of its targets only, so no proxy loads this one.",
    example="targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: egde}]",
    fix="targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]",
)

WAYPOINT_TARGET = Code(
    "LAT0234",
    Severity.WARNING,
    title="Target of a waypoint",
    message="a {kind} is a target for waypoints, and there are none here",
    why="In Istio only the waypoints of ambient mode attach extensions to such targets; sidecars take a selector.",
    example="targetRefs: [{kind: Service, name: reviews}]",
    fix="selector: {matchLabels: {app: reviews}}",
)

UNKNOWN_PULL_SECRET = Code(
    "LAT0235",
    Severity.WARNING,
    title="Pull secret does not exist",
    message="namespace {namespace} has no Secret {name} of the type kubernetes.io/dockerconfigjson",
    why="The registry is asked with the Docker config of whoever runs `lateen fetch`, which may have no access to it.",
    example="imagePullSecret: registy",
    fix="imagePullSecret: registry   # a Secret with the key .dockerconfigjson",
)

FILE_CHANGED = Code(
    "LAT0237",
    Severity.ERROR,
    title="Module file has changed",
    message="{url} has another content than when it was fetched",
    why="What was fetched would go into force, not what the file holds now. " + _MISSING,
    example="url: file://auth.wasm   # rebuilt since the last lateen fetch",
    fix="lateen fetch DIR",
)

TWO_DIGESTS = Code(
    "LAT0238",
    Severity.ERROR,
    title="URL and sha256 name two digests",
    message="sha256 is {given}, and the URL names sha256:{pinned}",
    why="No image can have both digests, so the module can never be loaded. " + _MISSING,
    example="url: oci://registry.example/auth@sha256:7c06e52b...\nsha256: 1f3a9b04...",
    fix="url: oci://registry.example/auth@sha256:7c06e52b...",
)

NOT_VERIFIED = Code(
    "LAT0239",
    Severity.ERROR,
    title="Signature is not verified",
    message="nothing says that the image of {url} is signed by this key",
    why="The key was added or changed after the image was fetched. " + _MISSING,
    example="verificationKey: |   # new\n  -----BEGIN PUBLIC KEY-----",
    fix="lateen fetch DIR",
)
