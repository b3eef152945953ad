"""The way into a pod's network: what passes through it is what was sent."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from lateen.runtime.direct import AGENT_ERROR
from lateen.runtime.docker import agent

Serve = Callable[[socket.socket, bytes], None]


@contextmanager
def answering(*answers: bytes, then: Serve = lambda _peer, _head: None) -> Iterator[tuple[int, list[bytes]]]:
    """A server: its port, and the requests that came, body included. It gives one answer after the other.

    A connection is kept from answer to answer; after the last one `then` decides, and it is closed.
    """
    got: list[bytes] = []
    left = list(answers)

    def serve() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(5)
                while left:
                    request = received(peer)
                    if not request:
                        break
                    got.append(request)
                    peer.sendall(left.pop(0))
                if not left:
                    then(peer, got[-1] if got else b"")
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], got
        server.close()


def received(peer: socket.socket) -> bytes:
    """One request with its body, as it came, as far as it came."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = peer.recv(65536)
        if not block:
            return data
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    length = int(fields.get(b"content-length", 0))
    while len(body) < length or (b"transfer-encoding" in fields and not body.endswith(b"0\r\n\r\n")):
        if not (block := peer.recv(65536)):
            break
        body += block
    return head + b"\r\n\r\n" + body


@pytest.fixture(scope="module")
def way() -> Iterator[int]:
    """The port of an agent for which 127.0.0.1 stands for every name that nothing resolves."""
    server = agent.Server(0, "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(way: int) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", way, timeout=5)) as connection:
        yield connection


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_request_is_handed_on_with_its_method_path_headers_and_body(
    client: http.client.HTTPConnection, method: str
) -> None:
    with answering(OK) as (port, got):
        client.request(
            method, f"http://127.0.0.1:{port}/a%20b?c=d", b"body", {"X-Any": "1", "Connection": "keep-alive"}
        )
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b"ok")
    head, _, body = got[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == f"{method} /a%20b?c=d HTTP/1.1".encode()
    assert f"Host: 127.0.0.1:{port}".encode() in lines
    assert b"X-Any: 1" in lines
    assert b"connection" not in head.lower()
    assert body == b"body"


def test_connections_are_kept_on_both_sides(client: http.client.HTTPConnection) -> None:
    with answering(OK, EMPTY, OK) as (port, got):
        for status in (200, 204, 200):
            client.request("GET", f"http://127.0.0.1:{port}/")
            answer = client.getresponse()
            answer.read()
            assert answer.status == status
    assert len(got) == 3


def test_a_connection_that_the_server_has_closed_is_opened_again(client: http.client.HTTPConnection) -> None:
    with answering(OK) as (port, _):
        client.request("GET", f"http://127.0.0.1:{port}/")
        assert client.getresponse().read() == b"ok"
    with socket.create_server(("127.0.0.1", port)) as again:
        client.request("GET", f"http://127.0.0.1:{port}/")
        peer, _ = again.accept()
        with peer:
            received(peer)
            peer.sendall(OK)
            assert client.getresponse().read() == b"ok"


def test_a_body_in_chunks_is_handed_on_in_chunks(client: http.client.HTTPConnection) -> None:
    with answering(OK) as (port, got):
        client.request("POST", f"http://127.0.0.1:{port}/", iter([b"one", b"2" * 150_000]), encode_chunked=True)
        assert client.getresponse().read() == b"ok"
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body.count(b"2") == 150_000
    assert body.startswith(b"3\r\none\r\n")


def test_a_client_that_waits_for_100_is_told_to_go_on(way: int) -> None:
    with answering(OK) as (port, got), socket.create_connection(("127.0.0.1", way), 5) as client:
        head = f"POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        assert client.recv(1024).startswith(b"HTTP/1.1 200")
    assert b"expect" not in got[0].lower()
    assert got[0].endswith(b"body")


def test_an_answer_without_end_arrives_as_it_is_said(client: http.client.HTTPConnection) -> None:
    """As server-sent events: the second part is sent once the first has arrived."""
    arrived = threading.Event()

    def more(peer: socket.socket, _head: bytes) -> None:
        peer.sendall(b"5\r\nfirst\r\n")
        assert arrived.wait(5)
        peer.sendall(b"6\r\nsecond\r\n0\r\n\r\n")

    with answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", then=more) as (port, _):
        client.request("GET", f"http://127.0.0.1:{port}/")
        answer = client.getresponse()
        assert answer.read1(100) == b"first"
        arrived.set()
        assert answer.read() == b"second"


def test_an_answer_that_ends_with_its_connection_has_an_end(client: http.client.HTTPConnection) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\nall of it") as (port, _):
        client.request("GET", f"http://127.0.0.1:{port}/")
        assert client.getresponse().read() == b"all of it"


@pytest.mark.parametrize(
    "cut", [b"content-length: 9\r\n\r\nhalf", b"transfer-encoding: chunked\r\n\r\n9\r\nhalf"], ids=["length", "chunks"]
)
def test_an_answer_that_breaks_off_is_not_taken_for_whole(client: http.client.HTTPConnection, cut: bytes) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n" + cut) as (port, _):
        client.request("GET", f"http://127.0.0.1:{port}/")
        with pytest.raises(http.client.IncompleteRead):
            client.getresponse().read()


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\netag: e\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\netag: e\r\n\r\n"),
    ],
)
def test_an_answer_without_body_keeps_the_length_that_it_tells(
    client: http.client.HTTPConnection, method: str, answer: bytes
) -> None:
    with answering(answer, OK) as (port, _):
        client.request(method, f"http://127.0.0.1:{port}/")
        got = client.getresponse()
        assert (got.headers["content-length"], got.headers["etag"], got.read()) == ("100", "e", b"")
        client.request("GET", f"http://127.0.0.1:{port}/")
        assert client.getresponse().read() == b"ok"


