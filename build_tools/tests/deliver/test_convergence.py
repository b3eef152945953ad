"""Whatever is edited, refused, lost or restarted in whatever order: the client ends with what it shall have.

The client is a model of Envoy 1.40 as it was measured: it withholds the acknowledgement of clusters until they are
warm, drops good resources along with bad ones where Envoy does, names bad ones only where Envoy does, and
acknowledges a refused secret or extension config when it sees the same bytes again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lateen.deliver.protocol import (
    CLUSTER,
    ENDPOINT,
    EXTENSION,
    LISTENER,
    MAKE,
    ONE_BY_ONE,
    ROUTE,
    SECRET,
    WILDCARD,
    Rejection,
    Request,
    Resource,
    Response,
)
from lateen.deliver.stream import Stream

NAMES = ("a", "b", "c")
BY_NAME = (ENDPOINT, SECRET, ROUTE, EXTENSION)
Everything = dict[str, dict[str, Resource]]


@dataclass
class Envoy:
    """A client. `holds` is what is in force, `warming` clusters that wait for their endpoints."""

    holds: dict[str, dict[str, Resource]] = field(default_factory=lambda: {t: {} for t in (*WILDCARD, *BY_NAME)})
    warming: dict[str, Resource] = field(default_factory=dict)
    judged: dict[tuple[str, str], str] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=lambda: {t: set() for t in BY_NAME})
    withheld: list[Request] = field(default_factory=list)
    outbox: deque[Request] = field(default_factory=deque)

    def connect(self) -> None:
        """First requests of a stream, with the versions of what is held."""
        self.outbox.clear()
        self.withheld.clear()
        for type_url in (CLUSTER, ENDPOINT, SECRET, LISTENER, EXTENSION, ROUTE):
            held = self.holds[type_url] | (self.warming if type_url == CLUSTER else {})
            versions = {name: r.version for name, r in held.items()}
            if type_url in WILDCARD or self.names[type_url]:
                subscribe = tuple(sorted(self.names.get(type_url, ())))
                self.outbox.append(Request(type_url, subscribe, initial_versions=versions))

    def take(self, response: Response) -> None:
        """Apply what is good and answer."""
        good, error = self._judge(response)
        for name in good:
            resource = response.resources[name]
            if response.type_url == CLUSTER and any(t == ENDPOINT for t, _ in resource.references):
                self.warming[name] = resource
            else:
                self.warming.pop(name, None) if response.type_url == CLUSTER else None
                self.holds[response.type_url][name] = resource
        for name in response.removed:
            if response.type_url in WILDCARD:
                self.holds[response.type_url].pop(name, None)
                self.warming.pop(name, None)
        if response.type_url == ENDPOINT:  # a refusal ends the warming, too
            for name in (*response.resources, *response.removed):
                if name in self.warming:
                    self.holds[CLUSTER][name] = self.warming.pop(name)
        answer = Request(response.type_url, nonce=response.nonce, error=error)
        if response.type_url == CLUSTER:
            self.withheld.append(answer)
        else:
            self.outbox.append(answer)
        self._resubscribe()
        if not self.warming:
            self.outbox += self.withheld
            self.withheld.clear()

    def _judge(self, response: Response) -> tuple[list[str], str | None]:
        type_url = response.type_url
        names = [n for n in response.resources if n in self.names.get(type_url, response.resources)]
        bad = [n for n in names if response.resources[n].version.startswith("bad")]
        if type_url in ONE_BY_ONE:
            fresh = [n for n in names if self.judged.get((type_url, n)) != response.resources[n].version]
            self.judged |= {(type_url, n): response.resources[n].version for n in fresh}
            bad = [n for n in bad if n in fresh]
            if bad:
                return [], "Invalid path: /x.wasm"
            return [n for n in fresh if n not in bad], None
        if not bad:
            return names, None
        if type_url in WILDCARD and any(response.resources[n].version == "bad-early" for n in bad):
            return [], "Duration out-of-range"
        if type_url in WILDCARD:
            text = "\n".join(f"{n}: no good" for n in bad)
            return [n for n in names if n not in bad], f"Error adding/updating resource(s) {text}"
        return (names[: names.index(bad[0])] if type_url == ENDPOINT else []), "no good"

    def _resubscribe(self) -> None:
        holders = [*self.holds[CLUSTER].values(), *self.warming.values(), *self.holds[LISTENER].values()]
        for type_url in BY_NAME:
            wanted = {name for h in holders for t, name in h.references if t == type_url}
            new, old = wanted - self.names[type_url], self.names[type_url] - wanted
            if new or old:
                self.outbox.append(Request(type_url, tuple(sorted(new)), tuple(sorted(old))))
            self.names[type_url] = wanted
            for name in old:
                self.holds[type_url].pop(name, None)
                self.judged.pop((type_url, name), None)

    def targets(self) -> Iterator[str]:
        """The clusters that requests may be sent to now."""
        for listener in self.holds[LISTENER].values():
            for type_url, name in listener.references:
                if type_url == ROUTE and name in self.holds[ROUTE]:
                    yield self.holds[ROUTE][name].body.decode()


class Run:
    """A client, a server, and the two queues between them."""

    def __init__(self) -> None:
        self.envoy, self.stream = Envoy(), Stream()
        self.to_envoy: deque[Response] = deque()
        self.wanted: Everything = {}
        self.reported: list[Rejection] = []
        self.sent = 0
        self.envoy.connect()

    def reconnect(self, *, restarted: bool = False) -> None:
        """The server dies and another takes its place, which knows the verdicts; or Envoy is started anew."""
        if restarted:
            self.envoy = Envoy()
        kept = {key: r for key, r in self.stream.rejected.items() if r.type_url in ONE_BY_ONE}
        self.stream = Stream(kept)
        self.to_envoy.clear()
        self.envoy.connect()

    def up(self) -> None:
        if self.envoy.outbox:
            self.reported += self.stream.receive(self.envoy.outbox.popleft())
        self.flush()

    def down(self) -> None:
        if self.to_envoy:
            self.envoy.take(self.to_envoy.popleft())

    def flush(self) -> None:
        if not self.wanted:
            return
        before = {s.type_url for s in self.stream._in_flight.values()}
        for response in self.stream.responses(self.wanted, 0.0):
            if response.type_url in ONE_BY_ONE:
                assert len(response.resources) <= 1
            if response.type_url in (LISTENER, ROUTE):
                assert not before & set(MAKE), "listeners and routes wait for clusters"
            before.add(response.type_url)
            self.sent += len(response.resources)
            self.to_envoy.append(response)

    def finish(self) -> None:
        for _ in range(400):
            self.flush()
            if not self.to_envoy and not self.envoy.outbox:
                return
            self.down()
            self.up()
        raise AssertionError("the two never come to rest")


versions = st.sampled_from(("1", "2"))
judged_versions = st.sampled_from(("1", "2", "3", "bad-1", "bad-early"))


@st.composite
def snapshots(draw: st.DrawFn, version: st.SearchStrategy[str] = versions) -> Everything:
    """A consistent set: routes lead to clusters that exist, what is referred to exists."""

    def resource(*references: tuple[str, str], body: str = "") -> Resource:
        drawn = draw(version)
        return Resource(
            drawn if drawn.startswith("bad") else f"{drawn}{body}{sorted(references)}",
            body.encode(),
            frozenset(references),
        )

    def several() -> list[str]:
        return sorted(draw(st.sets(st.sampled_from(NAMES), min_size=1)))

    made: Everything = {t: {} for t in (*WILDCARD, *BY_NAME)}
    for name in several():
        kinds = draw(st.sampled_from(((ENDPOINT,), (), (ENDPOINT, SECRET))))
        made[CLUSTER][name] = resource(*((kind, name) for kind in kinds))
        for kind in kinds:
            made[kind][name] = resource()
    for name in several():
        kinds = draw(st.sampled_from(((ROUTE,), (ROUTE, EXTENSION))))
        made[LISTENER][name] = resource(*((kind, name) for kind in kinds))
        made[ROUTE][name] = resource(body=draw(st.sampled_from(sorted(made[CLUSTER]))))
        if EXTENSION in kinds:
            made[EXTENSION][name] = resource()
    return made


steps = st.lists(st.sampled_from(("up", "down", "up", "down", "down", "reconnect", "restart", "edit")), max_size=60)


def play(run: Run, actions: list[str], edits: list[Everything]) -> Iterator[None]:
    queue = deque(edits)
    run.wanted = queue.popleft()
    for action in actions:
        if action == "edit" and queue:
            run.wanted = queue.popleft()
            run.flush()
        elif action in ("reconnect", "restart"):
            run.reconnect(restarted=action == "restart")
        elif action == "up":
            run.up()
        elif action == "down":
            run.down()
        yield
    while queue:
        run.wanted = queue.popleft()
        run.flush()
    run.finish()
    yield


def needed(wanted: Everything) -> Everything:
    """What the client will ask for: all clusters and listeners, and what they refer to."""
    roots = [r for t in WILDCARD for r in wanted[t].values()]
    references = {reference for r in roots for reference in r.references}
    by_name = {t: {n: r for n, r in wanted[t].items() if (t, n) in references} for t in BY_NAME}
    return {t: wanted[t] for t in WILDCARD} | by_name


@settings(deadline=None)
@given(actions=steps, edits=st.lists(snapshots(), min_size=1, max_size=5))
def test_property_any_order_of_edits_and_acknowledgements_converges(
    actions: list[str], edits: list[Everything]
) -> None:
    run = Run()
    for _ in play(run, actions, edits):
        cold = set(run.envoy.targets()) - run.envoy.holds[CLUSTER].keys()
        assert not cold, "a request would find no cluster"
    assert run.envoy.holds == needed(edits[-1])
    assert run.stream.settled(edits[-1])
    assert run.reported == []


@settings(deadline=None)
@given(actions=steps, edits=st.lists(snapshots(judged_versions), min_size=1, max_size=5))
def test_property_bad_resources_are_named_and_good_ones_come_through(
    actions: list[str], edits: list[Everything]
) -> None:
    run = Run()
    for _ in play(run, actions, edits):
        pass
    last = edits[-1]
    bad = {(t, n) for t in last for n, r in last[t].items() if r.version.startswith("bad")}
    assert all(r.version.startswith("bad") for r in run.reported), "a good resource was accused"
    judged = {(t, n) for t, names in run.envoy.names.items() for n in names} | {
        (t, n) for t in WILDCARD for n in last[t]
    }
    named = {(r.type_url, r.name) for r in run.reported}
    assert bad & judged <= named, "a bad resource was not reported"
    for type_url in last:
        for name, resource in last[type_url].items():
            if (type_url, name) in judged - bad:
                assert run.envoy.holds[type_url].get(name) == resource
    assert run.stream.settled(last) == (not bad & judged)


@settings(max_examples=30, deadline=None)
@given(edits=st.lists(snapshots(), min_size=1, max_size=3))
def test_property_a_restart_with_equal_content_sends_nothing(edits: list[Everything]) -> None:
    run = Run()
    for _ in play(run, [], edits):
        pass
    run.sent = 0
    run.reconnect()
    run.wanted = {t: {n: replace(r) for n, r in found.items()} for t, found in edits[-1].items()}
    run.finish()
    assert run.sent == 0
    assert run.stream.settled(run.wanted)
