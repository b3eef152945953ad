"""A filter as a resource of Envoy, Istio and Envoy Gateway: valid there, and the same filter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

import lateen
from lateen.cli import main
from lateen.filterkit.catalog import catalog, schema
from lateen.filterkit.check.envoy import listener
from lateen.filterkit.configured import Configured, configured
from lateen.filterkit.export import TARGETS, Place, export
from lateen.filterkit.scenarios.read import read_scenarios
from lateen.schema.binary import find_envoy
from lateen.source.document import Document
from lateen.verification.envoy import ask

TENANT = {"header": "x-tenant", "sources": [{"path": {"prefix": "/t/"}}]}
PEER = {"role": "sidecar", "node_id": "me", "metadata": {"NAMESPACE": "shop"}}
CONFIGS = {"tenant_context": TENANT, "peer_metadata": PEER}
IMAGE = "registry.example/filters/peer:1"
DIGEST = "ab" * 32


def exported(name: str, target: str, /, **place: Any) -> dict[str, Any]:
    suite, written = catalog()[name], CONFIGS[name]
    return export(suite, target, Configured(written, suite.configuration(written).value), Place(**place))


@pytest.mark.parametrize("name", CONFIGS)
def test_envoy_takes_what_is_exported_for_it(name: str, tmp_path: Path) -> None:
    suite = catalog()[name]
    module = str(suite.directory / f"{name}.wasm") if suite.kind == "wasm" else ""
    entry = exported(name, "envoy", module=module)
    assert ask(find_envoy(), {"static_resources": {"listeners": [listener("l", entry)]}}, tmp_path) == ""


@pytest.mark.parametrize(
    ("name", "target", "place"),
    [
        ("tenant_context", "trafficextension", {}),
        ("peer_metadata", "trafficextension", {}),
        ("peer_metadata", "trafficextension", {"image": IMAGE, "sha256": DIGEST}),
        ("peer_metadata", "wasmplugin", {"image": IMAGE}),
        ("peer_metadata", "wasmplugin", {"image": "https://files.example/peer.wasm"}),
    ],
)
def test_istio_takes_what_is_exported_for_it(name: str, target: str, place: dict[str, str]) -> None:
    resource = exported(name, target, **place)
    mesh = lateen.load(yaml.safe_dump(resource))
    assert [finding for finding in mesh.diagnostics if finding.severity.name == "ERROR"] == []
    (extension,) = mesh.extensions
    assert extension.ref.name == name.replace("_", "-")


def test_a_filter_of_the_suite_is_named_by_lateens_scheme_unless_an_image_is_given() -> None:
    assert exported("peer_metadata", "trafficextension")["spec"]["wasm"]["url"] == "lateen://peer_metadata"
    wasm = exported("peer_metadata", "trafficextension", image=IMAGE, sha256=DIGEST)["spec"]["wasm"]
    assert (wasm["url"], wasm["sha256"]) == (f"oci://{IMAGE}", DIGEST)
    assert (wasm["failStrategy"], wasm["pluginConfig"]) == (
        "FAIL_RELOAD",
        catalog()["peer_metadata"].configuration(PEER).value,
    )


def test_the_module_is_where_lateen_puts_it_unless_it_is_said() -> None:
    vm = exported("peer_metadata", "envoy")["typed_config"]["config"]["vm_config"]
    assert vm["code"] == {"local": {"filename": f"/etc/lateen/modules/{catalog()['peer_metadata'].module_name}"}}
    assert set(vm["capability_restriction_config"]["allowed_capabilities"]) == set(
        catalog()["peer_metadata"].capabilities
    )


def test_a_file_at_a_url_has_the_digest_of_the_module() -> None:
    spec = exported("peer_metadata", "wasmplugin", image="https://files.example/peer.wasm")["spec"]
    assert spec["sha256"] == catalog()["peer_metadata"].sha256
    assert "sha256" not in exported("peer_metadata", "wasmplugin", image=IMAGE)["spec"]


def test_envoy_gateway_gets_images_urls_and_lua() -> None:
    spec = exported("peer_metadata", "envoyextensionpolicy", image=IMAGE, target=("HTTPRoute", "shop"))["spec"]
    assert spec["targetRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "shop"}]
    (wasm,) = spec["wasm"]
    assert (wasm["code"], wasm["failOpen"]) == ({"type": "Image", "image": {"url": IMAGE}}, False)
    (wasm,) = exported("peer_metadata", "envoyextensionpolicy", image="https://files.example/p.wasm")["spec"]["wasm"]
    assert wasm["code"]["http"]["sha256"] == catalog()["peer_metadata"].sha256
    (lua,) = exported("tenant_context", "envoyextensionpolicy")["spec"]["lua"]
    assert lua["inline"].startswith('local CONFIG = {["header"]="x-tenant"')


def spoiled(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(resource: dict[str, Any]) -> None:
        at: Any = resource
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        spoiled("spec", "targetRefs", 0, "kind", value="Service"),
        spoiled("spec", "targetRefs", 0, "sectionName", value="http"),
        spoiled("spec", "wasm", 0, "code", "http", value={"url": "https://files.example/p.wasm"}),
        spoiled("spec", "wasm", 0, "code", "type", value="HTTP"),
        spoiled("spec", "wasm", 0, "code", "image", "sha256", value="abc"),
        spoiled("spec", "wasm", 0, "rootId", value="x"),
        spoiled("spec", "lua", value=[{"type": "Inline"}]),
        spoiled("spec", "wasm", value=[{"code": {"type": "Image", "image": {"url": "a"}}}] * 17),
        spoiled("metadata", "name", value="Peer_Metadata"),
        lambda resource: resource["spec"].pop("targetRefs"),
    ],
)
def test_the_schema_of_envoy_gateway_refuses_what_its_custom_resource_does(
    spoil: Callable[[dict[str, Any]], None],
) -> None:
    resource = exported("peer_metadata", "envoyextensionpolicy", image=IMAGE)
    validator = jsonschema_rs.validator_for(schema("envoyextensionpolicy"))
    assert validator.is_valid(resource)
    spoil(resource)
    assert not validator.is_valid(resource)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["tenant_context", "--as", "wasmplugin"],
            "exported as wasmplugin: it is of kind lua",
        ),
        (["peer_metadata", "--as", "wasmplugin"], "it names where the module is: --image"),
        (["peer_metadata", "--as", "envoyextensionpolicy"], "it names where the module is: --image"),
        (["peer_metadata", "--as", "envoy", "--image", IMAGE], "Envoy pulls no images"),
        (
            ["peer_metadata", "--as", "envoyextensionpolicy", "--image", IMAGE, "--target", "Service/a"],
            "spec.targetRefs.0.kind",
        ),
        (["peer_metadata", "--as", "wasmplugin", "--image", "ftp://files.example/p.wasm"], "is not a URL of"),
        (["tenant_context", "--as", "envoy", "--module", "/m"], "it is of kind lua and has no module"),
        (["tenant_context", "--as", "trafficextension", "--image", IMAGE], "it is of kind lua and has no module"),
        (["peer_metadata", "--as", "envoy", "--sha256", "0" * 64], "Envoy pulls no images"),
        (["peer_metadata", "--as", "trafficextension", "--sha256", "0" * 64], "the digest of what --image names"),
        (["peer_metadata", "--as", "wasmplugin", "--image", IMAGE, "--module", "/m"], "--module is for envoy"),
        (["peer_metadata", "--as", "envoy", "--target", "Gateway/a"], "--target is for envoyextensionpolicy"),
    ],
)
def test_what_a_target_has_no_form_for_is_said(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAT0694."""
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(CONFIGS[arguments[0]]))
    assert main(["filters", "export", *arguments, "--config", str(config)]) == 2
    err = capsys.readouterr().err
    assert "LAT0694 error" in err
    assert said in err


