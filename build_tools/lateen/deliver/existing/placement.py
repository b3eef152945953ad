"""Where a filter of the suite goes among the filters that a connection manager has: two tables, a reason on each row.

The order among phases is the compiler's (`xds/filters/order.py`). What stands there keeps its order; only gaps between
are chosen. A filter that is there already, by its name, is replaced where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from lateen.deliver.existing.sites import read
from lateen.filterkit.catalog import catalog
from lateen.xds.filters import metadata_exchange
from lateen.xds.snapshot import Config


class Rank(IntEnum):
    """What a filter is to those that are put in; later ones rely on earlier ones."""

    ENTRY = 0
    BUILT_IN = 1
    AUTHN = 2
    AUTHENTICATION = 3
    AUTHZ = 4
    AUTHORIZATION = 5
    STATS = 6
    OTHER = 7
    UNSPECIFIED = 8
    TERMINAL = 9


class Place(NamedTuple):
    """The place of a phase: behind the last filter of the ranks `behind`, then in front of the next of `before`.

    Where none of `before` follows, the place is behind the last of `behind`, if there is one; else in front of the
    first filter of a higher rank.
    """

    phase: str
    behind: frozenset[Rank]
    before: frozenset[Rank]
    reason: str


_LATER = frozenset(rank for rank in Rank if rank > Rank.AUTHN)

PLACES = {
    place.phase: place
    for place in (
        Place(
            "BUILT_IN",
            frozenset(),
            frozenset(Rank),
            "first, so that a request denied by any later filter is counted with its peer's labels",
        ),
        Place(
            "AUTHN",
            frozenset({Rank.BUILT_IN, Rank.AUTHN}),
            _LATER,
            "before everything that asks who calls, and before what may change what was signed; "
            "behind filters that answer everybody alike, such as CORS, which stood in front on purpose",
        ),
        Place(
            "AUTHZ",
            frozenset({Rank.BUILT_IN, Rank.AUTHN, Rank.AUTHENTICATION, Rank.AUTHZ}),
            frozenset({Rank.AUTHORIZATION}),
            "may read what authentication found, and native authorization may read what it finds",
        ),
        Place(
            "STATS",
            frozenset(rank for rank in Rank if Rank.ENTRY < rank <= Rank.STATS),
            frozenset(),
            "sees only what was allowed",
        ),
        Place(
            "UNSPECIFIED",
            frozenset({Rank.UNSPECIFIED}),
            frozenset({Rank.TERMINAL}),
            "the end of the chain, at the router",
        ),
    )
}

NATIVE = {
    Rank.ENTRY: (
        (
            "adaptive_concurrency",
            "admission_control",
            "alternate_protocols_cache",
            "body_size_limit",
            "cdn_loop",
            "compressor",
            "connect_grpc_bridge",
            "cors",
            "csrf",
            "custom_response",
            "fault",
            "geoip",
            "grpc_stats",
            "health_check",
            "ip_tagging",
            "on_demand",
            "original_src",
            "set_filter_state",
            "stateful_session",
            "tap",
        ),
        "treats every caller alike, and leaves the request as it is",
    ),
    Rank.AUTHENTICATION: (
        ("api_key_auth", "basic_auth", "header_to_metadata", "jwt_authn", "oauth2"),
        "finds out who calls",
    ),
    Rank.AUTHORIZATION: (("ext_authz", "rbac"), "decides on who calls"),
    Rank.TERMINAL: (("router",), "ends the chain"),
}
"""Envoy's own HTTP filters by the folder of their API, `envoy.extensions.filters.http.NAME`; and why they rank so.

All others are OTHER, and those of your own, Lua and Wasm: they may limit, transform or authenticate, so that who calls
must be known before.
"""

_RANKS = {name: rank for rank, (names, _) in NATIVE.items() for name in names}
_OURS = "lateen."
_BY_HAND = ("disabled", "is_optional", "isOptional")
_API = "envoy.extensions.filters.http."


class Addition(NamedTuple):
    """A filter to put in: its phase, and its entry in `http_filters`."""

    phase: str
    config: Config

    @property
    def name(self) -> str:
        """By which it is known again."""
        return str(self.config["name"])


def place(http_filters: list[Config], additions: Sequence[Addition]) -> list[str]:
    """Put each filter at its place, or where it is already; those of one phase in their order.

    A filter that was switched off (`disabled`) or may be missing (`is_optional`) by hand stays so.
    Gives the names under which something else stands already: that stays, and the filter stays out.
    """
    known = {addition.name: Rank[addition.phase] for addition in additions}
    taken: list[str] = []
    for addition in sorted(additions, key=lambda each: Rank[each.phase]):
        index = next((i for i, each in enumerate(http_filters) if each.get("name") == addition.name), None)
        if index is None:
            http_filters.insert(_index(PLACES[addition.phase], _ranks(http_filters, known)), addition.config)
        elif _type(http_filters[index]) != _type(addition.config):
            taken.append(addition.name)
        else:
            by_hand = {key: http_filters[index][key] for key in _BY_HAND if key in http_filters[index]}
            http_filters[index] = addition.config | by_hand
    return taken


def _type(http_filter: Config) -> str:
    return str(read(http_filter, "typed_config", {}).get("@type", ""))


def _index(where: Place, ranks: Sequence[Rank]) -> int:
    start = max((i + 1 for i, each in enumerate(ranks) if each in where.behind), default=0)
    follow = _first(ranks, where.before, start)
    if follow is not None:
        return follow
    higher = frozenset(each for each in Rank if each > Rank[where.phase])
    found = start if start else _first(ranks, higher, 0)
    return len(ranks) if found is None else found


def _first(ranks: Sequence[Rank], wanted: Iterable[Rank], start: int) -> int | None:
    return next((i for i, each in enumerate(ranks) if i >= start and each in wanted), None)


def _ranks(http_filters: Sequence[Config], known: Mapping[str, Rank]) -> list[Rank]:
    """What each filter is; `known` are those that are put in.

    The last one ends the chain, whatever it is: Envoy takes no other order.
    """
    ranks = [known.get(str(each.get("name")), rank(each)) for each in http_filters]
    if ranks and ranks[-1] is Rank.OTHER:
        ranks[-1] = Rank.TERMINAL
    return ranks


def filter_name(name: str) -> str:
    """The name under which a filter of the suite stands in a chain; that of metadata exchange is Istio's."""
    return metadata_exchange.NAME if name == metadata_exchange.FILTER else f"{_OURS}{name}"


def rank(http_filter: Config) -> Rank:
    """What a filter is: by its name, if it is of the suite; else by its type, or one that it may have by discovery."""
    given = str(http_filter.get("name", ""))
    suite = metadata_exchange.FILTER if given == metadata_exchange.NAME else given.removeprefix(_OURS)
    if suite != given and suite in catalog():
        return Rank[catalog()[suite].phase]
    typed = read(http_filter, "typed_config", {})
    types = [typed.get("type_url") or typed.get("typeUrl") or typed.get("@type", "")]
    types += read(read(http_filter, "config_discovery"), "type_urls", [])
    name = next((str(each).rpartition("/")[2] for each in types if each), "")
    folder = name.removeprefix(_API).partition(".")[0] if name.startswith(_API) else ""
    return _RANKS.get(folder, Rank.OTHER)
