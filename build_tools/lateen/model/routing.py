"""HTTP and TCP routing. VirtualService and the route kinds of the Gateway API both end here."""

from __future__ import annotations

from dataclasses import dataclass

from lateen.model.identity import Ref

MESH_GATEWAY = "mesh"


@dataclass(frozen=True, slots=True)
class StringMatch:
    """How a string is compared. `kind`: exact, prefix, regex (RE2, whole string) or present (any value)."""

    kind: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class HttpMatch:
    """Conditions that must all hold. Header and query names are pairs with their match; empty means no condition.

    `gateways` are `mesh` or `namespace/name`; empty: those of the route. `source_labels` and
    `source_namespace` restrict the calling workload.
    """

    name: str = ""
    uri: StringMatch | None = None
    ignore_uri_case: bool = False
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: tuple[tuple[str, StringMatch], ...] = ()
    without_headers: tuple[tuple[str, StringMatch], ...] = ()
    query_params: tuple[tuple[str, StringMatch], ...] = ()
    port: int = 0
    gateways: tuple[str, ...] = ()
    source_labels: tuple[tuple[str, str], ...] = ()
    source_namespace: str = ""
    stat_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to: a fully qualified host, optionally a subset and a port.

    Port 0 is the service's only port, or the listener's.
    """

    host: str
    subset: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class HeaderOps:
    """Changes to headers: `set` replaces, `add` appends, `remove` deletes."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.add or self.remove)


@dataclass(frozen=True, slots=True)
class WeightedDestination:
    """A destination with its share. A single destination without weight has 100."""

    destination: Destination
    weight: int = 100
    request_headers: HeaderOps = HeaderOps()
    response_headers: HeaderOps = HeaderOps()


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect answer. Empty strings leave a part as it is, `port` 0 is unset.

    `derive_port` is FROM_PROTOCOL_DEFAULT, FROM_REQUEST_PORT or empty.
    """

    uri: str = ""
    prefix: str = ""
    authority: str = ""
    port: int = 0
    derive_port: str = ""
    scheme: str = ""
    code: int = 301


@dataclass(frozen=True, slots=True)
class DirectResponse:
    """An answer by the proxy itself. `body` None: empty."""

    status: int
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A change of the request target.

    `uri` replaces the matched prefix (or the exact path); `regex` is (pattern, substitution).
    """

    uri: str = ""
    authority: str = ""
    regex: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Retries. `attempts` 0 switches them off; an empty `retry_on` means Istio's default set; durations in seconds."""

    attempts: int
    per_try_timeout: float | None = None
    retry_on: str = ""
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    backoff: float | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Injected faults: percentages 0..100 (floats), a fixed delay in seconds, an HTTP or gRPC status to abort with."""

    delay: float | None = None
    delay_percent: float = 100.0
    abort_http: int = 0
    abort_grpc: str = ""
    abort_percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Mirror:
    """A copy of requests to another destination, for a percentage of them."""

    destination: Destination
    percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Cors:
    """Cross-origin policy. `max_age` in seconds or None; `allow_credentials` None: unset."""

    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: float | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: str = ""


@dataclass(frozen=True, slots=True)
class HttpRule:
    """One rule of a route: matches (any of them; none: everything) and what happens.

    Exactly one of destinations, redirect and direct_response is given.
    `timeout` in seconds, 0.0 disabled, None unset; `retry` None unset.
    """

    name: str = ""
    matches: tuple[HttpMatch, ...] = ()
    destinations: tuple[WeightedDestination, ...] = ()
    redirect: Redirect | None = None
    direct_response: DirectResponse | None = None
    rewrite: Rewrite | None = None
    timeout: float | None = None
    retry: Retry | None = None
    fault: Fault | None = None
    mirrors: tuple[Mirror, ...] = ()
    cors: Cors | None = None
    request_headers: HeaderOps = HeaderOps()
    response_headers: HeaderOps = HeaderOps()
    path: str = ""  # field path in the source (`spec.http[0]`), for origins


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """HTTP rules for hosts at gateways.

    `hosts` are fully qualified or wildcards; `gateways` are `mesh` or `namespace/name`;
    `export_to` holds namespaces or `*`. Rules stand in the user's order.
    """

    ref: Ref
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    rules: tuple[HttpRule, ...]
    export_to: frozenset[str] = frozenset({"*"})
    created: str = ""


@dataclass(frozen=True, slots=True)
class TcpMatch:
    """Conditions on a connection; `sni_hosts` for TLS routes only."""

    port: int = 0
    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    source_labels: tuple[tuple[str, str], ...] = ()
    source_namespace: str = ""


@dataclass(frozen=True, slots=True)
class TcpRule:
    """One TCP or TLS rule."""

    matches: tuple[TcpMatch, ...]
    destinations: tuple[WeightedDestination, ...]
    path: str = ""


@dataclass(frozen=True, slots=True)
class TcpRoute:
    """TCP rules (`tls` False) or rules by SNI (`tls` True) for hosts at gateways."""

    ref: Ref
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    rules: tuple[TcpRule, ...]
    tls: bool = False
    export_to: frozenset[str] = frozenset({"*"})
    created: str = ""
