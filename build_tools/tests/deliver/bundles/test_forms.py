"""What each form makes of a proxy."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml
from google.protobuf import json_format

import lateen
from lateen.deliver.bundles import FORMS, Bundle, Target
from lateen.deliver.bundles.file_xds import CERTIFICATE_POLL
from lateen.schema import Schema

MESH = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {ANNOTATIONS}
    spec: {containers: [{name: web, image: "shop/web:1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge}
spec:
  selector: {matchLabels: {istio: edge}}
  template:
    metadata: {annotations: {inject.istio.io/templates: gateway}, labels: {istio: edge}}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: v1
kind: Secret
metadata: {name: cert}
type: kubernetes.io/tls
stringData: {tls.crt: CHAIN-TEXT, tls.key: KEY-TEXT}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: edge}
  servers:
  - {port: {number: 8443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: cert}}
  - {port: {number: 9443, name: other, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: missing}}
"""
AT = "/srv/envoy"


def bundle(form: str, name: str = "web-0", annotations: str = "") -> Bundle:
    mesh = lateen.load(lateen.Source(MESH.replace("ANNOTATIONS", annotations), name="mesh.yaml"))
    mesh = mesh.placed({"web-0.default": "192.0.2.1", "edge-0.default": "192.0.2.2"})
    workload = next(each for each in mesh.workloads if each.name == name)
    proxy = next(each for each in mesh.proxies() if each.name == name)
    return FORMS[form](Target(lateen.compile(mesh, proxy), workload, AT, "envoyproxy/envoy:v0"))


def contents(found: Bundle) -> dict[str, Any]:
    return {file.path: json.loads(file.content) for file in found.files if file.path.endswith(".json")}


def resources(name: str, annotations: str = "") -> dict[str, Any]:
    return dict(contents(bundle("resources", name, annotations))[f"{name}.default.json"])


def sources(value: Any) -> list[dict[str, Any]]:
    """Every place that configuration is to come from."""
    if isinstance(value, list):
        return [found for item in value for found in sources(item)]
    if not isinstance(value, dict):
        return []
    own = [value] if "path_config_source" in value or "ads" in value or "api_config_source" in value else []
    return own + [found for item in value.values() for found in sources(item)]


def test_static_is_one_file_and_its_modules() -> None:
    paths = [file.path for file in bundle("static").files]
    assert paths[-1] == "web-0.default.json"
    assert all(path.startswith("modules/peer_metadata-") for path in paths[:-1])


@pytest.mark.parametrize("name", ["web-0", "edge-0"])
def test_file_xds_watches_two_files_and_asks_no_server(name: str) -> None:
    found = contents(bundle("files", name))
    used = [source["path_config_source"] for content in found.values() for source in sources(content)]
    watched = [source["path"] for source in used if "poll_interval" not in source]
    assert watched == [f"{AT}/{name}.default/lds.json", f"{AT}/{name}.default/cds.json"]
    polled = {source["path"] for source in used if source.get("poll_interval") == CERTIFICATE_POLL}
    assert polled == {f"{AT}/{path}" for path in found if "/secrets/" in path}
    assert "'config_discovery'" not in str(found)
    assert "'eds_cluster_config'" not in str(found)


@pytest.mark.parametrize("name", ["web-0", "edge-0"])
def test_every_file_fits_envoys_schema(name: str) -> None:
    schema = Schema.default()
    for path, content in contents(bundle("files", name)).items():
        kind = "config.bootstrap.v3.Bootstrap" if "bootstrap" in path else "service.discovery.v3.DiscoveryResponse"
        assert schema.validate(f"envoy.{kind}", content) == [], path


def test_a_key_of_the_mesh_is_its_owners_and_others_are_named() -> None:
    files = {file.path: file for file in bundle("files", "edge-0").files if "/secrets/" in file.path}
    (held,) = [file for file in files.values() if file.mode == 0o600]
    assert b"S0VZLVRFWFQ=" in held.content  # KEY-TEXT
    assert held.path.startswith("edge-0.default/secrets/kubernetes-cert-")
    (missing,) = [file for path, file in files.items() if "missing" in path]
    assert f"{AT}/edge-0.default" not in missing.path
    assert b"/etc/lateen/certs/missing/tls.key" in missing.content


def test_secret_files_of_names_that_look_alike_differ() -> None:
    paths = [file.path for file in bundle("files", "edge-0").files]
    assert len(paths) == len(set(paths))


