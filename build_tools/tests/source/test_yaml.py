"""YAML text to values and places: what Kubernetes' reader makes of it, and where every fault stands."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lateen.diagnostics import Diagnostic
from lateen.emit import to_yaml
from lateen.source.construct import MAX_DEPTH
from lateen.source.document import LocatedList, LocatedMap
from lateen.source.yaml import parse


def read(text: str) -> Any:
    documents, found = parse(text, "f.yaml")
    assert found == []
    return documents[0].data


def faults(text: str) -> tuple[list[Any], list[Diagnostic]]:
    documents, found = parse(text, "f.yaml")
    return [document.data for document in documents], found


PLAIN = [
    ("yes", True),
    ("Off", False),
    ("y", True),
    ("N", False),
    ("TRUE", True),
    ("yEs", "yEs"),
    ("~", None),
    ("null", None),
    ("nUll", "nUll"),
    ("=", "="),
    ("2024-01-01", "2024-01-01"),
    ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
    ("1:30", "1:30"),
    ("190:20:30", "190:20:30"),
    ("010", 8),
    ("0o17", 15),
    ("08", 8),
    ("0x1F", 31),
    ("0b101", 5),
    ("-7", -7),
    ("+7", 7),
    ("1_000", 1000),
    ("1e3", 1000),
    ("1.0", 1),
    ("1.5", 1.5),
    (".5", 0.5),
    ("1.", 1),
    ("1.2.3", "1.2.3"),
    ("1e", "1e"),
    ("0x", "0x"),
    ("18446744073709551615", 2**64 - 1),
    ("18446744073709551616", 2**64),
    ("v1", "v1"),
    ('"yes"', "yes"),
    ("'8080'", "8080"),
    ("!!str 5", "5"),
    ("!!int '5'", 5),
    ("!!float 5", 5),
    ("!!bool 'yes'", True),
    ("!!null ''", None),
    ("!!binary aGk=", "hi"),
    ("!!timestamp 2024-01-01", "2024-01-01"),
]


@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_a_scalar_is_read_as_kubernetes_reads_it(text: str, value: Any) -> None:
    got = read(f"a: {text}")["a"]
    assert got == value
    assert type(got) is (float if isinstance(value, float) else type(value)) or value == 2**64


@pytest.mark.parametrize(
    ("text", "key"), [("80", "80"), ("yes", "true"), ("off", "false"), ("1.5", "1.5"), ("'yes'", "yes"), ("0x10", "16")]
)
def test_a_key_is_a_string_as_in_json(text: str, key: str) -> None:
    assert list(read(f"{text}: 1")) == [key]


def test_a_merge_adds_the_keys_that_are_not_there() -> None:
    data = read("a: &a {p: 1, q: 2}\nb: &b {q: 3, r: 4}\nc:\n  <<: [*a, *b]\n  p: 0\nd:\n  <<: *a\n")
    assert data["c"] == {"p": 0, "q": 2, "r": 4}
    assert data["d"] == {"p": 1, "q": 2}
    assert data["d"].marks["q"] == (1, 14, 1, 17)


def test_places_count_from_one_for_keys_values_and_items() -> None:
    data = read("spec:\n  hosts:\n  - a\n  -   b\n  x: {z: 1}\n")
    assert data.marks["spec"] == (1, 1, 2, 3)
    assert data["spec"].marks["hosts"] == (2, 3, 3, 3)
    assert data["spec"]["hosts"].marks == [(3, 5), (4, 7)]
    assert data["spec"]["x"].marks["z"] == (5, 7, 5, 10)


def test_a_literal_text_knows_where_its_first_character_stands() -> None:
    data = read("data:\n  mesh: |-\n\n    a: 1\n  other: text\n")
    assert data["data"].literals == {"mesh": (3, 5)}


def test_a_directive_belongs_to_the_document_after_it() -> None:
    documents, found = parse("a: 1\n...\n%YAML 1.1\n---\nb: 1\n", "f.yaml")
    assert [(d.data, d.line) for d in documents] == [({"a": 1}, 1), ({"b": 1}, 5)]
    assert found == []


def test_empty_documents_are_skipped_and_lines_go_on() -> None:
    documents, found = parse("# nothing\n---\n---\na: 1\n---\n\n---\nb: 1\n", "f.yaml")
    assert [(d.data, d.line) for d in documents] == [({"a": 1}, 4), ({"b": 1}, 8)]
    assert found == []


# The sign « stands before the place where the finding must be; it is taken out before the text is read.
BROKEN = [
    ("LAT0003", "a: 1\n---\nb: [1\n«---\nc: 1\n", [{"a": 1}, {"c": 1}], "did not find expected"),
    ("LAT0003", "a: «'x\n---\nc: 1\n", [{"c": 1}], "quoted scalar"),
    ("LAT0003", "a: b«: c\n---\nc: 1\n", [{"c": 1}], "mapping values"),
    ("LAT0003", "a:\n«\tb: 1\n---\nc: 1\n", [{"c": 1}], "cannot start any token"),
    ("LAT0003", "a: «@x\n---\nc: 1\n", [{"c": 1}], "cannot start any token"),
    ("LAT0003", "a: «*x\n---\nc: 1\n", [{"c": 1}], "undefined alias"),
    ("LAT0003", "a: 1\nb: x«\x07y\n---\nc: 1\n", [{"a": 1, "b": "x\ufffdy"}, {"c": 1}], "U+0007"),
    ("LAT0004", "a: 1\nb: 2\n«a: 3\n", [{"a": 1, "b": 2}], "'a'"),
    ("LAT0004", "{a: 1, «a: 2}", [{"a": 1}], "'a'"),
    ("LAT0005", "? «[a]\n: 1\n", [{}], "a list"),
    ("LAT0005", "«~: 1\n", [{}], "null"),
    ("LAT0006", "a: «.inf\n", [{"a": None}], ".inf"),
    ("LAT0006", "a: «!foo b\n", [{"a": "b"}], "!foo"),
    ("LAT0006", "a: «!!set {b, c}\n", [{"a": {"b": None, "c": None}}], "!!set"),
    ("LAT0006", "a: «!!int b\n", [{"a": None}], "!!int"),
    ("LAT0006", "a: «!!binary '*'\n", [{"a": None}], "!!binary"),
    ("LAT0007", "a:\n  <<: «5\n", [{"a": {}}], "scalar"),
    ("LAT0008", "a: «&a [*a]\n---\nc: 1\n", [{"c": 1}], "inside its own anchor"),
    ("LAT0008", "a: 1\n---\n" + "[" * MAX_DEPTH + "«" + "[" * 3000, [{"a": 1}], "levels"),
    ("LAT0008", "[" * MAX_DEPTH + "«[" + "]" * MAX_DEPTH + "]\n---\nc: 1\n", [{"c": 1}], "levels"),
]


@pytest.mark.parametrize(("code", "marked", "kept", "says"), BROKEN)
def test_a_fault_is_reported_at_its_place_and_other_documents_are_read(
    code: str, marked: str, kept: list[Any], says: str
) -> None:
    at = marked.index("«")
    data, found = faults(marked.replace("«", ""))
    assert [finding.code for finding in found] == [code]
    assert says in found[0].message
    line, column = marked.count("\n", 0, at) + 1, at - marked.rfind("\n", 0, at)
    assert (found[0].origin.line, found[0].origin.column) == (line, column)
    assert data == kept


def test_both_places_of_a_key_given_twice_are_named() -> None:
    _, found = faults("x:\n  a: 1\n  b: 2\n  a: 3\n")
    assert [(r.line, r.column) for r in found[0].related] == [(2, 3)]


def test_a_tab_is_explained() -> None:
    _, found = faults("metadata:\n\tname: web\n")
    assert "spaces" in found[0].hint


def test_aliases_cannot_fill_the_memory() -> None:
    levels = [f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]" for i in range(9)]
    data, found = faults("\n".join([f"a: &a [{', '.join('x' * 10)}]", *levels, "---", "good: 1"]))
    assert [finding.code for finding in found] == ["LAT0008"]
    assert data == [{"good": 1}]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 50_000])
def test_nesting_that_would_end_the_process_is_a_finding(text: str) -> None:
    data, found = faults(text)
    assert [finding.code for finding in found] == ["LAT0008"]
    assert data == []


@pytest.mark.parametrize("fault", ["data: {a: [}", "data: {a: 1, a: 2}", "data: {a: .inf}", "data: {a: \x01}"])
def test_a_fault_in_a_secret_says_that_it_is_one(fault: str) -> None:
    _, found = faults(f"a: [\n---\nkind: Secret\n{fault}\n")
    assert [finding.origin.resource for finding in found] == ["", "Secret"]


def test_embedded_text_is_placed_in_its_file() -> None:
    documents, found = parse("a: 1\nb: [\n", "f.yaml", line=10, column=5)
    assert documents == []
    assert (found[0].origin.line, found[0].origin.column) == (12, 5)


KEYS = st.text(st.sampled_from("abcdefgh"), min_size=1, max_size=4)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["yes", "n", "010", "1e3", "=", "~", "<<", "2024-01-01", "1:30", " x", "a: b", "#c", "- d", ""])
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


@given(DOCUMENTS)
def test_property_documents_are_read_as_pyyaml_reads_them(document: dict[str, Any]) -> None:
    text = to_yaml(document)
    assert read(text) == yaml.safe_load(text) == document


def places(data: Any) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    if isinstance(data, LocatedMap):
        assert data.keys() == data.marks.keys()
        found += [(key, *mark[:2]) for key, mark in data.marks.items()]
        found += [place for value in data.values() for place in places(value)]
    if isinstance(data, LocatedList):
        assert len(data) == len(data.marks)
        found += [place for value in data for place in places(value)]
    return found


def test_envoys_tag_leaves_an_entry_out_that_holds_anchors() -> None:
    text = "!ignore shared: &port 80\nport: *port\n"
    documents, found = parse(text, "envoy.yaml", ignoring=True)
    assert found == []
    assert documents[0].data == {"port": 80}
    assert [finding.code for finding in parse(text, "mesh.yaml")[1]] == ["LAT0006"]


@given(st.lists(DOCUMENTS, min_size=1, max_size=3), st.booleans())
def test_property_places_point_at_the_key(given_documents: list[dict[str, Any]], flow: bool) -> None:
    texts = [json.dumps(d) if flow else to_yaml(d) for d in given_documents]
    text = "---\n".join(f"{re.sub(r'u([dD][89a-fA-F])', 'u00e9', t)}\n" if flow else t for t in texts)
    lines = text.split("\n")
    documents, found = parse(text, "f.yaml")
    assert found == []
    for document in documents:
        for key, line, column in places(document.data):
            assert lines[line - 1][column - 1 :].lstrip('"').startswith(key)


@given(st.lists(DOCUMENTS, min_size=1, max_size=4), st.data())
def test_property_a_broken_document_hides_no_other(given_documents: list[dict[str, Any]], data: st.DataObject) -> None:
    broken = data.draw(st.sampled_from(["a: [", "a: 'x", "a: {b: ]", "\tx: 1", "a: *b", "a: b: c"]))
    at = data.draw(st.integers(0, len(given_documents)))
    texts = [to_yaml(document) for document in given_documents]
    documents, found = parse("---\n".join([*texts[:at], f"{broken}\n", *texts[at:]]), "f.yaml")
    assert [finding.code for finding in found] == ["LAT0003"]
    assert [document.data for document in documents] == given_documents
