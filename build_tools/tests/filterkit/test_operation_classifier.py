"""What the compiler of operations makes of documents: tables lead where templates say, and faults have places."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lateen.filterkit.catalog import catalog
from lateen.filterkit.compilers import openapi, operation_classifier
from lateen.filterkit.compilers.openapi import read_document
from lateen.filterkit.compilers.operation_classifier import compile_configuration, named_files
from lateen.filterkit.configuration import Problem

FOLDER = "filterkit/operation_classifier"
GOLDEN = Path(__file__).parents[1] / "golden"
VECTORS = yaml.safe_load((GOLDEN / FOLDER / "in.vectors.yaml").read_text())

Found = str


@dataclass
class Node:
    """A node as it is read back from the binary form."""

    operations: dict[str, str] = field(default_factory=dict)
    literals: dict[bytes, Node] = field(default_factory=dict)
    patterns: list[tuple[list[bytes], Node]] = field(default_factory=list)
    parameter: Node | None = None


class Reader:
    """The binary form, read as its description says and not as the compiler writes it."""

    def __init__(self, table: bytes) -> None:
        self.bytes = iter(table)
        assert next(self.bytes) == 1
        self.methods, self.names = self.texts(), self.texts()
        self.root = self.node()
        assert next(self.bytes, None) is None

    def number(self) -> int:
        value = shift = 0
        while (byte := next(self.bytes)) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def text(self) -> bytes:
        return bytes(next(self.bytes) for _ in range(self.number()))

    def texts(self) -> list[str]:
        return [self.text().decode() for _ in range(self.number())]

    def node(self) -> Node:
        node = Node()
        for _ in range(self.number()):
            method = self.methods[self.number()]
            node.operations[method] = self.names[self.number()]
        for _ in range(self.number()):
            literal = self.text()
            node.literals[literal] = self.node()
        for _ in range(self.number()):
            parts = [self.text() for _ in range(self.number())]
            node.patterns.append((parts, self.node()))
        node.parameter = self.node() if self.number() else None
        return node


def walk(node: Node, segments: list[bytes]) -> Iterator[Node]:
    """The nodes that a path leads to, best first."""
    if not segments:
        yield node
        return
    first, *rest = segments
    if first in node.literals:
        yield from walk(node.literals[first], rest)
    if first in (b"", b".", b".."):
        return
    for parts, child in node.patterns:
        if re.fullmatch(b"(?s:.+)".join(map(re.escape, parts)), first):
            yield from walk(child, rest)
    if node.parameter:
        yield from walk(node.parameter, rest)


def find(table: dict[str, Any], method: str, path: str) -> Found:
    """Where a compiled configuration leads, by its table alone."""
    if not path.startswith("/"):
        return "(no path)"
    path = path.lower() if table["ignore_case"] else path
    texts = path[1:].split("/")
    if not table["strict"] and not texts[-1]:
        texts.pop()
    root = Reader(base64.b64decode(table["table"])).root
    nodes = [node for node in walk(root, [unquote_to_bytes(text) for text in texts]) if node.operations]
    methods = [method, "GET"] if method == "HEAD" else [method]
    names = [node.operations[m] for node in nodes for m in methods if m in node.operations]
    return names[0] if names else "(no method)" if nodes else "(no path)"


def problems(config: dict[str, Any], **files: str | None) -> tuple[Problem, ...]:
    assert catalog()["operation_classifier"].problems(config) == []
    return compile_configuration(config, files).problems


def document(paths: Any, **more: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "paths": paths} | more


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_table_leads_where_the_templates_say(vector: dict[str, Any]) -> None:
    compiled = compile_configuration(vector["config"], {})
    assert compiled.problems == ()
    found = [[method, path, find(compiled.value, method, path)] for method, path, _ in vector["requests"]]
    assert found == vector["requests"]


def test_the_tables_that_the_module_is_tested_with(golden: Callable[[str, str], None]) -> None:
    written = []
    for vector in VECTORS:
        value = compile_configuration(vector["config"], {}).value
        compiled = {key: value[key] for key in ("strict", "ignore_case", "table")}
        written.append({"name": vector["name"], **compiled, "requests": vector["requests"]})
    golden(f"{FOLDER}/out.vectors.json", json.dumps(written, indent=1, ensure_ascii=False) + "\n")


# -- against trying every template ------------------------------------------------------------------------------------

segments = st.one_of(
    st.text("ab", min_size=1, max_size=3),
    st.lists(st.text("ab", min_size=1, max_size=2), max_size=2).map(
        lambda texts: "{p}" + "".join(f"{text}{{q{i}}}" for i, text in enumerate(texts))
    ),
    st.tuples(st.text("ab", max_size=2), st.text("ab", max_size=2)).map(lambda ends: f"{ends[0]}{{p}}{ends[1]}"),
)
templates = st.lists(segments, max_size=4).map(lambda parts: "/" + "/".join(parts))
paths = st.lists(st.text("ab.", min_size=1, max_size=4), max_size=4).map(lambda parts: "/" + "/".join(parts))


def shape(template: str) -> list[str]:
    """Segments without the names of their parameters."""
    return [re.sub(r"\{\w+\}", "{}", segment) for segment in template[1:].split("/") if segment]


def rank(template: str) -> list[tuple[bool, int, list[str]]]:
    """Of templates that take the same path the one that sorts first decides."""
    return [("{" in s, -len(s.replace("{}", "")) if "{" in s else 0, s.split("{}")) for s in shape(template)]


def naive(operations: list[dict[str, str]], method: str, path: str) -> Found:
    def takes(template: str) -> bool:
        wanted = [re.escape(s).replace(r"\{\}", "[^/]+") for s in shape(template)]
        wanted = [rf"(?!\.{{1,2}}/){text}" if "[" in text else text for text in wanted]
        return re.fullmatch("/".join(["", *wanted, ""]), path.rstrip("/") + "/") is not None

    taking = sorted((o for o in operations if takes(o["path"])), key=lambda o: rank(o["path"]))
    return next((o["name"] for o in taking if o["method"] == method), "(no method)" if taking else "(no path)")


@given(st.lists(st.tuples(st.sampled_from(["GET", "PUT"]), templates), max_size=24), st.lists(paths, max_size=8))
def test_it_finds_what_trying_every_template_finds(given_templates: list[tuple[str, str]], asked: list[str]) -> None:
    unique = {(method, *shape(template)): (method, template) for method, template in given_templates}.values()
    operations = [{"method": m, "path": path, "name": f"{m} {path}"} for m, path in unique]
    compiled = compile_configuration({"operations": operations}, {})
    assert {problem.kind for problem in compiled.problems} <= {"ambiguous"}  # so entangled that it is refused
    for method in ("GET", "PUT", "POST"):
        assert [find(compiled.value, method, path) for path in asked] == [naive(operations, method, p) for p in asked]


@given(st.lists(templates, max_size=12, unique_by=lambda t: tuple(shape(t))), st.randoms(use_true_random=False))
def test_the_order_of_operations_changes_no_byte(given_templates: list[str], order: random.Random) -> None:
    operations = [{"method": "GET", "path": path, "name": path} for path in given_templates]
    shuffled = order.sample(operations, len(operations))
    first, second = (compile_configuration({"operations": o}, {}).value for o in (operations, shuffled))
    assert first == second


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: st.one_of(
    st.lists(inner, max_size=3),
    st.dictionaries(
        st.sampled_from(["openapi", "swagger", "paths", "/a/{b}", "get", "operationId", "servers", "url", "$ref",
                         "variables", "v", "default", "enum", "additionalOperations", "basePath"]),
        inner,
        max_size=4,
    ),
), max_leaves=20))  # fmt: skip
def test_no_document_ends_the_compiler(data: Any) -> None:
    for given_document in (
        data,
        document(data),
        document({"/a": data}),
        document({"/a": {"get": data}}),
        document({}, servers=data),
        document({}, servers=[{"url": "/{v}", "variables": {"v": data}}]),
        document({}, servers=[{"url": "/{v}", "variables": {"v": {"default": data, "enum": data}}}]),
    ):
        compile_configuration({"openapi": {"file": "f"}}, {"f": json.dumps(given_document)})


# -- faults -----------------------------------------------------------------------------------------------------------


def test_files_are_named_as_the_configuration_names_them() -> None:
    config = {"openapi": [{"file": "b.yaml"}, {"document": {}}, {"file": "a.json"}, {"file": "b.yaml"}]}
    assert named_files(config) == ["b.yaml", "a.json"]


def test_a_file_that_cannot_be_read_is_named_at_its_place() -> None:
    (problem,) = problems({"openapi": [{"file": "f"}]}, f=None)
    assert (problem.kind, problem.path, problem.file) == ("unreadable", ("openapi", 0, "file"), "")
    assert problem.message == "the file 'f' cannot be read"


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("{", (), "it is neither JSON nor YAML: "),
        ("a: [", (), "it is neither JSON nor YAML: "),
        ("openapi: 3.0.0\npaths: {/a: {get: {}}, /a: {put: {}}}", (), "the key '/a' stands there twice"),
        ("- 1", (), "it is no OpenAPI document"),
        ("a: 1", (), "it has neither openapi nor swagger"),
        ("openapi: 4.0.0", ("openapi",), "openapi '4.0.0' is none of 3.0, 3.1 and 3.2"),
        ("swagger: 1.2", ("swagger",), "swagger 1.2 is not 2.0"),
        ("openapi: 3.0.0", (), "it has no operations"),
        ("openapi: 3.0.0\npaths: []", ("paths",), "paths is not an object"),
        ("swagger: '2.0'\nbasePath: v1\npaths: {}", ("basePath",), "basePath is a path that begins with /"),
        ("openapi: 3.0.0\nservers: {}\npaths: {/a: {get: {}, servers: 1}}", ("paths", "/a", "servers"), "a list"),
        ("openapi: 3.0.0\nservers: [{}]", ("servers", 0), "a server has a url"),
        ("openapi: 3.0.0\nservers: [{url: '/{v}'}]", ("servers", 0, "url"), "variable 'v' of the server's url has no"),
        ("openapi: 3.0.0\nservers: [{url: 'http://['}]", ("servers", 0, "url"), "url 'http://[' is none: "),
        ("openapi: 3.0.0\npaths: {a: {get: {}}}", ("paths", "a"), "the path 'a' does not begin with /"),
        ("openapi: 3.0.0\npaths: {/a: 1}", ("paths", "/a"), "a path item is an object"),
        ("openapi: 3.0.0\npaths: {/a: {get: 1}}", ("paths", "/a", "get"), "an operation is an object"),
        ("openapi: 3.0.0\npaths: {/a: {get: {operationId: no}}}", ("paths", "/a", "get", "operationId"), "is a string"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: b.yaml}}", ("paths", "/a", "$ref"), "leads out of the document"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: '#/x/0'}}", ("paths", "/a", "$ref"), "leads to nothing"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: '#/paths/~1a'}}", ("paths", "/a", "$ref"), "leads back to itself"),
        ("openapi: 3.0.0\npaths: {'/a?b={c}': {get: {}}}", ("paths", "/a?b={c}", "get"), "it has a ? or #"),
        ("openapi: 3.0.0\npaths: {'/{a': {get: {}}}", ("paths", "/{a", "get"), "a brace that belongs to no parameter"),
        ("openapi: 3.0.0\npaths: {'/{a+}': {get: {}}}", ("paths", "/{a+}", "get"), "a brace that belongs to no"),
        ("openapi: 3.0.0\npaths: {'/{a}{b}': {get: {}}}", ("paths", "/{a}{b}", "get"), "with nothing between them"),
        (f"openapi: 3.0.0\npaths: {{{'/a' * 65}: {{get: {{}}}}}}", ("paths", "/a" * 65, "get"), "than 64 segments"),
    ],
)  # fmt: skip
def test_a_document_that_is_not_understood_says_where(text: str, path: tuple[str | int, ...], message: str) -> None:
    (problem,) = problems({"openapi": {"file": "f"}}, f=text)
    assert (problem.kind, problem.file, problem.file_path, problem.path) == ("document", "f", path, ("openapi", "file"))
    assert message in problem.message


def test_what_is_wrong_with_a_document_in_the_configuration_has_its_path_there() -> None:
    (problem,) = problems({"openapi": {"document": document({"/a": {"get": 1}})}})
    assert problem.path == ("openapi", "document", "paths", "/a", "get")
    assert problem.file == ""


def test_what_yaml_reads_as_numbers_and_dates_does_no_harm() -> None:
    suite = catalog()["operation_classifier"]
    text = "{openapi: 3.0.0, info: {version: 2026-01-01}, paths: {/a: {get: {responses: {200: {}}}}}}"
    assert suite.configuration({"openapi": {"document": yaml.safe_load(text)}}).problems == ()
    assert suite.configuration({"openapi": {"file": "f"}}, {"f": text}).problems == ()


def test_what_is_right_beside_a_fault_is_in_force() -> None:
    openapi = document({"/a": 1, "/b": {"get": {"operationId": "b"}}})
    compiled = compile_configuration({"openapi": {"document": openapi}}, {})
    assert len(compiled.problems) == 1
    assert find(compiled.value, "GET", "/b") == "b"


@pytest.mark.parametrize(
    ("openapi", "message"),
    [
        (
            document({"/a/{b}": {"get": {"operationId": "first"}}, "/a/{c}": {"get": {}}}),
            "GET /a/{c} is matched by the same paths as the operation 'first'",
        ),
        (
            document({"/a": {"get": {"operationId": "first"}}, "/a/": {"get": {}}}),
            "GET /a/ is matched by the same paths as the operation 'first'",
        ),
        (
            document({"/a": {"get": {"operationId": "same"}}, "/b": {"get": {"operationId": "same"}}}),
            "operationId 'same' is that of another operation too",
        ),
        (
            document({"/" + "/".join(f"{{p}}{bits >> i & 1}" if bits >> i & 1 else "{p}" for i in range(7)):
                      {"get": {"operationId": str(bits)}} for bits in range(128)}),
            "one path can be held against 255 templates, 128 are the limit",
        ),
    ],
)  # fmt: skip
def test_operations_that_cannot_be_told_apart_are_named(openapi: Any, message: str) -> None:
    (problem,) = problems({"openapi": {"document": openapi}})
    assert (problem.kind, problem.message) == ("ambiguous", message)


def test_names_and_numbers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (openapi, operation_classifier):
        monkeypatch.setattr(module, "MAX_OPERATIONS", 50)
    long = document({"/a": {"get": {"operationId": "n" * 201}}, "/b": {"get": {"operationId": "a\nb"}}})
    assert [problem.kind for problem in problems({"openapi": {"document": long}})] == ["limit", "limit"]
    too_many = ["there are more than 50 operations"]
    many = document({f"/{i}": {"get": {}} for i in range(51)})
    assert [p.message for p in problems({"openapi": {"file": "f"}}, f=json.dumps(many))] == too_many
    one_for_all = {"additionalOperations": {f"M{i}": {} for i in range(51)}}
    paths = {f"/{i}": {"$ref": "#/components/pathItems/all"} for i in range(50_000)}
    again = document(paths, components={"pathItems": {"all": one_for_all}})
    assert [p.message for p in problems({"openapi": {"document": again}})] == too_many
    urls = document({"/a": {"get": {}}}, servers=[{"url": f"/{i}"} for i in range(101)])
    assert [p.message for p in problems({"openapi": {"document": urls}})] == ["servers have more than 100 base paths"]


def test_servers_that_differ_in_their_host_have_one_base_path() -> None:
    servers = [{"url": f"https://{i}.example.com/v1"} for i in range(150)]
    both = document({"/a": {"get": {"operationId": "a"}}}, servers=[*servers, {"url": "/v2"}])
    compiled = compile_configuration({"openapi": {"document": both}}, {})
    assert compiled.problems == ()
    assert [find(compiled.value, "GET", path) for path in ("/v1/a", "/v2/a")] == ["a", "a"]
    variables = {name: {"default": "0", "enum": [str(i) for i in range(10)]} for name in "abcdefghij"}
    endless = {"url": "https://{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}/", "variables": variables}
    found = problems({"openapi": {"document": document({"/a": {"get": {}}}, servers=[endless])}})
    assert [p.message for p in found] == ["servers have more than 10000 addresses"]


def test_merges_of_merges_grow_no_document() -> None:
    lines = ["openapi: 3.0.0", "paths: {/a: {get: {operationId: a}}}", "x-0: &x0 {a: 1, b: 2}"]
    lines += [f"x-{n}: &x{n} {{<<: [{', '.join([f'*x{n - 1}'] * 9)}]}}" for n in range(1, 30)]
    assert read_document("\n".join(lines)).data["x-29"] == {"a": 1, "b": 2}
    over = "openapi: 3.0.0\nx-a: &a {a: 1, b: 2}\nx-b: {b: 3, <<: *a}\npaths: {}"
    assert read_document(over).data["x-b"] == {"a": 1, "b": 3}


def test_a_method_is_a_token() -> None:
    found = problems({"openapi": {"document": document({"/a": {"additionalOperations": {"application/grpc": {}}}})}})
    assert [p.message for p in found][:1] == ["'application/grpc' is no method"]


def test_what_grpc_and_graphql_need_is_handed_on() -> None:
    digest = "AB" * 32
    config = {
        "grpc": {"limit": 5},
        "graphql": {"path": "/graphql", "operations": ["B", "A"], "persisted": {digest: "P"}},
        "unknown": "other",
    }
    value = compile_configuration(config, {}).value
    assert value["grpc"] == {"limit": 5}
    assert value["graphql"] == {
        "paths": ["/graphql"],
        "max_body": 65536,
        "operations": ["A", "B"],
        "persisted": {digest.lower(): "P"},
        "limit": 0,
    }
    assert value["unknown"] == "other"
