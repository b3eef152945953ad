"""Messages on the wire are what scenarios say, and read back as such."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.filterkit.scenarios.http1 import read_request, read_response, write_request, write_response
from lateen.filterkit.scenarios.message import Fields, Message

TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
FIELDS = st.lists(st.tuples(st.from_regex(r"x-[a-z0-9]{1,8}", fullmatch=True), TEXT), max_size=4).map(tuple)
CHUNKS = st.lists(st.text(min_size=1, max_size=20), max_size=4).map(tuple)


@given(FIELDS, CHUNKS, FIELDS)
def test_a_request_reads_back_property(headers: Fields, body: tuple[str, ...], trailers: Fields) -> None:
    pseudo = ((":method", "POST"), (":path", "/a?b"), (":authority", "a.example"))
    wire = b"".join(write_request(Message((*pseudo, *headers), body, trailers)))
    read = read_request(BytesIO(wire))
    assert tuple(f for f in read.headers if f[0] != "transfer-encoding") == (*pseudo, *headers)
    assert (read.body, read.trailers) == (body, trailers)


@given(FIELDS, CHUNKS, FIELDS)
def test_a_response_reads_back_property(headers: Fields, body: tuple[str, ...], trailers: Fields) -> None:
    wire = b"".join(write_response(Message(((":status", "503"), *headers), body, trailers), "GET"))
    read = read_response(BytesIO(wire), "GET")
    framing = ("transfer-encoding", "content-length")
    assert tuple(f for f in read.headers if f[0] not in framing) == ((":status", "503"), *headers)
    assert (read.body, read.trailers) == (body, trailers)


def test_each_chunk_is_a_piece_and_an_empty_one_ends_nothing() -> None:
    request = Message(((":method", "POST"), (":path", "/")), ("a", "", "bc"))
    assert list(write_request(request)) == [
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"1\r\na\r\n",
        b"2\r\nbc\r\n",
        b"0\r\n\r\n",
    ]


def test_a_length_that_was_written_is_kept() -> None:
    request = Message(((":method", "POST"), (":path", "/"), ("Content-Length", "3")), ("abc",))
    assert b"".join(write_request(request)) == b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"


@pytest.mark.parametrize(("method", "status"), [("HEAD", "200"), ("GET", "204"), ("GET", "304")])
def test_some_responses_have_no_body(method: str, status: str) -> None:
    wire = b"".join(write_response(Message(((":status", status),), ("body",)), method))
    assert wire.endswith(b"Scenario\r\n\r\n")
    assert read_response(BytesIO(wire), method).body == ()


@pytest.mark.parametrize("wire", [b"", b"GET / HT", b"GET / HTTP/1.1\r\ncontent-length: 5\r\n\r\nabc"])
def test_a_message_that_ends_early_is_none(wire: bytes) -> None:
    with pytest.raises(EOFError):
        read_request(BytesIO(wire))
