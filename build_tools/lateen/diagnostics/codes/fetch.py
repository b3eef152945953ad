"""LAT0640 to LAT0649: `lateen fetch`, `lateen.lock` and the cache."""

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

BAD_LOCK = Code(
    "LAT0640",
    Severity.ERROR,
    title="Lock cannot be read",
    message="this is no lateen.lock of version 1: {reason}",
    why="Which modules the mesh has agreed to is not known, and guessing could load others.",
    example="a lateen.lock with the marks of a merge conflict",
    fix="mend it, or remove it and run lateen fetch DIR",
)

NOT_REACHED = Code(
    "LAT0641",
    Severity.ERROR,
    title="Module cannot be fetched",
    message="{url} cannot be fetched: {reason}",
    why="The lock and the cache keep what they had; modules that could be fetched are in them all the same.",
    example="url: https://modules.example/no-such.wasm",
    fix="url: https://modules.example/auth.wasm",
)

NOT_WASM = Code(
    "LAT0642",
    Severity.ERROR,
    title="Not a Wasm module",
    message="{url} is no Wasm module: {reason}",
    why="Envoy could not load it, so it does not get into the lock.",
    example="url: https://modules.example/login.html",
    fix="url: https://modules.example/auth.wasm",
)

TOO_LARGE = Code(
    "LAT0643",
    Severity.ERROR,
    title="Module is too large",
    message="{url} has more than {limit} MiB",
    why="Each proxy holds a module in memory; Istio's limit holds here too, packed and unpacked.",
    example="url: https://modules.example/disk.img",
    fix="url: https://modules.example/auth.wasm",
)

WRONG_DIGEST = Code(
    "LAT0644",
    Severity.ERROR,
    title="Fetched module has another digest",
    message="{url} has the digest sha256:{found}, and {demands} sha256:{wanted}",
    why="Somebody else's code would run in every proxy. The lock keeps what it had.",
    example="sha256: 7c06e52b...   # of an older build than the one that is served",
    fix="compare with whoever built it; then correct sha256, or accept what is served: lateen fetch DIR --update",
)

OUT_OF_DATE = Code(
    "LAT0645",
    Severity.ERROR,
    title="Lock is not up to date",
    message="lateen.lock is not up to date: {reason}",
    why="Whoever compiles the mesh from these files gets another result than whoever wrote them, or none.",
    example="lateen fetch DIR --check   # after a URL was changed",
    fix="lateen fetch DIR",
)
