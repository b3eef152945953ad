"""`lateen fetch` from real registries: logins, digests, tags that move, and signatures."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wasm
from lateen.filterkit.oci.content import EMPTY, IMAGE_INDEX, Blob, canonical, digest_of, image
from lateen.filterkit.oci.credentials import Credentials, anonymous, pull_secret
from lateen.filterkit.oci.keys import read_private
from lateen.filterkit.oci.module import WASM_LAYER
from lateen.filterkit.oci.reference import parse
from lateen.filterkit.oci.registry import Registry
from lateen.filterkit.oci.signature import sign
from meshes import documents
from registries import PASSWORD, USER, password_registry, running_registry

FIRST, SECOND = wasm.stamp("first"), wasm.stamp("second")

Fetch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An open registry."""
    with running_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that asks for a password, with the first module as `filters/a:1`."""
    with password_registry(tmp_path_factory.mktemp("guarded")) as address:
        push(f"{address}/filters/a:1", FIRST, pull_secret(json.dumps(docker_config(address)).encode(), "test"))
        yield address


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    (tmp_path / "mesh").mkdir()
    return tmp_path / "mesh"


@pytest.fixture
def run(mesh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """`run("fetch", ...)` on the mesh as a user without a login; findings as JSON."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))

    def call(command: str, *more: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("lateen")
        words = [program, command, mesh, "--cache", tmp_path / "cache", "-o", "json", *more]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)

    return call


def push(name: str, module: bytes, logins: Credentials | None = None, *, index: bool = False) -> str:
    """Push a module in Istio's `oci` layout, with `index` behind an image index; the digest of what the tag names."""
    reference = parse(name)
    config, layer = Blob(EMPTY, b"{}"), Blob(WASM_LAYER, module)
    runtime = Blob("application/vnd.module.wasm.config.v1+json", b"{}")
    fields = {"config": config.descriptor(), "layers": [runtime.descriptor(), layer.descriptor()]}
    pushed = image(fields, config, runtime, layer)
    with Registry(reference, logins or anonymous(), push=True) as registry:
        for blob in pushed.blobs:
            registry.put_blob(blob)
        if not index:
            registry.put_manifest(pushed.manifest, reference.tag)
            return pushed.digest
        registry.put_manifest(pushed.manifest, pushed.digest)
        listed = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [pushed.manifest.descriptor()]}
        manifest = Blob(IMAGE_INDEX, canonical(listed))
        registry.put_manifest(manifest, reference.tag)
        return manifest.digest


def docker_config(registry: str) -> dict[str, Any]:
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return {"auths": {registry: {"auth": auth}}}


def plugin(mesh: Path, url: str, *others: dict[str, Any], **fields: Any) -> None:
    spec = {"url": url, **fields}
    meta = {"apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin", "metadata": {"name": "a"}}
    (mesh / "mesh.a.yaml").write_text(documents({**meta, "spec": spec}, *others))


def secret(registry: str, name: str = "registry", config: str | None = None) -> dict[str, Any]:
    text = json.dumps(docker_config(registry)) if config is None else config
    kind = "kubernetes.io/dockerconfigjson"
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name},
        "stringData": {".dockerconfigjson": text},
    }


def locked(mesh: Path) -> dict[str, Any]:
    (entry,) = json.loads((mesh / "lateen.lock").read_text())["entries"].values()
    return dict(entry)


