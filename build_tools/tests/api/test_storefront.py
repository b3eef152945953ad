"""The example, broken one field at a time: each break is reported at its own line and column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import pytest

from lateen.api.check import check
from lateen.api.kinds import kinds
from lateen.api.mesh_config import check_mesh_config
from lateen.api.shape import Shape
from lateen.source.document import Document, LocatedList, LocatedMap, Path
from lateen.source.read import read

FOLDER = FilePath(__file__).resolve().parents[3] / "envoy_configs/storefront"
LOADED = read(FOLDER)


def shape_of(document: Document) -> Shape:
    group, _, version = document.data["apiVersion"].rpartition("/")
    return kinds()[group, version, document.data["kind"]].shape


def fields(value: Any, shape: Shape | None, path: Path = ()) -> Iterator[Path]:
    """Every path whose value the schema knows."""
    if isinstance(value, dict):
        for key, item in value.items():
            inner = shape and (shape.fields.get(key) or shape.values)
            if inner and inner.type != "any":
                yield (*path, key)
                yield from fields(item, inner, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield (*path, index)
            yield from fields(item, shape and shape.items, (*path, index))


def with_value(node: Any, path: Path, value: Any) -> Any:
    """A copy of a located tree with another value at `path`, at the same place."""
    if not path:
        return value
    twin: Any
    if isinstance(node, LocatedMap):
        twin = node.copy()
    else:
        twin = LocatedList(node.line, node.column)
        twin.extend(node)
        twin.marks = node.marks
    twin[path[0]] = with_value(node[path[0]], path[1:], value)
    return twin


def test_the_example_is_faultless() -> None:
    resources, found = check(LOADED.documents)
    assert (LOADED.diagnostics, found, check_mesh_config(LOADED.mesh_config)[1]) == ((), (), ())
    assert len(resources) == len(LOADED.documents) > 40


@pytest.mark.parametrize(
    "document", LOADED.documents, ids=lambda d: f"{d.data['kind']}-{d.data['metadata']['name']}-{d.line}"
)
def test_a_wrong_value_is_reported_where_it_stands(document: Document) -> None:
    for path in fields(document.data, shape_of(document)):
        was = document.data
        for step in path:
            was = was[step]
        wrong: Any = "zz" if isinstance(was, (dict, list)) else [["zz"]]
        broken = replace(document, data=with_value(document.data, path, wrong))
        _, found = check([broken])
        places = {(f.origin.file, f.origin.line, f.origin.column) for f in found}
        assert (document.file, *document.locate(path)) in places, path


def test_an_unknown_field_is_reported_where_it_stands() -> None:
    strict = [d for d in LOADED.documents if "istio" in d.data["apiVersion"] or "lateen" in d.data["apiVersion"]]
    assert len(strict) > 10
    for document in strict:
        spec: LocatedMap = document.data["spec"].copy()
        key = next(iter(spec))
        spec["zz"] = spec.pop(key)
        spec.marks = {**spec.marks, "zz": spec.marks[key]}
        _, found = check([replace(document, data=with_value(document.data, ("spec",), spec))])
        places = [(f.origin.line, f.origin.column) for f in found if f.code == "LAT0110"]
        assert places == [document.locate(("spec", key), key=True)]
