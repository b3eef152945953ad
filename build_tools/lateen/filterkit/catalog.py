"""Filters: what each is, the configuration it takes, and its code.

A filter is a folder (`filter.yaml` and the built module or Lua source). Those of the suite are found in the wheel
beside this package or in the checkout; `read_filter` reads any. This module is a leaf: the compiler may import it, it
imports no stage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module, resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema_rs
import orjson
import yaml

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes.filterkit import NOT_BUILT
from lateen.filterkit.configuration import Configuration, Files, read_files
from lateen.filterkit.lua_literal import lua_literal
from lateen.filterkit.module import BrokenModuleError, read_module

_PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (_PACKAGE / "_filters", _PACKAGE.parents[1] / "filters")
"""In a wheel, and in a checkout; the first that exists is used."""

SDK_FOLDERS = (_PACKAGE / "_sdk", FOLDERS[1] / "sdk")
"""Where the SDK's crate is, likewise."""

_NO_FILES: Files = MappingProxyType({})


class DescriptionError(ValueError):
    """A `filter.yaml` that cannot be used: the file, why, and the key at which it is, if that is known."""

    def __init__(self, path: Path, problem: str, at: tuple[str, ...] = ()) -> None:
        super().__init__(path, problem, at)
        self.path, self.problem, self.at = path, problem, at

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclass(frozen=True)
class Filter:
    """A filter.

    `kind` is wasm, lua or native; `phase` Istio's phase; `failure_policy` what happens when a module traps.
    `attributes` are the filter state keys (`wasm.<filter>.<attribute>`) or metadata keys that it publishes. `budget`
    bounds what it may cost: `module_bytes`, `memory_bytes` with which it begins, and `microseconds` per request above
    an empty module. With `reads_body` a module that pauses at the headers still gets the body; without it Envoy holds
    back both. `config_compiler` is the module that makes the filter's configuration of what a person writes, if that is
    another (see `compilers`); `emitter` the module that gives a native filter (see `native`). `environment` is how the
    way to each name of a variable in a configuration ends (`secret.env`), if it names variables of Envoy's process.
    """

    name: str
    kind: str
    summary: str
    phase: str
    failure_policy: str
    config_schema: dict[str, Any] = field(hash=False)
    attributes: tuple[str, ...]
    directory: Path
    budget: dict[str, float] = field(default_factory=dict, hash=False)
    reads_body: bool = False
    config_compiler: str = ""
    emitter: str = ""
    environment: str = ""

    def files(self, config: object, folder: Path) -> dict[str, str | None]:
        """The files that a configuration names, relative to the folder of the file that holds it."""
        if not self.config_compiler or self.problems(config):
            return {}
        return read_files(import_module(self.config_compiler).named_files(config), folder)

    def configuration(self, config: object, files: Files = _NO_FILES) -> Configuration:
        """What the filter gets for a configuration; `files` are those that it names. A configuration that the schema
        refuses stays as it is, so that the filter refuses it too.
        """
        return _configuration(self, orjson.dumps(config, option=orjson.OPT_NON_STR_KEYS), tuple(sorted(files.items())))

    def variables(self, config: object) -> list[str]:
        """The variables of Envoy's process that a configuration names, which its machine must be given."""
        return sorted(set(_texts_at(config, tuple(self.environment.split("."))))) if self.environment else []

    def problems(self, config: object) -> list[tuple[str, str]]:
        """What is wrong with a configuration: (path such as `sources[0].host`, message), in order of the path.

        No value of a configuration that may hold secrets is quoted: one at a wrong place must not be shown either.
        """
        found = [(_path(error.instance_path), _message(error)) for error in _validator(self).iter_errors(config)]
        return sorted(found)

    @property
    def has_secrets(self) -> bool:
        """Whether a configuration may hold secrets: values that the schema marks as `writeOnly`."""
        return _has_secrets(self.config_schema)

    def module(self) -> bytes:
        """The built module of a Wasm filter. Raises FileNotFoundError if it has not been built."""
        return self.module_path.read_bytes()

    @property
    def module_path(self) -> Path:
        """Where the built module of a Wasm filter is."""
        return self.directory / f"{self.name}.wasm"

    @property
    def built(self) -> bool:
        """Whether there is a built module."""
        return self.module_path.exists()

    def lua(self, config: object) -> str:
        """The source of a Lua filter, with its configuration as the first line."""
        source = (self.directory / "filter.lua").read_text()
        return f"local CONFIG = {lua_literal(config)}\n{source}"

    @property
    def argument(self) -> str:
        """How a command line names it: a filter of the suite by its name, any other by its folder."""
        return self.name if self.directory.parent in FOLDERS else str(self.directory)

    @property
    def sha256(self) -> str:
        """The hex digest of the built module."""
        return _digest(self)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What the built module may do at most (`Module.capabilities`); one that no host can read may do nothing."""
        return _capabilities(self)

    @property
    def module_name(self) -> str:
        """The file name under which the module is deployed: its content decides it."""
        return f"{self.name}-{self.sha256[:12]}.wasm"


@cache
def catalog() -> dict[str, Filter]:
    """Every filter of the suite by name."""
    root = next((folder for folder in FOLDERS if folder.is_dir()), None)
    folders = sorted(path.parent for path in root.glob("*/filter.yaml")) if root else []
    return {folder.name: read_filter(folder) for folder in folders}


def unbuilt(suite: Filter) -> tuple[Diagnostic, ...]:
    """That the module of a Wasm filter is missing (LAT0606), if it is."""
    if suite.kind != "wasm" or suite.built:
        return ()
    hint = f"lateen filters build {suite.argument}"
    return (NOT_BUILT.at(Origin(str(suite.directory)), name=suite.name, hint=hint),)


def read_filter(folder: Path) -> Filter:
    """The filter in a folder.

    Raises DescriptionError if its `filter.yaml` is no YAML or does not follow its schema, OSError if there is none.
    """
    path = folder / "filter.yaml"
    content = path.read_bytes()
    try:
        description = yaml.load(content, yaml.CSafeLoader)
        faults = list(jsonschema_rs.validator_for(schema("filter")).iter_errors(description))
    except Exception as error:  # PyYAML lets through whatever its constructors of dates, numbers and keys run into
        raise DescriptionError(path, " ".join(str(error).split())) from error
    if faults:
        raise DescriptionError(path, "; ".join(f"{_path(e.instance_path) or path.name}: {e.message}" for e in faults))
    if description["name"] != folder.resolve().name:
        problem = f"name: {description['name']!r} stands in the folder {folder.resolve().name!r}"
        raise DescriptionError(path, problem, ("name",))
    return Filter(
        name=description["name"],
        kind=description["kind"],
        summary=description["summary"],
        phase=description["phase"],
        failure_policy=description["failure_policy"],
        config_schema=description["config"],
        attributes=tuple(description.get("attributes", ())),
        directory=folder,
        budget=description.get("budget", {}),
        reads_body=description.get("reads_body", False),
        config_compiler=description.get("config_compiler", ""),
        emitter=description.get("emitter", ""),
        environment=description.get("environment", ""),
    )


def schema(name: str) -> dict[str, Any]:
    """A JSON Schema of the package: `filter`, `scenario` or `bench`."""
    loaded: dict[str, Any] = orjson.loads(_data(f"{name}.schema.json"))
    return loaded


def noop_module() -> bytes:
    """A module that does nothing. Loading any module makes Envoy expose `wasmcustom` metrics without its prefix."""
    return _data("noop.wasm")


def empty_module() -> bytes:
    """An HTTP filter that lets every request pass: what entering a VM costs, and nothing else."""
    return _data("empty.wasm")


def _data(name: str) -> bytes:
    return resources.files("lateen.filterkit").joinpath("data", name).read_bytes()


@cache
def _validator(filter_: Filter) -> Any:
    """Made once: every proxy has a configuration to check."""
    mask = "the value" if filter_.has_secrets else None
    return jsonschema_rs.validator_for(filter_.config_schema, mask=mask)


@lru_cache(maxsize=64)
def _configuration(suite: Filter, config: bytes, files: tuple[tuple[str, str | None], ...]) -> Configuration:
    value = orjson.loads(config)
    if not suite.config_compiler or suite.problems(value):
        return Configuration(value)
    compiled: Configuration = import_module(suite.config_compiler).compile_configuration(value, dict(files))
    return compiled


@cache
def _capabilities(filter_: Filter) -> tuple[str, ...]:
    try:
        return read_module(filter_.module()).capabilities
    except BrokenModuleError:
        return ()


@cache
def _digest(filter_: Filter) -> str:
    return hashlib.sha256(filter_.module()).hexdigest()


def _message(error: jsonschema_rs.ValidationError) -> str:
    """The validator's words, and where a bare `off` has come out as false how to write it."""
    bare = error.instance is False and '"off"' in error.message
    return f'{error.message}; write "off" in quotes, YAML takes a bare off for false' if bare else error.message


def _texts_at(node: object, end: tuple[str, ...], keys: tuple[str, ...] = ()) -> Iterator[str]:
    """Every text to which the way by keys, items of lists aside, has this end."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _texts_at(value, end, (*keys, key))
    elif isinstance(node, list):
        for item in node:
            yield from _texts_at(item, end, keys)
    elif isinstance(node, str) and keys[-len(end) :] == end:
        yield node


def _has_secrets(schema: object) -> bool:
    if isinstance(schema, dict):
        return schema.get("writeOnly") is True or any(map(_has_secrets, schema.values()))
    return isinstance(schema, list) and any(map(_has_secrets, schema))


def _path(steps: list[str | int]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
