"""One delta ADS stream as a state machine: requests in, responses out; no gRPC, no clock, no task.

The difference is always taken against what this stream was sent. Order makes before it breaks: clusters, endpoints
and secrets first; listeners, extension configs and routes once those are acknowledged; removals when nothing is under
way. Measured on Envoy 1.40:

- A changed EDS cluster warms until its endpoints arrive again, and its acknowledgement is withheld until then.
- What Envoy only asks for by name is never removed by us: it goes with what refers to it, after the old connections.
- An update that is rejected without a name is taken apart, one resource per response, because Envoy may have dropped
  the good ones along with the bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lateen.deliver.protocol import (
    CLUSTER,
    ENDPOINT,
    EXTENSION,
    LISTENER,
    MAKE,
    ONE_BY_ONE,
    ROUTE,
    USE,
    WILDCARD,
    Reference,
    Rejection,
    Request,
    Resource,
    Resources,
    Response,
)
from lateen.deliver.rejections import reasons
from lateen.deliver.subscription import Subscription

PATIENCE = 15.0
"""Seconds that an unanswered response holds back what follows it: Envoy's own default of `initial_fetch_timeout`.
A cluster that waits for what never comes must not stop the edit that mends it."""


@dataclass(frozen=True, slots=True)
class _InFlight:
    """A response that the client has not answered."""

    type_url: str
    versions: Mapping[str, str]
    removed: tuple[str, ...]
    sent_at: float


class Stream:
    """The server's end of one stream. `now` is seconds of a monotonic clock.

    `rejected` is what the client refused and has not replaced since; it may be seeded with verdicts on secrets and
    extension configs that an earlier server received, and is to be kept for the next one.
    """

    def __init__(self, rejected: Mapping[Reference, Rejection] | None = None) -> None:
        self.rejected = dict(rejected or {})
        self._subscriptions: dict[str, Subscription] = {}
        self._in_flight: dict[str, _InFlight] = {}
        self._warmed: set[str] = set()
        self._nonce = 0

    def receive(self, request: Request) -> list[Rejection]:
        """Take a request; the rejections that it tells of, each attributed to one resource."""
        found: list[Rejection] = []
        subscription = self._subscriptions.get(request.type_url)
        if subscription is None:
            found += self._subscribe(request)
        else:
            subscription.change(request)
        for name in request.unsubscribe:  # Envoy forgets a resource with its last subscriber: it will judge afresh
            self.rejected.pop((request.type_url, name), None)
        sent = self._in_flight.pop(request.nonce, None)
        if sent:
            found += self._accepted(sent) if request.error is None else self._refused(sent, request.error)
        return found

    def responses(self, resources: Resources, now: float) -> list[Response]:
        """What is to be sent now, in this order, so that the client comes nearer to `resources`."""
        out: list[Response] = []
        for type_url in MAKE:
            out += self._updates(type_url, resources, now)
        warm = not self._unanswered(MAKE, now)
        for type_url in USE:
            # A cluster may itself wait for an extension config, so a first answer to one is never held back.
            if warm or type_url == EXTENSION:
                out += self._updates(type_url, resources, now, changes=warm)
        if not self._unanswered((*MAKE, *USE), now):
            out += self._removals(resources, now)
        return out

    def deadline(self, now: float) -> float | None:
        """When `responses` may have more to say without any request; None if only a request or an edit can bring it."""
        return min((s.sent_at + PATIENCE for s in self._in_flight.values() if s.sent_at + PATIENCE > now), default=None)

    def settled(self, resources: Resources) -> bool:
        """Whether all of `resources` that the client needs is in force: asked for, sent, acknowledged, not refused."""
        if self._in_flight or not self._subscriptions.keys() >= WILDCARD:
            return False
        for type_url, subscription in self._subscriptions.items():
            available = resources.get(type_url, {})
            if subscription.unanswered or subscription.outdated(available) or subscription.gone(available):
                return False
        if any(self._rejects(resources, type_url) for type_url in self._subscriptions):
            return False
        needed = (r for type_url in WILDCARD for r in resources.get(type_url, {}).values())
        return all(self._asked_for(reference) for resource in needed for reference in resource.references)

    def _subscribe(self, request: Request) -> list[Rejection]:
        """The first request of a type, the only one whose `initial_versions` count."""
        subscription = self._subscriptions[request.type_url] = Subscription(request)
        if request.type_url == CLUSTER and not request.initial_versions:
            self.rejected.clear()  # an Envoy that holds nothing has just started: verdicts on its predecessor are void
        if request.type_url == ENDPOINT:
            for name in self._warmed:
                subscription.held.pop(name, None)
        known = ((n, self.rejected.get((request.type_url, n))) for n in request.initial_versions)
        return [r for n, r in known if r and r.version == request.initial_versions[n]]

    def _accepted(self, sent: _InFlight) -> list[Rejection]:
        found = []
        for name, version in sent.versions.items():
            verdict = self.rejected.get((sent.type_url, name))
            if verdict and verdict.version == version and sent.type_url in ONE_BY_ONE:
                found.append(verdict)
            elif verdict:
                del self.rejected[sent.type_url, name]
        if sent.type_url in WILDCARD:
            for name in sent.removed:
                self.rejected.pop((sent.type_url, name), None)
        return found

    def _refused(self, sent: _InFlight, text: str) -> list[Rejection]:
        subscription = self._subscriptions[sent.type_url]
        current = {n: v for n, v in sent.versions.items() if subscription.held.get(n) == v}
        if not sent.versions:
            return [Rejection(sent.type_url, name, "", text) for name in sent.removed]
        why = reasons(sent.type_url, sent.versions, text)
        found = [Rejection(sent.type_url, name, current[name], why[name]) for name in current if name in why]
        self.rejected |= {(r.type_url, r.name): r for r in found}
        if not why:
            for name in current:
                del subscription.held[name]
            subscription.alone |= current.keys()
        return found

    def _updates(self, type_url: str, resources: Resources, now: float, *, changes: bool = True) -> Iterator[Response]:
        """Changed resources and answers to new names; without `changes` only the latter."""
        subscription = self._subscriptions.get(type_url)
        if subscription is None:
            return
        available = resources.get(type_url, {})
        outdated = [n for n in subscription.outdated(available) if changes or n not in subscription.held]
        missing = tuple(subscription.unknown(available) + self._emptied(subscription, resources))
        together = []
        for name in outdated:
            if type_url in ONE_BY_ONE or name in subscription.alone:
                yield self._send(subscription, {name: available[name]}, (), now)
            else:
                together.append(name)
        if together or missing or subscription.unanswered:
            yield self._send(subscription, {name: available[name] for name in together}, missing, now)

    def _emptied(self, subscription: Subscription, resources: Resources) -> list[str]:
        """Endpoints that are gone while their cluster stays: it must know that it has none left."""
        if subscription.type_url != ENDPOINT:
            return []
        held = {n for n in subscription.names if subscription.held.get(n) is not None}
        lost = held - resources.get(ENDPOINT, {}).keys()
        if not lost:
            return []
        needed = {n for cluster in resources.get(CLUSTER, {}).values() for _, n in cluster.references}
        return sorted(lost & needed)

    def _removals(self, resources: Resources, now: float) -> Iterator[Response]:
        """Listeners first; clusters once those are gone, and not while an older listener or route is in force that
        may still lead to them."""
        for type_url in (LISTENER, CLUSTER):
            subscription = self._subscriptions.get(type_url)
            gone = subscription.gone(resources.get(type_url, {})) if subscription else []
            if subscription and gone:
                if type_url == LISTENER or not any(self._rejects(resources, t) for t in (LISTENER, ROUTE)):
                    yield self._send(subscription, {}, tuple(gone), now)
                return

    def _send(
        self, subscription: Subscription, resources: Mapping[str, Resource], removed: tuple[str, ...], now: float
    ) -> Response:
        self._nonce += 1
        response = Response(subscription.type_url, str(self._nonce), resources, removed)
        subscription.sent(resources, removed)
        versions = {name: resource.version for name, resource in resources.items()}
        self._in_flight[response.nonce] = _InFlight(response.type_url, versions, removed, now)
        if response.type_url == CLUSTER:
            self._warm(resources)
        return response

    def _warm(self, clusters: Mapping[str, Resource]) -> None:
        """The endpoints of clusters that were just sent are to be sent again, changed or not."""
        names = {name for c in clusters.values() for type_url, name in c.references if type_url == ENDPOINT}
        if subscription := self._subscriptions.get(ENDPOINT):
            for name in names:
                subscription.held.pop(name, None)
        else:  # a client that comes back asks for clusters first, and for endpoints with the versions it holds
            self._warmed |= names

    def _unanswered(self, types: tuple[str, ...], now: float) -> bool:
        return any(s.type_url in types and now < s.sent_at + PATIENCE for s in self._in_flight.values())

    def _rejects(self, resources: Resources, type_url: str) -> bool:
        """Whether the client refused a resource as it is now."""
        available = resources.get(type_url, {})
        return any(
            r.type_url == type_url and r.name in available and available[r.name].version == r.version
            for r in self.rejected.values()
        )

    def _asked_for(self, reference: Reference) -> bool:
        type_url, name = reference
        return type_url in self._subscriptions and name in self._subscriptions[type_url].names
