"""The input schema as a whole: every kind compiles, and what is generated says the same as the definitions."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from lateen.api.kinds import is_strict, kinds, versions
from lateen.api.walk import compiled

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

DEFINITION = """
kind: CustomResourceDefinition
spec:
  group: example.com
  names: {kind: Example}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    schema: &schema
      openAPIV3Schema:
        type: object
        properties:
          apiVersion: {type: string, description: prose}
          spec:
            type: object
            description: prose
            required: [host]
            oneOf:
            - {not: {anyOf: [{required: [a]}, {required: [b]}]}}
            - {required: [a]}
            - {required: [b]}
            properties:
              host: {type: string, pattern: "^x$", maxLength: 9}
              a: {type: array, minItems: 1, items: {type: string}, x-kubernetes-list-type: set}
              b: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
              config: {type: object, x-kubernetes-preserve-unknown-fields: true}
            x-kubernetes-validations:
            - {rule: "has(self.a)", message: give a}
          status: {type: object, properties: {x: {type: string}}}
  - {name: v2, served: true, schema: *schema}
  - {name: v0, served: false, schema: *schema}
"""


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_kind_has_a_check() -> None:
    assert len(kinds()) > 60
    for kind in kinds().values():
        assert callable(compiled(kind.shape))
        assert {"apiVersion", "kind", "metadata"} <= kind.shape.fields.keys()


def test_kinds_are_found_in_every_served_version() -> None:
    assert versions("networking.istio.io", "VirtualService") == ["v1", "v1alpha3", "v1beta1"]
    assert versions("", "Service") == ["v1"]
    assert versions("networking.istio.io", "Nothing") == []


@pytest.mark.parametrize(
    ("group", "strict"),
    [
        ("networking.istio.io", True),
        ("rbac.istio.io", True),
        ("gateway.networking.k8s.io", True),
        ("lateen", True),
        ("", False),
        ("apps", False),
        ("networking.k8s.io", False),
    ],
)
def test_groups_of_which_every_kind_is_known(group: str, strict: bool) -> None:
    assert is_strict(group) is strict


def test_the_rules_of_the_api_server_are_kept_for_later() -> None:
    spec = kinds()["gateway.networking.k8s.io", "v1", "HTTPRoute"].shape.at("spec")
    assert any("sectionName" in rule for rule, _ in spec.at("parentRefs").rules)


def test_the_generator_keeps_facts_and_no_prose(tmp_path: Path) -> None:
    generator = script("gen_api")
    for name in generator.FILES:
        (tmp_path / name).write_text(DEFINITION if name == generator.FILES[0] else "")
    written = json.loads(generator.compact(tmp_path))
    assert sorted(written["kinds"]) == ["example.com/v1/Example", "example.com/v2/Example"]
    numbers = {entry["shape"] for entry in written["kinds"].values()}
    assert len(numbers) == 1
    assert "prose" not in json.dumps(written["shapes"])
    spec = next(shape for shape in written["shapes"] if "required" in shape)
    assert (spec["required"], spec["exclusive"], spec["rules"]) == (["host"], [["a", "b"]], [["has(self.a)", "give a"]])
    assert {"type": "int-or-string"} in written["shapes"]
    assert {"open": True, "type": "object"} in written["shapes"]
    assert any(shape.get("unique") == [] and shape.get("min_size") == 1 for shape in written["shapes"])


def test_the_generator_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    generator = script("gen_api")
    with pytest.raises(ValueError, match="multipleOf"):
        generator.Compactor().number({"type": "integer", "multipleOf": 2})
