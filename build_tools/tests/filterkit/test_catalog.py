"""Every filter of the suite is described as its schema says, and its page shows a configuration that it takes."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from lateen.filterkit.catalog import Filter, catalog, empty_module, noop_module, read_filter, schema

ROOT = Path(__file__).resolve().parents[3]
FILTERS = catalog().values()
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)

KEY = "a key that nobody may see"

MakeFilter = Callable[..., Filter]

each_filter = pytest.mark.parametrize("suite", FILTERS, ids=lambda suite: suite.name)


def test_the_catalogue_holds_every_folder_with_a_description() -> None:
    folders = {path.parent.name for path in (ROOT / "filters").glob("*/filter.yaml")}
    assert set(catalog()) == folders >= {"tenant_context"}


@each_filter
def test_the_schema_of_a_configuration_is_one(suite: Filter) -> None:
    jsonschema_rs.meta.validate(suite.config_schema)


@each_filter
def test_the_page_of_a_filter_configures_it_rightly(suite: Filter) -> None:
    documents = [
        document
        for block in YAML_BLOCK.findall((suite.directory / "README.md").read_text())
        for document in yaml.safe_load_all(block)
    ]
    configs = [
        document["spec"]["wasm"]["pluginConfig"]
        for document in documents
        if isinstance(document, dict) and document.get("kind") == "TrafficExtension"
    ]
    assert configs or suite.phase == "BUILT_IN"
    assert [suite.problems(config) for config in configs] == [[] for _ in configs]


@each_filter
def test_the_index_of_filters_leads_to_its_page(suite: Filter) -> None:
    assert f"(../../filters/{suite.name}/README.md)" in (ROOT / "docs/filters/README.md").read_text()


@pytest.mark.parametrize("name", ["filter", "scenario"])
def test_the_schemas_of_the_package_are_schemas(name: str) -> None:
    jsonschema_rs.meta.validate(schema(name))


def test_a_bare_off_is_told_from_other_faults() -> None:
    config = yaml.safe_load("{mode: off, header: x-tenant, sources: [{host: {suffix: .shop.example}}]}")
    ((path, problem),) = catalog()["tenant_context"].problems(config)
    assert path == "mode"
    assert 'write "off" in quotes' in problem


def test_a_fault_of_a_configuration_has_its_path() -> None:
    config = {"header": "x-tenant", "sources": [{"host": {"suffix": "shop"}}], "more": 1}
    assert [path for path, _ in catalog()["tenant_context"].problems(config)] == ["", "sources[0].host.suffix"]


@pytest.mark.parametrize(
    ("name", "config", "path"),
    [
        ("hmac_auth", {"rules": [{"name": "a", "github": {"keys": [{"id": "k", "secret": KEY}]}}]}, "keys[0].secret"),
        ("hmac_auth", {"rules": [{"name": "a", "github": {"keys": [KEY]}}]}, "keys[0]"),
        ("tenant_context", {"header": "x-tenant", "sources": [{"api_key": {"tenants": {"a": [KEY]}}}]}, "tenants.a[0]"),
    ],
)
def test_a_key_that_stands_at_a_wrong_place_is_not_shown(name: str, config: object, path: str) -> None:
    problems = dict(catalog()[name].problems(config))
    assert any(place.endswith(path) for place in problems)
    assert KEY not in str(problems)


def test_variables_are_those_that_stand_at_the_end_that_the_description_names() -> None:
    keys = [{"id": "env", "secret": {"env": "B"}}, {"id": "k", "secret": {"inline": "secret.env"}}]
    config = {"rules": [{"github": {"keys": keys}}, {"github": {"keys": [{"secret": {"env": "A"}}, keys[0]]}}]}
    assert catalog()["hmac_auth"].variables(config) == ["A", "B"]
    assert catalog()["tenant_context"].variables({"secret": {"env": "A"}}) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: probe", "name: other", "name: 'other' stands in the folder 'probe'"),
        ("kind: lua", "kind: elf", 'kind: "elf" is not one of'),
        ("phase: UNSPECIFIED\n", "", '"phase" is a required property'),
        ("kind: lua", "kind: lua\nowner: me", "'owner' was unexpected"),
    ],
)
def test_a_broken_description_is_refused(make_filter: MakeFilter, old: str, new: str, problem: str) -> None:
    folder = make_filter("").directory
    path = folder / "filter.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=re.escape(problem)):
        read_filter(folder)


def test_the_smallest_modules_are_what_their_script_writes() -> None:
    spec = importlib.util.spec_from_file_location("gen_modules", ROOT / "build_tools/scripts/gen_modules.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert list(script.generate().values()) == [noop_module(), empty_module()]
    assert len(noop_module()) < 300