def codes(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert PASSWORD not in done.stdout + done.stderr
    return [finding["code"] for finding in json.loads(done.stderr)["findings"]]


def test_an_image_is_locked_with_the_digest_of_its_manifest(registry: str, mesh: Path, run: Fetch) -> None:
    digest = push(f"{registry}/locked/a:1", FIRST)
    plugin(mesh, f"{registry}/locked/a:1")
    assert codes(run("fetch")) == []
    assert locked(mesh)["image"] == digest
    assert f"sha256:{locked(mesh)['sha256']}" == digest_of(FIRST)
    assert locked(mesh)["size"] == len(FIRST)
    plugin(mesh, f"{registry}/locked/a:1", sha256=digest.removeprefix("sha256:"))
    assert codes(run("fetch", "--check")) == []
    plugin(mesh, f"oci://{registry}/locked/a@{digest}")
    assert codes(run("fetch")) == []
    assert locked(mesh)["image"] == digest


@pytest.mark.parametrize(
    ("policy", "option", "module"),
    [("", "", FIRST), ("IfNotPresent", "", FIRST), ("Always", "", SECOND), ("", "--update", SECOND)],
)
def test_a_tag_that_moves(registry: str, mesh: Path, run: Fetch, policy: str, option: str, module: bytes) -> None:
    name = f"{registry}/moving/{policy.lower()}{option.strip('-')}x:1"
    push(name, FIRST)
    plugin(mesh, name, **({"imagePullPolicy": policy} if policy else {}))
    assert codes(run("fetch")) == []
    push(name, SECOND)
    assert codes(run("fetch", *([option] if option else []))) == []
    assert f"sha256:{locked(mesh)['sha256']}" == digest_of(module)


def test_an_emptied_cache_gets_the_locked_image_though_its_tag_has_moved(
    registry: str, mesh: Path, run: Fetch, tmp_path: Path
) -> None:
    name = f"{registry}/restored/a:1"
    push(name, FIRST)
    plugin(mesh, name)
    assert codes(run("fetch")) == []
    push(name, SECOND)
    for cached in (tmp_path / "cache" / "sha256").iterdir():
        cached.unlink()
    assert codes(run("fetch")) == []
    (cached,) = (tmp_path / "cache" / "sha256").iterdir()
    assert cached.read_bytes() == FIRST


def test_another_digest_than_the_mesh_names_is_refused(registry: str, mesh: Path, run: Fetch) -> None:
    digest = push(f"{registry}/wrong/a:1", FIRST).removeprefix("sha256:")
    plugin(mesh, f"{registry}/wrong/a:1", sha256="0" * 64)
    assert codes(run("fetch")) == ["LAT0644"]
    plugin(mesh, f"{registry}/wrong/a@sha256:{digest}", sha256="0" * 64)
    assert codes(run("fetch")) == ["LAT0644"]
    plugin(mesh, f"{registry}/wrong/a@sha256:{'0' * 64}")
    assert codes(run("fetch")) == ["LAT0633"]
    assert not (mesh / "lateen.lock").exists()


def test_an_index_may_be_pinned(registry: str, mesh: Path, run: Fetch, tmp_path: Path) -> None:
    digest = push(f"{registry}/index/a:1", FIRST, index=True)
    plugin(mesh, f"{registry}/index/a@{digest}")
    assert codes(run("fetch")) == []
    assert locked(mesh)["image"] == digest
    for cached in (tmp_path / "cache" / "sha256").iterdir():
        cached.unlink()
    assert codes(run("fetch")) == []
    assert codes(run("fetch", "--check")) == []


def test_the_meshs_own_secret_is_the_login(guarded: str, mesh: Path, run: Fetch) -> None:
    plugin(mesh, f"{guarded}/filters/a:1", secret(guarded), imagePullSecret="registry")
    assert codes(run("fetch")) == []


def test_without_one_the_docker_configuration_is(guarded: str, mesh: Path, run: Fetch, tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text(json.dumps(docker_config(guarded)))
    plugin(mesh, f"{guarded}/filters/a:1")
    assert codes(run("fetch")) == []


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([], ["LAT0235", "LAT0632"]),
        ([secret("other.example")], ["LAT0632"]),
        ([secret("x", config="{")], ["LAT0638"]),
        ([secret("x", config='{"auths": []}')], ["LAT0632"]),
    ],
    ids=["no secret", "of another registry", "broken", "empty"],
)
def test_a_denied_login_is_said_at_the_line_of_the_url(
    guarded: str, mesh: Path, run: Fetch, others: list[dict[str, Any]], found: list[str]
) -> None:
    plugin(mesh, f"{guarded}/filters/a:1", *others, imagePullSecret="registry")
    done = run("fetch")
    assert sorted(codes(done)) == found
    refusal = next(finding for finding in json.loads(done.stderr)["findings"] if finding["code"] == found[-1])
    assert (refusal["field"], refusal["resource"]) == ("spec.url", "WasmPlugin default/a")
    assert done.returncode == 1
    assert not (mesh / "lateen.lock").exists()


def test_a_registry_that_is_not_there_is_said(mesh: Path, run: Fetch) -> None:
    plugin(mesh, "127.0.0.1:9/filters/a:1")
    assert codes(run("fetch")) == ["LAT0631"]


def test_the_key_of_the_mesh_must_have_signed_the_image(registry: str, mesh: Path, run: Fetch, tmp_path: Path) -> None:
    name = f"{registry}/signed/a:1"
    digest = push(name, FIRST)
    keys = {owner: key_pair(tmp_path, owner) for owner in ("ours", "theirs")}
    plugin(mesh, name)
    assert codes(run("fetch")) == []
    plugin(mesh, name, verificationKey=keys["ours"])
    assert [f["code"] for f in json.loads(run("analyze").stdout)["findings"]] == ["LAT0239"]
    assert codes(run("fetch")) == ["LAT0637"]
    with Registry(parse(name), anonymous(), push=True) as source:
        sign(source, parse(name), digest, read_private(tmp_path / "ours.key"))
    assert codes(run("fetch")) == []
    assert json.loads(run("analyze").stdout)["findings"] == []
    plugin(mesh, name, verificationKey=keys["theirs"])
    assert codes(run("fetch", "--check")) == ["LAT0239"]
    assert codes(run("fetch")) == ["LAT0637"]
    plugin(mesh, name, verificationKey="no key")
    assert codes(run("fetch")) == ["LAT0638"]


def key_pair(folder: Path, owner: str) -> str:
    """A key pair made by OpenSSL; the public key in PEM."""
    options = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{folder}/{owner}.key")
    subprocess.run(["openssl", "genpkey", *options], capture_output=True, check=True)  # noqa: S607
    public = ["openssl", "pkey", "-in", f"{folder}/{owner}.key", "-pubout"]
    return subprocess.run(public, capture_output=True, text=True, check=True).stdout