@pytest.mark.parametrize("image", ["NOT/valid:::", "oci://host.example/Gate:1", "a@sha256:1"])
def test_an_image_that_cannot_be_one_is_not_exported(
    image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAT0630."""
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(PEER))
    command = ["filters", "export", "peer_metadata", "--as", "wasmplugin", "--config", str(config)]
    assert main([*command, "--image", image]) == 2
    printed = capsys.readouterr()
    assert (printed.out, "LAT0630 error" in printed.err) == ("", True)


def test_a_configuration_that_the_filter_refuses_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LAT0692."""
    config = tmp_path / "config.yaml"
    config.write_text("header: x-tenant\n")
    assert main(["filters", "export", "tenant_context", "--as", "envoy", "--config", str(config)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f'{config}:1:1: LAT0692 error: "sources" is a required property' in printed.err
    assert main(["filters", "export", "tenant_context", "--as", "envoy"]) == 2


@pytest.mark.parametrize(
    "argument", [["--sha256", "abc"], ["--target", "eg"], ["--target", "Gateway/a/b"], ["--as", "helm"]]
)
def test_arguments_that_cannot_be_are_refused(argument: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["filters", "export", "peer_metadata", "--as", "envoy", *argument])
    assert raised.value.code == 2


@pytest.mark.parametrize("style", ["yaml", "json"])
def test_the_command_prints_the_resource(style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(TENANT))
    for target in TARGETS:
        if target != "wasmplugin":
            command = ["filters", "export", "tenant_context", "--as", target, "--config", str(config), "-o", style]
            assert main(command) == 0
            assert yaml.safe_load(capsys.readouterr().out) == exported("tenant_context", target)


def test_a_filter_outside_of_the_suite_has_no_place_in_lateens_scheme(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = catalog()["peer_metadata"]
    folder = tmp_path / suite.name
    folder.mkdir()
    for name in ("filter.yaml", f"{suite.name}.wasm"):
        (folder / name).write_bytes((suite.directory / name).read_bytes())
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(PEER))
    assert main(["filters", "export", str(folder), "--as", "trafficextension", "--config", str(config)]) == 2
    assert "--image" in capsys.readouterr().err
    (folder / f"{suite.name}.wasm").unlink()
    assert main(["filters", "export", str(folder), "--as", "envoy", "--config", str(config)]) == 1
    assert "LAT0606" in capsys.readouterr().err


def test_what_is_compiled_for_a_filter_is_compiled_for_all_but_lateen(tmp_path: Path) -> None:
    suite = catalog()["operation_classifier"]
    written = {"operations": [{"method": "GET", "path": "/orders/{id}", "name": "order"}]}
    config, findings = configured(suite, Document(written, str(tmp_path / "config.yaml")))
    assert findings == []
    assert config.value != written
    assert export(suite, "trafficextension", config, Place())["spec"]["wasm"]["pluginConfig"] == written
    for target, place in (("wasmplugin", Place(IMAGE)), ("trafficextension", Place(IMAGE))):
        spec = export(suite, target, config, place)["spec"]
        assert spec.get("wasm", spec)["pluginConfig"] == config.value


def test_a_file_that_a_configuration_names_and_is_not_there_is_found(tmp_path: Path) -> None:
    suite = catalog()["operation_classifier"]
    _, findings = configured(suite, Document({"openapi": {"file": "shop.json"}}, str(tmp_path / "config.yaml")))
    assert [finding.code for finding in findings] == ["LAT0692"]


def test_a_module_gets_the_variables_that_its_configuration_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("rules: [{name: a, github: {keys: [{id: k, secret: {env: HOOK}}]}}]\n")

    def resource(target: str, *place: str) -> Any:
        assert main(["filters", "export", "hmac_auth", "--as", target, "--config", str(config), *place]) == 0
        return yaml.safe_load(capsys.readouterr().out)

    machine = resource("envoy")["typed_config"]["config"]["vm_config"]
    assert machine["environment_variables"] == {"host_env_keys": ["HOOK"]}
    from_host = {"env": [{"name": "HOOK", "valueFrom": "HOST"}]}
    assert resource("wasmplugin", "--image", IMAGE)["spec"]["vmConfig"] == from_host
    assert resource("trafficextension", "--image", IMAGE)["spec"]["wasm"]["vmConfig"] == from_host
    assert resource("envoyextensionpolicy", "--image", IMAGE)["spec"]["wasm"][0]["env"] == {"hostKeys": ["HOOK"]}


def test_a_native_filter_is_envoys_own(tmp_path: Path) -> None:
    suite = catalog()["quota"]
    scenario = next(iter(read_scenarios(suite)[0]))
    config = Configured(scenario.config, scenario.config)
    entry = export(suite, "envoy", config, Place())
    assert ask(find_envoy(), {"static_resources": {"listeners": [listener("l", entry)]}}, tmp_path) == ""
    with pytest.raises(lateen.MeshError, match="it is of kind native"):
        export(suite, "trafficextension", config, Place())