def test_each_header_of_an_answer_passes(client: http.client.HTTPConnection) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n") as (port, _):
        client.request("GET", f"http://127.0.0.1:{port}/")
        assert client.getresponse().headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_a_server_may_answer_before_the_end_of_the_request(client: http.client.HTTPConnection) -> None:
    refusal = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n"

    def refuse() -> None:
        peer, _ = server.accept()
        with peer:
            peer.recv(100)
            peer.sendall(refusal)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=refuse, daemon=True).start()
        client.request("POST", f"http://127.0.0.1:{server.getsockname()[1]}/", bytes(1 << 20))
        assert client.getresponse().status == 413


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_it_says_what_became_of_a_connection(client: http.client.HTTPConnection) -> None:
    client.request("POST", f"http://127.0.0.1:{closed_port()}/", bytes(1 << 20))
    answer = client.getresponse()
    answer.read()
    assert (answer.status, answer.headers[AGENT_ERROR]) == (502, "refused")
    with answering(b"") as (port, _):
        client.request("GET", f"http://127.0.0.1:{port}/")
        answer = client.getresponse()
        answer.read()
        assert (answer.status, answer.headers[AGENT_ERROR]) == (502, "reset")


def test_where_a_sidecar_decides_it_is_asked_for_unknown_hosts(client: http.client.HTTPConnection) -> None:
    with answering(OK) as (port, got):
        client.request("GET", f"http://nobody.invalid:{port}/")
        assert client.getresponse().read() == b"ok"
    assert f"Host: nobody.invalid:{port}".encode() in got[0]


def test_without_a_sidecar_an_unknown_host_is_unknown() -> None:
    server = agent.Server(0, "")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)) as client:
        client.request("GET", "http://nobody.invalid/")
        assert client.getresponse().headers[AGENT_ERROR] == "unknown-host"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: -1",
        "Content-Length: many",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\n\r\nmany",
        "Transfer-Encoding: chunked\r\n\r\n-5",
    ],
)
def test_a_request_whose_end_nobody_knows_is_refused(way: int, head: str) -> None:
    with answering(OK) as (port, _), socket.create_connection(("127.0.0.1", way), 5) as client:
        client.sendall(f"POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        with client.makefile("rb") as said:
            assert said.readline().startswith(b"HTTP/1.1 400")
            said.read()  # to the end of the connection


def tunnel(way: int, target: str) -> tuple[socket.socket, bytes]:
    client = socket.create_connection(("127.0.0.1", way), 5)
    client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    return client, client.recv(1024)


def test_a_tunnel_carries_what_each_says_until_both_have_ended(way: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client, said = tunnel(way, f"127.0.0.1:{server.getsockname()[1]}")
        assert said.startswith(b"HTTP/1.1 200")
        peer, _ = server.accept()
        with client, peer:
            peer.settimeout(5)
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            with peer.makefile("rb") as question:
                assert question.read() == b"question"
            peer.sendall(b"answer")
            peer.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answer:
                assert answer.read() == b"answer"


def test_a_tunnel_to_where_nobody_listens_is_refused(way: int) -> None:
    client, said = tunnel(way, f"127.0.0.1:{closed_port()}")
    with client:
        assert said.startswith(b"HTTP/1.1 502")
        assert f"{AGENT_ERROR}: refused".encode() in said


@pytest.mark.parametrize("target", ["127.0.0.1:99999", "127.0.0.1", "127.0.0.1:http", "[::1:80"])
def test_a_tunnel_needs_an_address(way: int, target: str) -> None:
    client, said = tunnel(way, target)
    with client:
        assert said.startswith(b"HTTP/1.1 400")
