"""The gRPC end: sockets, streams and events, with a client that speaks the protocol by hand."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from lateen.deliver.ads import METHOD, ProxyServer
from lateen.deliver.messages import Messages
from lateen.deliver.protocol import CLUSTER, EXTENSION, LISTENER, Rejection, Resource
from lateen.deliver.verdicts import Verdicts
from lateen.schema import Schema

DISCOVERY = "envoy.service.discovery.v3.DeltaDiscovery"
MESSAGES = Messages(Schema.default())
RESOURCES = {CLUSTER: {"c": Resource("1", b"")}, LISTENER: {"l": Resource("1", b"")}}


class Notes:
    """What a server reported, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, ...]] = []

    def connected(self, proxy: str) -> None:
        self.all.append(("connected", proxy))

    def acknowledged(self, proxy: str, generation: int) -> None:
        self.all.append(("acked", proxy, generation))

    def rejected(self, proxy: str, rejection: Rejection) -> None:
        self.all.append(("nack", proxy, rejection.name, rejection.message))

    async def until(self, *wanted: object) -> None:
        async with asyncio.timeout(5):
            while wanted not in self.all:
                await asyncio.sleep(0.005)


class Call:
    """One open stream of a client."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def say(self, type_url: str, **fields: Any) -> None:
        message: Any = Schema.default().message_class(f"{DISCOVERY}Request")(type_url=type_url)
        for name, value in fields.items():
            if name == "error":
                message.error_detail.message = value
            elif isinstance(value, list):
                getattr(message, name).extend(value)
            else:
                setattr(message, name, value)
        await self._stream.write(message)

    async def hear(self) -> Any:
        return await asyncio.wait_for(self._stream.read(), 5)


@asynccontextmanager
async def serving(folder: Path, notes: Notes, proxy: str = "web") -> AsyncIterator[ProxyServer]:
    verdicts = Verdicts(folder / "verdicts.json")
    server = ProxyServer(proxy, folder / "xds" / f"{proxy}.sock", MESSAGES, verdicts, notes)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def calling(server: ProxyServer, method: str = METHOD) -> AsyncIterator[Call]:
    response: Any = Schema.default().message_class(f"{DISCOVERY}Response")
    async with grpc.aio.insecure_channel(f"unix:{server.socket}") as channel:
        open_stream = channel.stream_stream(method, lambda m: m.SerializeToString(), response.FromString)
        yield Call(open_stream())


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))  # type: ignore[arg-type]


def test_a_stream_is_served_and_its_progress_is_reported(tmp_path: Path) -> None:
    notes = Notes()

    async def test() -> None:
        async with serving(tmp_path, notes) as server, calling(server) as call:
            server.offer(RESOURCES, 7)
            await call.say(CLUSTER)
            cluster = await call.hear()
            assert [(r.name, r.version) for r in cluster.resources] == [("c", "1")]
            await call.say(CLUSTER, response_nonce=cluster.nonce)
            await call.say(LISTENER)
            listener = await call.hear()
            await call.say(LISTENER, response_nonce=listener.nonce)
            await notes.until("acked", "web", 7)
            server.offer(RESOURCES, 7)
            await asyncio.sleep(0.05)
            server.offer({CLUSTER: RESOURCES[CLUSTER], LISTENER: {"l": Resource("2", b"")}}, 8)
            changed = await call.hear()
            assert [(r.name, r.version) for r in changed.resources] == [("l", "2")]
            await call.say(LISTENER, response_nonce=changed.nonce, error="cannot bind")
            await notes.until("nack", "web", "l", "cannot bind")
            server.offer(RESOURCES, 9)
            undone = await call.hear()
            await call.say(LISTENER, response_nonce=undone.nonce)
            await notes.until("acked", "web", 9)

    run(test)
    assert notes.all[0] == ("connected", "web")
    assert [note for note in notes.all if note[0] == "acked"] == [("acked", "web", 7), ("acked", "web", 9)]


def test_an_edit_that_does_not_concern_a_proxy_is_in_force_at_once(tmp_path: Path) -> None:
    notes = Notes()

    async def test() -> None:
        async with serving(tmp_path, notes) as server, calling(server) as call:
            server.offer({}, 1)
            for type_url in (CLUSTER, LISTENER):
                await call.say(type_url)
                answer = await call.hear()
                await call.say(type_url, response_nonce=answer.nonce)
            await notes.until("acked", "web", 1)
            server.offer({}, 2)
            await notes.until("acked", "web", 2)

    run(test)


def test_nothing_is_said_before_there_is_something_to_offer(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, Notes()) as server, calling(server) as call:
            await call.say(CLUSTER)
            early = asyncio.create_task(call.hear())
            await asyncio.sleep(0.1)
            assert not early.done()
            server.offer(RESOURCES, 1)
            assert (await early).type_url == CLUSTER

    run(test)


def test_each_proxy_gets_its_own_whatever_it_claims_to_be(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, Notes(), "a") as one, serving(tmp_path, Notes(), "b") as other:
            one.offer({CLUSTER: {"of-a": Resource("1", b"")}}, 1)
            other.offer({CLUSTER: {"of-b": Resource("1", b"")}}, 1)
            for server, expected in ((one, "of-a"), (other, "of-b")):
                async with calling(server) as call:
                    await call.say(CLUSTER)
                    assert [r.name for r in (await call.hear()).resources] == [expected]

    run(test)


def test_a_verdict_outlives_the_server(tmp_path: Path) -> None:
    notes = Notes()
    offered = {CLUSTER: {}, EXTENSION: {"note": Resource("bad", b"")}}

    async def answered(server: ProxyServer, **answer: str) -> None:
        server.offer(offered, 1)
        async with calling(server) as call:
            await call.say(EXTENSION, resource_names_subscribe=["note"])
            response = await call.hear()
            await call.say(EXTENSION, response_nonce=response.nonce, **answer)
            await notes.until("nack", "web", "note", "no such module")

    async def test() -> None:
        async with serving(tmp_path, notes) as server:
            await answered(server, error="no such module")
        notes.all.clear()
        async with serving(tmp_path, notes) as server:
            await answered(server)

    run(test)


def test_a_socket_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, Notes()) as server:
            assert stat.S_IMODE(server.socket.stat().st_mode) == 0o600
            assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
        assert not server.socket.exists()

    run(test)


def test_a_socket_file_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    import socket  # noqa: PLC0415

    (tmp_path / "xds").mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "xds" / "web.sock"))

    async def test() -> None:
        async with serving(tmp_path, Notes()) as server, calling(server) as call:
            server.offer(RESOURCES, 1)
            await call.say(CLUSTER)
            assert (await call.hear()).type_url == CLUSTER

    run(test)


@pytest.mark.parametrize("name", ["x" * 120, "a/folder"])
def test_a_socket_that_cannot_be_bound_is_an_os_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "a" / "folder").mkdir(parents=True)

    async def test() -> None:
        server = ProxyServer("web", tmp_path / name, MESSAGES, Verdicts(tmp_path / "v"), Notes())
        with pytest.raises(OSError, match=name):
            await server.start()
        await server.stop()

    run(test)


def test_other_methods_are_unimplemented(tmp_path: Path) -> None:
    async def test() -> None:
        other = METHOD.replace("DeltaAggregated", "StreamAggregated")
        async with serving(tmp_path, Notes()) as server, calling(server, other) as call:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.hear()
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    run(test)
