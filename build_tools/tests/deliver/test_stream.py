"""What a stream sends, in which order, and when it has nothing more to say: rule by rule."""

from __future__ import annotations

import pytest

from lateen.deliver.protocol import CLUSTER, ENDPOINT, EXTENSION, LISTENER, MAKE, ROUTE, SECRET, USE, Request
from lateen.deliver.stream import PATIENCE, Stream

from .client import FIRST, Client, Everything, brief, mesh, of


def test_what_others_lead_to_is_sent_first_and_the_rest_after_its_acknowledgement() -> None:
    client = Client(Stream(), mesh())
    first = client.ask(*FIRST)
    assert brief(first) == [
        (CLUSTER, ("c",), ()),
        (ENDPOINT, ("c",), ()),
        (SECRET, ("s",), ()),
        (EXTENSION, ("e",), ()),
    ]
    assert client.ack(ENDPOINT, SECRET, EXTENSION) == []
    assert brief(client.ack(CLUSTER)) == [(LISTENER, ("l",), ()), (ROUTE, ("r",), ())]


def test_every_response_has_a_nonce_of_its_own(client: Client) -> None:
    changed = dict.fromkeys(("cluster", "endpoint", "secret"), "2")
    sent = client.edit(mesh(**changed))
    assert len({r.nonce for r in sent}) == len(sent) == 3


@pytest.mark.parametrize("type_url", [CLUSTER, LISTENER])
def test_the_first_request_of_a_wildcard_type_is_answered_even_if_there_is_nothing(type_url: str) -> None:
    client = Client(Stream(), {})
    assert brief(client.ask(Request(type_url))) == [(type_url, (), ())]
    assert client.ack() == []


def test_so_is_a_later_request_for_all() -> None:
    client = Client(Stream(), {})
    client.ask(Request(LISTENER, ("other",)))
    assert brief(client.ask(Request(LISTENER, ("*",)))) == [(LISTENER, (), ())]


def test_an_unchanged_mesh_sends_nothing(client: Client) -> None:
    assert client.edit(mesh()) == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("endpoint", [(ENDPOINT, ("c",), ())]),
        ("secret", [(SECRET, ("s",), ())]),
        ("listener", [(LISTENER, ("l",), ())]),
        ("extension", [(EXTENSION, ("e",), ())]),
        ("route", [(ROUTE, ("r",), ())]),
    ],
)
def test_an_edit_sends_only_what_it_changed(client: Client, kind: str, expected: object) -> None:
    assert brief(client.edit(mesh(**{kind: "2"}))) == expected
    client.settle()
    assert client.stream.settled(client.resources)


def test_a_changed_cluster_gets_its_endpoints_again_although_they_are_the_same(client: Client) -> None:
    assert brief(client.edit(mesh(cluster="2"))) == [(CLUSTER, ("c",), ()), (ENDPOINT, ("c",), ())]


def test_so_it_is_when_the_cluster_was_changed_while_the_client_was_away() -> None:
    client = Client(Stream(), mesh(cluster="2"))
    client.ask(Request(CLUSTER, initial_versions={"c": "1"}))
    assert brief(client.ask(Request(ENDPOINT, ("c",), initial_versions={"c": "1"}))) == [(ENDPOINT, ("c",), ())]


def test_a_client_that_holds_everything_is_sent_nothing() -> None:
    held = ({"c": "1"}, {"c": "1"}, {"s": "1"}, {"l": "1"}, {"e": "1"}, {"r": "1"})
    back = [Request(r.type_url, r.subscribe, initial_versions=v) for r, v in zip(FIRST, held, strict=True)]
    client = Client(Stream(), mesh())
    assert brief(client.ask(*back)) == [(CLUSTER, (), ())]
    assert brief(client.ack()) == [(LISTENER, (), ())]
    assert client.ack() == []
    assert client.stream.settled(mesh())


def test_only_the_first_request_of_a_type_tells_versions(client: Client) -> None:
    again = Request(ROUTE, ("r",), initial_versions={"r": "1"})
    assert brief(client.ask(again)) == [(ROUTE, ("r",), ())]


@pytest.mark.parametrize("type_url", [ENDPOINT, SECRET, ROUTE, EXTENSION])
def test_a_name_that_does_not_exist_is_said_to_be_missing_once(client: Client, type_url: str) -> None:
    assert brief(client.ask(Request(type_url, ("nowhere",)))) == [(type_url, (), ("nowhere",))]
    assert client.ack() == []
    client.resources[type_url]["nowhere"] = of("1")
    assert brief(client.push()) == [(type_url, ("nowhere",), ())]


def test_a_name_that_is_asked_for_again_is_answered_again(client: Client) -> None:
    client.ask(Request(SECRET, unsubscribe=("s",)))
    assert brief(client.ask(Request(SECRET, ("s",)))) == [(SECRET, ("s",), ())]


def test_what_nobody_asks_for_any_more_is_not_sent(client: Client) -> None:
    client.ask(Request(ROUTE, unsubscribe=("r",)))
    assert client.edit(mesh(route="2")) == []


