"""Filters as images: pushed to and pulled from real registries, signed for and by others' tools, fetched by Envoy."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from harness import lacking
from lateen.filterkit.catalog import catalog
from lateen.filterkit.oci.credentials import anonymous, pull_secret
from lateen.filterkit.oci.module import pull_module
from lateen.filterkit.oci.reference import parse
from registries import EXAMPLE, PASSWORD, USER, TokenService, password_registry, running_registry, token_registry

FILTER = "peer_metadata"
ROOT = Path(__file__).resolve().parents[1]
TOOLCHAIN = ROOT / ".toolchain" / "bin"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPEN = {"Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An open registry."""
    with running_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture
def lateen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`lateen("filters", ...)` in a folder of the test, as a user without a login."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("lateen"), "filters", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    return run


@pytest.fixture
def keys(tmp_path: Path) -> None:
    """`filters.key` and `filters.pub`, `other.pub` of somebody else; made by OpenSSL."""
    for name in ("filters", "other"):
        make_key(tmp_path / f"{name}.key")
        openssl("pkey", "-in", f"{tmp_path}/{name}.key", "-pubout", "-out", f"{tmp_path}/{name}.pub")


def make_key(path: Path, *options: str) -> None:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path), *options)


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True).stdout  # noqa: S607


def log_in(tmp_path: Path, registry: str, **entry: str) -> None:
    """As `docker login` writes it."""
    (tmp_path / "docker").mkdir(exist_ok=True)
    (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": {registry: entry}}))


def basic(user: str = USER, password: str = PASSWORD) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def manifest(registry: str, repository: str, identifier: str) -> dict[str, object]:
    answer = requests.get(f"http://{registry}/v2/{repository}/manifests/{identifier}", headers=OPEN, timeout=5)
    answer.raise_for_status()
    found: dict[str, object] = answer.json()
    return found


def test_what_was_pushed_is_pulled_verified_and_the_same(
    registry: str, lateen: Run, keys: None, tmp_path: Path
) -> None:
    image = f"{registry}/round/{FILTER}:1.0"
    pushed = lateen("push", FILTER, image, "--key", "filters.key", "-o", "json")
    assert pushed.returncode == 0, pushed.stderr
    compat, oci = json.loads(pushed.stdout)["images"]
    assert (compat["layout"], oci["layout"]) == ("compat", "oci")
    assert compat["image"] == f"{image}@{compat['digest']}"
    assert oci["image"] == f"{image}-oci@{oci['digest']}"
    for number, name in enumerate((image, f"{image}-oci", f"oci://{compat['image']}")):
        pulled = lateen("pull", name, "--key", "filters.pub", "--out", f"{number}.wasm", "--sbom", f"{number}.json")
        assert pulled.returncode == 0, pulled.stderr
        assert (tmp_path / f"{number}.wasm").read_bytes() == catalog()[FILTER].module()
        bill = json.loads((tmp_path / f"{number}.json").read_text())
        assert bill["metadata"]["component"]["hashes"][0]["content"] == catalog()[FILTER].sha256
        verified = lateen("verify", name, "--key", "filters.pub", "-o", "json")
        assert verified.returncode == 0, verified.stderr
        assert json.loads(verified.stdout)["filter"] == f"sha256:{catalog()[FILTER].sha256}"


def test_pushing_again_changes_nothing(registry: str, lateen: Run, keys: None) -> None:
    image = f"{registry}/again/{FILTER}:1.0"
    first, second = (lateen("push", FILTER, image, "--key", "filters.key") for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    digest = first.stdout.splitlines()[0].rpartition("@")[2].removesuffix(", signed")
    fallback = digest.replace(":", "-")
    assert len(manifest(registry, f"again/{FILTER}", fallback)["manifests"]) == 1
    assert len(manifest(registry, f"again/{FILTER}", f"{fallback}.sig")["layers"]) == 1


def test_a_packaged_folder_is_pushed_as_the_filter_itself(registry: str, lateen: Run) -> None:
    assert lateen("package", FILTER, "--out", "folder").returncode == 0
    digests = []
    for source in ("folder", FILTER):
        pushed = lateen("push", source, f"{registry}/folder/{FILTER}:1.0", "-o", "json")
        assert pushed.returncode == 0, pushed.stderr
        digests.append([row["digest"] for row in json.loads(pushed.stdout)["images"]])
    assert digests[0] == digests[1]


def test_a_lua_filter_comes_back_as_its_source(registry: str, lateen: Run, keys: None, tmp_path: Path) -> None:
    image = f"{registry}/lua/tenant_context:1.0"
    assert lateen("push", "tenant_context", image, "--key", "filters.key").returncode == 0
    pulled = lateen("pull", image, "--key", "filters.pub")
    assert pulled.returncode == 0, pulled.stderr
    source = catalog()["tenant_context"].directory / "filter.lua"
    assert (tmp_path / "tenant_context.lua").read_bytes() == source.read_bytes()


def test_blobs_are_taken_over_from_another_repository(registry: str, lateen: Run, tmp_path: Path) -> None:
    assert lateen("push", FILTER, f"{registry}/mount/one:1.0").returncode == 0
    done = lateen("push", FILTER, f"{registry}/mount/two:1.0", "--mount-from", "mount/one")
    assert done.returncode == 0, done.stderr
    assert lateen("pull", f"{registry}/mount/two:1.0").returncode == 0
    assert (tmp_path / "two.wasm").read_bytes() == catalog()[FILTER].module()


def test_openssl_verifies_the_signature_as_cosign_specifies_it(
    registry: str, lateen: Run, keys: None, tmp_path: Path
) -> None:
    repository = f"openssl/{FILTER}"
    pushed = lateen("push", FILTER, f"{registry}/{repository}:1.0", "--key", "filters.key", "-o", "json")
    digest = json.loads(pushed.stdout)["images"][0]["digest"]
    (layer,) = manifest(registry, repository, f"{digest.replace(':', '-')}.sig")["layers"]
    assert layer["mediaType"] == "application/vnd.dev.cosign.simplesigning.v1+json"
    payload = requests.get(f"http://{registry}/v2/{repository}/blobs/{layer['digest']}", timeout=5).content
    (tmp_path / "payload").write_bytes(payload)
    (tmp_path / "signature").write_bytes(base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"]))
    said = openssl(
        *("dgst", "-sha256", "-verify", f"{tmp_path}/filters.pub", "-signature", f"{tmp_path}/signature"),
        f"{tmp_path}/payload",
    )
    assert said.strip() == "Verified OK"
    critical = json.loads(payload)["critical"]
    assert critical["type"] == "cosign container image signature"
    assert critical["image"] == {"docker-manifest-digest": digest}


def test_cosign_and_lateen_verify_what_the_other_signed(
    registry: str, lateen: Run, keys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosign = shutil.which("cosign", path=os.pathsep.join((os.environ["PATH"], str(TOOLCHAIN))))
    if cosign is None:
        pytest.skip("there is no cosign here (make setup-cosign builds it); OpenSSL alone holds the format")
    monkeypatch.setenv("COSIGN_PASSWORD", "")

    def run(*arguments: str) -> str:
        done = subprocess.run([cosign, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    here = ("--allow-http-registry", "--allow-insecure-registry")
    image = f"{registry}/cosign/{FILTER}:1.0"
    lateen("push", FILTER, image, "--key", "filters.key")
    assert "docker-manifest-digest" in run(
        "verify", "--key", "filters.pub", "--insecure-ignore-tlog", "--private-infrastructure", *here, image
    )
    run("generate-key-pair")
    run("sign", "--key", "cosign.key", "--tlog-upload=false", "--yes", "--recursive=false", *here, image)
    for key in ("cosign.pub", "filters.pub"):
        verified = lateen("verify", image, "--key", key)
        assert verified.returncode == 0, verified.stderr
    pulled = lateen("pull", image, "--key", "cosign.pub")
    assert pulled.returncode == 0, pulled.stderr


def test_an_engine_unpacks_the_compat_image(registry: str, lateen: Run, engine: None, tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None:
        lacking("there is no docker command (make setup-docker)")
    image = f"{registry}/engine/{FILTER}:1.0"
    lateen("push", FILTER, image)
    for command in (("pull", image), ("create", "--name", "lateen-image-test", image, "none")):
        done = subprocess.run([docker, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    try:
        copy = [docker, "cp", "lateen-image-test:/plugin.wasm", str(tmp_path / "copy.wasm")]
        subprocess.run(copy, capture_output=True, check=True)
    finally:
        subprocess.run([docker, "rm", "lateen-image-test"], capture_output=True, check=True)
        subprocess.run([docker, "rmi", image], capture_output=True, check=True)
    assert (tmp_path / "copy.wasm").read_bytes() == catalog()[FILTER].module()


@pytest.mark.parametrize("mode", ["auth", "username", "helper"])
def test_a_registry_with_passwords_takes_the_login_of_docker(
    mode: str, lateen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with password_registry(tmp_path / "registry") as registry:
        image = f"{registry}/shop/{FILTER}:1.0"
        refused = lateen("push", FILTER, image)
        assert refused.returncode == 2
        assert "LAT0632" in refused.stderr
        log_in(tmp_path, registry, auth=basic(password="wrong"))
        refused = lateen("push", FILTER, image)
        assert (refused.returncode, refused.stderr.count("LAT0632 error")) == (2, 1), refused.stderr
        if mode == "auth":
            log_in(tmp_path, f"https://{registry}", auth=basic())
        elif mode == "username":
            log_in(tmp_path, registry, username=USER, password=PASSWORD)
        else:
            helper = tmp_path / "bin" / "docker-credential-test"
            helper.parent.mkdir()
            answer = json.dumps({"ServerURL": registry, "Username": USER, "Secret": PASSWORD})
            helper.write_text(f"#!/bin/sh\ntest \"$1 $(cat)\" = 'get {registry}' && echo '{answer}'\n")
            helper.chmod(0o755)
            monkeypatch.setenv("PATH", str(helper.parent), prepend=os.pathsep)
            (tmp_path / "docker" / "config.json").write_text(json.dumps({"credHelpers": {registry: "test"}}))
        pushed = lateen("push", FILTER, image)
        assert pushed.returncode == 0, pushed.stderr
        secret = pull_secret(json.dumps({"auths": {registry: {"auth": basic()}}}).encode(), "Secret shop/pull")
        assert pull_module(parse(f"oci://{image}"), secret).content == catalog()[FILTER].module()


def test_tokens_are_fetched_as_the_registry_says(lateen: Run, tmp_path: Path) -> None:
    with token_registry(tmp_path / "registry") as (registry, service):
        image = f"{registry}/shop/{FILTER}:1.0"
        assert_denied(lateen("push", FILTER, image), service)
        log_in(tmp_path, registry, auth=basic(password="wrong"))
        assert_denied(lateen("push", FILTER, image), service)
        log_in(tmp_path, registry, auth=basic())
        pushed = lateen("push", FILTER, image, "--mount-from", "shop/other")
        assert pushed.returncode == 0, pushed.stderr
        assert f"repository:shop/{FILTER}:pull,push" in service.granted
        assert "repository:shop/other:pull" in service.granted
        log_in(tmp_path, registry, identitytoken=service.identity)
        pushed = lateen("push", "tenant_context", f"{registry}/shop/tenant_context:1.0")
        assert pushed.returncode == 0, pushed.stderr
        assert pull_module(parse(image), anonymous()).content == catalog()[FILTER].module()


def assert_denied(done: subprocess.CompletedProcess[str], service: TokenService) -> None:
    assert (done.returncode, done.stderr.count("LAT0632 error")) == (2, 1), done.stderr
    assert PASSWORD not in done.stderr
    assert service.identity not in done.stderr


def test_what_is_not_signed_by_the_key_is_not_written(registry: str, lateen: Run, keys: None, tmp_path: Path) -> None:
    unsigned, signed = (f"{registry}/sign/{name}:1.0" for name in ("unsigned", "signed"))
    lateen("push", FILTER, unsigned)
    lateen("push", FILTER, signed, "--key", "filters.key")
    for image, key, reason in (
        (unsigned, "filters.pub", "it has no signature"),
        (signed, "other.pub", "none of its signatures is by this key"),
    ):
        for done in (lateen("pull", image, "--key", key), lateen("verify", image, "--key", key)):
            assert done.returncode == 1
            assert done.stderr.count("LAT0637 error") == 1
            assert reason in done.stderr
    assert list(tmp_path.glob("*.wasm")) == []


def test_a_signature_of_another_image_does_not_count(registry: str, lateen: Run, keys: None) -> None:
    """Whoever may push can copy a signature, but not make it name what it was not made for."""
    repository = "copied/signature"
    url = f"http://{registry}/v2/{repository}/manifests"
    digests = []
    for name in (FILTER, "tenant_context"):
        done = lateen("push", name, f"{registry}/{repository}:{name}", "--layout", "compat", "-o", "json")
        digests.append(json.loads(done.stdout)["images"][0]["digest"].replace(":", "-"))
    lateen("push", FILTER, f"{registry}/{repository}:{FILTER}", "--layout", "compat", "--key", "filters.key")
    signature = requests.get(f"{url}/{digests[0]}.sig", headers=OPEN, timeout=5)
    headers = {"Content-Type": signature.headers["Content-Type"]}
    requests.put(f"{url}/{digests[1]}.sig", data=signature.content, headers=headers, timeout=5).raise_for_status()
    done = lateen("pull", f"{registry}/{repository}:tenant_context", "--key", "filters.pub")
    assert done.returncode == 1
    assert "LAT0637" in done.stderr


def test_an_sbom_that_somebody_else_attached_does_not_count(
    registry: str, lateen: Run, keys: None, tmp_path: Path
) -> None:
    image = f"{registry}/sbom/{FILTER}:1.0"
    lateen("push", FILTER, image, "--key", "filters.key")
    assert lateen("verify", image, "--key", "filters.pub").returncode == 0
    repository = f"sbom/{FILTER}"
    url = f"http://{registry}/v2/{repository}"
    digest = (
        "sha256:" + hashlib.sha256(requests.get(f"{url}/manifests/1.0", headers=OPEN, timeout=5).content).hexdigest()
    )
    fallback = digest.replace(":", "-")
    index = manifest(registry, repository, fallback)
    (entry,) = index["manifests"]
    forged = {**manifest(registry, repository, entry["digest"]), "annotations": {"forged": "yes"}}
    content = json.dumps(forged).encode()
    forged_digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    requests.put(f"{url}/manifests/{forged_digest}", data=content, headers=headers, timeout=5).raise_for_status()
    entry |= {"digest": forged_digest, "size": len(content)}
    headers = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
    requests.put(f"{url}/manifests/{fallback}", data=json.dumps(index), headers=headers, timeout=5).raise_for_status()
    verified = json.loads(lateen("verify", image, "--key", "filters.pub", "-o", "json").stdout)
    assert verified["sbom"] == ""
    done = lateen("pull", image, "--key", "filters.pub", "--sbom", "sbom.json")
    assert (done.returncode, done.stderr.count("LAT0637 error")) == (1, 1), done.stderr
    assert not (tmp_path / "sbom.json").exists()
    assert not (tmp_path / f"{FILTER}.wasm").exists()
    assert lateen("pull", image, "--sbom", "sbom.json").returncode == 0


def test_an_image_that_holds_no_filter_is_refused(registry: str, lateen: Run, tmp_path: Path) -> None:
    content = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []})
    url = f"http://{registry}/v2/none/image/manifests/1.0"
    headers = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
    requests.put(url, data=content, headers=headers, timeout=5).raise_for_status()
    done = lateen("pull", f"{registry}/none/image:1.0")
    assert done.returncode == 1
    assert done.stderr.count("LAT0636 error") == 1
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_limit_is_not_taken(registry: str, lateen: Run, tmp_path: Path) -> None:
    lateen("push", FILTER, f"{registry}/large/filter:1.0")
    for tag in ("1.0", "1.0-oci"):
        done = lateen("pull", f"{registry}/large/filter:{tag}", "--max-bytes", "1000")
        assert done.returncode == 1
        assert done.stderr.count("LAT0635 error") == 1
    assert list(tmp_path.glob("*.wasm")) == []


def test_every_command_of_the_page_does_what_it_says(registry: str, tmp_path: Path) -> None:
    """The blocks as one session in bash; what is served is fetched, and then served no more."""
    page = (ROOT / "docs" / "filter-images.md").read_text()
    lines = [line for block in BLOCK.findall(page) for line in block.splitlines()]
    script = ["set -eu", "trap 'kill $server' EXIT"]
    for line in lines:
        here = line.replace(EXAMPLE, registry)
        if " serve " in here:
            script += [
                f"{here.replace(':8099', ':0')} > served & server=$!",
                "while ! [ -s served ]; do sleep 0.05; done",
                "curl -sSf $(cut -d' ' -f1 served) | sha256sum | grep -q $(cut -d' ' -f3 served)",
            ]
        else:
            script.append(here)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = os.environ | {"PATH": path, "DOCKER_CONFIG": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],  # noqa: S607
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert {"one", "two", "peer_metadata.wasm", "peer_metadata.cdx.json"} <= {p.name for p in tmp_path.iterdir()}
