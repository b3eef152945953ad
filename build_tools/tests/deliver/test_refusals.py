"""How a stream takes refusals: which resource they are about, and what is sent then."""

from __future__ import annotations

from lateen.deliver.protocol import CLUSTER, EXTENSION, LISTENER, ROUTE, SECRET, Rejection, Request
from lateen.deliver.stream import Stream

from .client import FIRST, Client, Everything, brief, mesh, of


def test_secrets_and_extension_configs_go_one_per_response() -> None:
    resources: Everything = {SECRET: {n: of("1") for n in "abc"}, EXTENSION: {n: of("1") for n in "ab"}}
    client = Client(Stream(), resources)
    sent = client.ask(Request(SECRET, ("a", "b", "c")), Request(EXTENSION, ("a", "b")))
    assert [tuple(r.resources) for r in sent] == [("a",), ("b",), ("c",), ("a",), ("b",)]


def test_a_refusal_of_a_single_resource_is_about_that_one(client: Client) -> None:
    (sent,) = client.edit(mesh(route="bad"))
    assert client.nack(sent, "no such thing") == [Rejection(ROUTE, "r", "bad", "no such thing")]
    assert client.push() == [], "it is not sent again until it changes"
    assert not client.stream.settled(client.resources)
    assert brief(client.edit(mesh(route="2"))) == [(ROUTE, ("r",), ())]
    client.settle()
    assert client.stream.settled(client.resources)


def test_what_envoy_accepts_on_another_try_is_in_force(client: Client) -> None:
    (sent,) = client.edit(mesh(route="2"))
    client.nack(sent, "not now")
    client.ask(Request(ROUTE, ("r",)))
    client.settle()
    assert client.stream.settled(client.resources)


def test_the_same_content_is_tried_again_after_an_undo(client: Client) -> None:
    (sent,) = client.edit(mesh(route="bad"))
    client.nack(sent, "no")
    client.edit(mesh())
    client.settle()
    assert client.stream.settled(client.resources)
    assert brief(client.edit(mesh(route="bad"))) == [(ROUTE, ("r",), ())]


def test_named_resources_of_a_refusal_are_the_bad_ones_and_the_others_are_not_sent_again() -> None:
    client = Client(Stream(), {LISTENER: {n: of("1") for n in "abc"}})
    (sent,) = client.ask(Request(LISTENER))
    found = client.nack(sent, "Error adding/updating listener(s) a: cannot bind\nc: no filter")
    assert found == [Rejection(LISTENER, "a", "1", "cannot bind"), Rejection(LISTENER, "c", "1", "no filter")]
    assert client.push() == []


def test_after_a_refusal_without_a_name_each_is_sent_alone() -> None:
    client = Client(Stream(), {CLUSTER: {n: of("1") for n in "abc"}})
    (together,) = client.ask(Request(CLUSTER))
    assert client.nack(together, "Invalid duration") == []
    alone = client.push()
    assert [tuple(r.resources) for r in alone] == [("a",), ("b",), ("c",)]
    assert client.nack(alone[1], "Invalid duration") == [Rejection(CLUSTER, "b", "1", "Invalid duration")]
    client.ack()
    assert client.push() == []
    client.resources = {CLUSTER: {n: of("2") for n in "abc"}}
    assert [tuple(r.resources) for r in client.push()] == [("a", "b", "c")]


def test_a_refusal_of_a_version_that_was_replaced_meanwhile_says_nothing(client: Client) -> None:
    (old,) = client.edit(mesh(route="bad"))
    (new,) = client.edit(mesh(route="2"))
    assert client.nack(old, "no") == []
    assert client.push() == []
    client.ack()
    assert new.nonce != old.nonce
    assert client.stream.settled(client.resources)


def test_a_refused_removal_is_reported_too(client: Client) -> None:
    (sent,) = client.edit(mesh() | {LISTENER: {}})
    assert client.nack(sent, "no") == [Rejection(LISTENER, "l", "", "no")]


def test_an_answer_to_a_response_of_another_server_is_ignored(client: Client) -> None:
    assert client.stream.receive(Request(ROUTE, nonce="99", error="no")) == []


SEEN = {(EXTENSION, "e"): Rejection(EXTENSION, "e", "bad", "no such module")}


def test_an_acknowledgement_of_refused_bytes_is_not_believed() -> None:
    client = Client(Stream(SEEN), mesh(extension="bad"))
    client.ask(Request(CLUSTER, initial_versions={"c": "1"}), Request(EXTENSION, ("e",)))
    (response,) = [r for r in client.open if r.type_url == EXTENSION]
    client.open.remove(response)
    assert client.stream.receive(Request(EXTENSION, nonce=response.nonce)) == list(SEEN.values())


def test_a_client_that_claims_to_hold_refused_bytes_is_not_believed() -> None:
    stream = Stream(SEEN)
    stream.receive(Request(CLUSTER, initial_versions={"c": "1"}))
    back = Request(EXTENSION, ("e",), initial_versions={"e": "bad"})
    assert stream.receive(back) == list(SEEN.values())


def test_an_envoy_that_just_started_judges_afresh() -> None:
    client = Client(Stream(SEEN), mesh(extension="bad"))
    client.ask(*FIRST)
    client.settle()
    assert client.stream.settled(client.resources)


def test_a_refused_extension_config_is_mended_by_other_content() -> None:
    client = Client(Stream(SEEN), mesh(extension="2"))
    client.ask(Request(CLUSTER, initial_versions={"c": "1"}), *FIRST[1:])
    client.settle()
    assert client.stream.settled(client.resources)
    assert client.stream.rejected == {}


def test_a_refusal_is_forgotten_with_the_last_interest() -> None:
    stream = Stream(SEEN)
    stream.receive(Request(EXTENSION, ("e",)))
    stream.receive(Request(EXTENSION, unsubscribe=("e",)))
    assert stream.rejected == {}


def test_a_refusal_is_forgotten_when_the_resource_is_removed() -> None:
    client = Client(Stream(), {LISTENER: {n: of("1") for n in "ab"}})
    (sent,) = client.ask(Request(CLUSTER), Request(LISTENER))[-1:]
    client.nack(sent, "Error adding/updating listener(s) a: cannot bind")
    client.ack()
    client.edit({LISTENER: {"b": of("1")}})
    client.settle()
    assert client.stream.rejected == {}
