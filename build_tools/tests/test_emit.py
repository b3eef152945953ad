"""YAML for people that no reader takes for anything else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lateen.emit import to_yaml
from lateen.source.yaml import parse

TRAPS = [
    "n",
    "y",
    "on",
    "Off",
    "NO",
    "null",
    "~",
    "010",
    "0x10",
    "+1",
    "1e3",
    "1:30",
    "=",
    "<<",
    "",
    " a",
    "a: b",
    "#",
    "*",
]


@pytest.mark.parametrize("text", TRAPS)
def test_a_string_that_a_reader_could_misread_is_quoted(text: str) -> None:
    assert to_yaml({text: text}).count('"') == 4


def test_blocks_keep_the_order_of_keys_and_nest() -> None:
    value = {"b": [{"x": 1, "y": []}, ["s"], {}], "a": {"c": None, "d": True, "e": 1e-9}}
    expected = 'b:\n- x: 1\n  "y": []\n- - s\n- {}\na:\n  c: null\n  d: true\n  e: 1.0e-09\n'
    assert to_yaml(value) == expected


def test_text_of_several_lines_stays_text_of_several_lines() -> None:
    code = "function f()\n  return '#'\n\nend\n"
    expected = "a:\n- |\n    function f()\n      return '#'\n\n    end\nb: |-\n  x\n  y\n"
    assert to_yaml({"a": [code], "b": "x\ny"}) == expected


LINES = st.lists(st.text('a #:-|\t"{\u00e9\u2028\x85\r', max_size=5)).map("\n".join)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | LINES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)


@given(JSON)
def test_property_both_readers_read_back_what_was_written(value: Any) -> None:
    text = to_yaml({"value": value})
    documents, found = parse(text, "f.yaml")
    assert found == []
    assert documents[0].data["value"] == yaml.safe_load(text)["value"] == value