def test_a_wildcard_can_be_asked_for_by_its_name_and_given_up() -> None:
    client = Client(Stream(), mesh())
    client.ask(Request(LISTENER, ("other",)))
    assert brief(client.ask(Request(LISTENER, ("*",)))) == [(LISTENER, ("l",), ())]
    client.ask(Request(LISTENER, unsubscribe=("*",)))
    assert client.edit(mesh(listener="2")) == []


@pytest.mark.parametrize("pending", MAKE)
def test_listeners_routes_and_extension_configs_wait_for_every_type_that_they_may_need(
    client: Client, pending: str
) -> None:
    kinds = {CLUSTER: "cluster", ENDPOINT: "endpoint", SECRET: "secret"}
    client.edit(mesh(**{kinds[pending]: "2"}))
    changed = {kinds[pending]: "2", "listener": "2", "route": "2", "extension": "2"}
    assert client.edit(mesh(**changed)) == []
    assert {r.type_url for r in client.ack()} == set(USE)


def test_a_first_answer_to_an_extension_config_does_not_wait_for_a_cluster(client: Client) -> None:
    client.edit(mesh(cluster="2"))
    client.resources[EXTENSION]["new"] = of("1")
    assert brief(client.ask(Request(EXTENSION, ("new",)))) == [(EXTENSION, ("new",), ())]


def test_what_never_becomes_warm_does_not_hold_back_the_rest_for_ever(client: Client) -> None:
    client.edit(mesh(cluster="2"))
    assert client.edit(mesh(cluster="2", route="2")) == []
    assert client.stream.deadline(0.0) == PATIENCE
    client.now = PATIENCE
    assert brief(client.push()) == [(ROUTE, ("r",), ())]
    client.ack(ROUTE)
    assert client.stream.deadline(client.now) is None


def test_listeners_are_removed_first_and_clusters_when_that_is_acknowledged(client: Client) -> None:
    empty: Everything = {t: {} for t in (*MAKE, *USE)}
    assert brief(client.edit(empty)) == [(LISTENER, (), ("l",))]
    assert brief(client.ack()) == [(CLUSTER, (), ("c",))]
    assert client.ack() == []


def test_a_removal_waits_until_its_successor_is_in_force(client: Client) -> None:
    moved = mesh(route="2")
    moved[CLUSTER] = {"d": of("1")}
    assert brief(client.edit(moved)) == [(CLUSTER, ("d",), ())]
    assert brief(client.ack()) == [(ROUTE, ("r",), ())]
    assert brief(client.ack()) == [(CLUSTER, (), ("c",))]


def test_a_cluster_is_not_removed_while_a_refused_route_leaves_the_old_one_in_force(client: Client) -> None:
    moved = mesh(route="bad")
    moved[CLUSTER] = {"d": of("1")}
    client.edit(moved)
    (route,) = client.ack()
    client.nack(route, "invalid regex")
    assert client.push() == []
    mended = moved | {ROUTE: {"r": of("2")}}
    assert brief(client.edit(mended)) == [(ROUTE, ("r",), ())]
    assert brief(client.ack()) == [(CLUSTER, (), ("c",))]


@pytest.mark.parametrize("type_url", [SECRET, ROUTE, EXTENSION])
def test_what_is_asked_for_by_name_goes_with_what_names_it_never_by_us(client: Client, type_url: str) -> None:
    less = mesh() | {type_url: {}}
    assert client.edit(less) == []


def test_endpoints_go_with_their_cluster(client: Client) -> None:
    assert brief(client.edit(mesh() | {CLUSTER: {}, ENDPOINT: {}})) == [(CLUSTER, (), ("c",))]


def test_a_cluster_that_stays_is_told_that_it_has_no_endpoints(client: Client) -> None:
    assert brief(client.edit(mesh() | {ENDPOINT: {}})) == [(ENDPOINT, (), ("c",))]
    assert client.ack() == []


def test_nothing_is_settled_before_listeners_were_asked_for() -> None:
    client = Client(Stream(), {CLUSTER: {"c": of("1")}})
    client.ask(Request(CLUSTER))
    client.settle()
    assert not client.stream.settled(client.resources)


def test_nothing_is_settled_before_what_a_listener_names_was_asked_for() -> None:
    client = Client(Stream(), {LISTENER: {"l": of("1", (ROUTE, "r"))}, ROUTE: {"r": of("1")}})
    client.ask(Request(CLUSTER), Request(LISTENER))
    client.settle()
    assert not client.stream.settled(client.resources)
    client.ask(Request(ROUTE, ("r",)))
    client.settle()
    assert client.stream.settled(client.resources)


def test_nothing_is_settled_while_something_is_to_be_removed(client: Client) -> None:
    assert not client.stream.settled(client.resources | {CLUSTER: {}})


def test_nothing_is_settled_while_an_answer_is_outstanding(client: Client) -> None:
    client.edit(mesh(route="2"))
    assert not client.stream.settled(client.resources)
    client.ack()
    assert client.stream.settled(client.resources)