def test_resources_are_discovery_responses_in_the_order_of_their_pushes() -> None:
    content = resources("edge-0")
    schema = Schema.default()
    response = schema.message_class("envoy.service.discovery.v3.DiscoveryResponse")
    parsed = [
        json_format.ParseDict(each, response(), descriptor_pool=response.DESCRIPTOR.file.pool)
        for each in content["responses"]
    ]
    kinds = [each.type_url.rpartition(".")[2] for each in parsed]
    assert kinds == [
        "Cluster",
        "ClusterLoadAssignment",
        "Secret",
        "Listener",
        "TypedExtensionConfig",
        "RouteConfiguration",
    ]
    assert all(any_.type_url == each.type_url for each in parsed for any_ in each.resources)
    assert content["node_id"] == "router~192.0.2.2~edge-0.default~default.svc.cluster.local"
    assert "S0VZLVRFWFQ=" in str(content)


def test_versions_of_resources_are_hashes_of_their_content() -> None:
    one, other = resources("web-0"), resources("web-0", "proxy.istio.io/config: '{}'")
    assert one == other
    versions = {each["type_url"]: each["version_info"] for each in one["responses"]}
    edge = {each["type_url"]: each["version_info"] for each in resources("edge-0")["responses"]}
    differ = {type_url.rpartition(".")[2] for type_url, version in versions.items() if edge[type_url] != version}
    assert {"Cluster", "Listener", "Secret"} <= differ


def test_secrets_that_a_control_plane_must_add_are_named() -> None:
    assert resources("edge-0")["secrets_to_add"] == ["ROOTCA", "default", "kubernetes://missing"]
    assert resources("web-0")["secrets_to_add"] == ["ROOTCA", "default"]


def services(found: Bundle) -> dict[str, Any]:
    (file,) = [file for file in found.files if file.path == "web-0.default/compose.yaml"]
    return dict(yaml.safe_load(file.content)["services"])


def test_a_compose_file_starts_redirection_then_sidecar_then_application() -> None:
    found = services(bundle("compose"))
    assert all(found[name]["network_mode"] == "service:pod" for name in ("redirection", "sidecar", "app"))
    assert found["redirection"]["cap_add"] == ["NET_ADMIN"]
    assert found["sidecar"]["user"] == "1337:1337"
    assert found["sidecar"]["image"] == "envoyproxy/envoy:v0"
    assert found["app"]["image"] == "${APP_IMAGE:-shop/web:1}"
    for name in ("sidecar", "app"):
        assert found[name]["depends_on"]["redirection"] == {"condition": "service_completed_successfully"}
    assert "cap_add" not in found["sidecar"]
    assert "sidecar" in found["app"]["depends_on"]


def test_the_rules_follow_the_annotations() -> None:
    found = bundle("compose", annotations='traffic.sidecar.istio.io/excludeOutboundPorts: "5432"')
    (rules,) = [file.content.decode() for file in found.files if file.path.endswith("rules.nft")]
    assert "tcp dport { 5432 } return" in rules


@pytest.mark.parametrize(
    ("name", "annotations", "code", "words"),
    [
        ("edge-0", "", "LAT0821", "gateway"),
        ("web-0", "sidecar.istio.io/interceptionMode: TPROXY", "LAT0821", "TPROXY"),
        ("web-0", "sidecar.istio.io/interceptionMode: NONE", "LAT0821", "NONE"),
    ],
)
def test_what_cannot_be_composed_is_said_where_it_is(name: str, annotations: str, code: str, words: str) -> None:
    found = bundle("compose", name, annotations)
    (finding,) = found.findings
    assert (finding.code, finding.origin.file) == (code, "mesh.yaml")
    assert words in finding.message
    assert found.files == ()


@pytest.mark.skipif(
    bool(os.geteuid()) or which("nft") is None,
    reason="root may make network namespaces, and nft must be installed (Debian: nftables)",
)
@pytest.mark.parametrize(("ipv6", "added"), [("0", 1), ("1", 0)])
def test_the_script_redirects_with_and_without_ipv6_and_may_run_again(tmp_path: Path, ipv6: str, added: int) -> None:
    for file in bundle("compose").files:
        if "/redirection/" in file.path:
            (tmp_path / Path(file.path).name).write_bytes(file.content)
    run = f"sh {tmp_path}/redirect.sh"
    steps = [
        f"echo {ipv6} > /proc/sys/net/ipv6/conf/lo/disable_ipv6 && ip link set lo up",
        *(run, run),
        "ip -6 addr show dev lo",
        "nft list ruleset",
    ]
    command = ["/usr/bin/unshare", "-n", "--mount-proc", "-p", "-f", "/bin/sh", "-ec", "\n".join(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("::6/128") == added
    assert done.stdout.count("redirect to :15001") == 1


COMPOSE = which("docker-compose")


@pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed (Debian: docker-compose)")
def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    for file in bundle("compose").files:
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    (tmp_path / "web-0.default/compose.override.yaml").write_text('services: {pod: {ports: ["127.0.0.1:8080:8080"]}}')
    done = subprocess.run(
        [str(COMPOSE), "config"], cwd=tmp_path / "web-0.default", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)["services"]
    assert resolved["app"]["image"] == "shop/web:1"
    assert "8080" in str(resolved["pod"]["ports"])
