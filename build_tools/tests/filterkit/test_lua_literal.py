"""Whatever a configuration holds, its Lua literal is data on one line."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.filterkit.lua_literal import lua_literal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TOKEN = re.compile(
    r'"(?P<string>(?:[^"\\]|\\[0-9]{3})*)"|(?P<number>-?[0-9][0-9.e+-]*)|(?P<word>nil|true|false)|(?P<sign>[][{}=,])'
)


class Reader:
    """Reads the part of Lua's grammar that data needs; anything else fails."""

    def __init__(self, text: str) -> None:
        tokens = list(TOKEN.finditer(text))
        assert "".join(token[0] for token in tokens) == text, "something other than data"
        self.tokens = [(token.lastgroup, token[token.lastgroup or 0]) for token in tokens]

    def take(self, sign: str) -> bool:
        if self.tokens[0] == ("sign", sign):
            self.tokens.pop(0)
            return True
        return False

    def value(self) -> Any:
        if self.take("{"):
            return self.table()
        kind, text = self.tokens.pop(0)
        if kind == "string":
            data = re.sub(rb"\\([0-9]{3})", lambda found: bytes([int(found[1])]), text.encode("ascii"))
            return data.decode()
        assert kind != "sign"
        return {"nil": None, "true": True, "false": False}[text] if kind == "word" else float(text)

    def table(self) -> Any:
        items: list[Any] = []
        entries: dict[str, Any] = {}
        while not self.take("}"):
            if self.take("["):
                key = self.value()
                assert self.take("]")
                assert self.take("=")
                entries[key] = self.value()
            else:
                items.append(self.value())
            self.take(",")
        return entries or items


def as_lua(value: Any) -> Any:
    """What Lua can tell apart: numbers are floats, an empty mapping is an empty list."""
    if isinstance(value, list):
        return [as_lua(item) for item in value]
    if isinstance(value, dict):
        return {key: as_lua(item) for key, item in value.items()} or []
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


@given(VALUES.filter(lambda value: not isinstance(value, int) or abs(value) < 2**53))
def test_a_literal_reads_back_as_its_value_property(value: Any) -> None:
    literal = lua_literal(value)
    reader = Reader(literal)
    assert reader.value() == as_lua(value)
    assert reader.tokens == []


@given(VALUES)
def test_a_literal_is_one_line_of_printable_ascii_property(value: Any) -> None:
    assert re.fullmatch(r"[ -~]+", lua_literal(value))


@pytest.mark.parametrize("text", ['"', "\\", "\n", "]]", "--", "\0", "\u2028", '" .. os.exit() .. "'])
def test_a_string_cannot_end_itself(text: str) -> None:
    assert re.fullmatch(r'"(?:[A-Za-z0-9 _./:,@*-]|\\[0-9]{3})*"', lua_literal(text))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_without_literal_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no literal"):
        lua_literal(value)


@pytest.mark.parametrize("value", [b"bytes", {1: "a"}, {"a": object()}])
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        lua_literal(value)
