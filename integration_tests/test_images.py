"""Images built from files of this machine, in the engine: they are built once, and their containers work."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import ContainerError
from docker.models.containers import Container

import lateen
from lateen.cli import main
from lateen.diagnostics import MeshError
from lateen.runtime.docker.engine import connect
from lateen.runtime.docker.images import Images
from lateen.runtime.docker.init_image import init_recipe
from lateen.runtime.docker.recipe import Recipe
from lateen.runtime.docker.rootfs import Rootfs
from lateen.schema.binary import find_envoy, version

STOREFRONT = Path(__file__).parents[1] / "envoy_configs" / "storefront"
LISTENER = """\
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 8080}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {prefix: /}
                direct_response: {status: 200, body: {inline_string: hello}}
          http_filters:
          - {name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"""
REDIRECT = """\
table inet lateen {
  chain out { type nat hook output priority -100; policy accept;
    tcp dport 80 redirect to :8080
  }
}
"""
ASK = """\
import sys, time, urllib.request
for left in reversed(range(200)):
    try:
        print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
        break
    except OSError:
        if not left: raise
        time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def client(engine: None) -> Iterator[DockerClient]:
    client = connect()
    yield client
    client.close()


@pytest.fixture(scope="module")
def application(client: DockerClient) -> str:
    """The storefront's own image, which has a Python to ask others with."""
    return Images(client).application(STOREFRONT / "app")


@contextmanager
def running(client: DockerClient, image: str, command: list[str], **options: Any) -> Iterator[Container]:
    container = client.containers.run(image, command, detach=True, labels={"lateen": "test"}, **options)
    try:
        yield container
    finally:
        container.remove(force=True)


def once(client: DockerClient, image: str, command: list[str], **options: Any) -> str:
    """What a container prints. Raises ContainerError if it fails."""
    options = {"network_mode": "none", "remove": True, "labels": {"lateen": "test"}} | options
    return client.containers.run(image, command, **options).decode().strip()


def beside(container: Container) -> dict[str, Any]:
    return {"network_mode": f"container:{container.id}"}


@pytest.mark.parametrize("kind", ["envoy", "init", "application"])
def test_an_image_is_built_once(client: DockerClient, kind: str) -> None:
    said: list[str] = []
    images = Images(client, said.append)

    def build() -> str:
        if kind == "application":
            return images.application(STOREFRONT / "app")
        return images.init() if kind == "init" else images.envoy(find_envoy(), own=True)

    name = build()
    identity = client.images.get(name).id
    said.clear()
    assert build() == name
    assert said == []
    assert client.images.get(name).id == identity
    assert name in [each for image in images.built() for each in image.names]


def test_envoy_serves_as_istios_user(client: DockerClient, application: str) -> None:
    image = Images(client).envoy(find_envoy(), own=True)
    assert f"/{version(find_envoy())}/" in once(client, image, ["--version"])
    arguments = ["--config-yaml", LISTENER, "--disable-hot-restart", "--concurrency", "1"]
    with running(client, image, arguments, network_mode="none") as envoy:
        assert once(client, application, ["python3", "-c", ASK, "http://127.0.0.1:8080"], **beside(envoy)) == "hello"
        user = "print([l for l in open('/proc/1/status') if l.startswith('Uid')][0].split()[1])"
        assert once(client, application, ["python3", "-c", user], pid_mode=f"container:{envoy.id}") == "1337"


def test_the_published_envoy_stands_before_a_built_one(client: DockerClient) -> None:
    images = Images(client)
    built = images.envoy(find_envoy(), own=True)
    published = f"envoyproxy/envoy:v{version(find_envoy())}"
    if images.exists(published):
        assert images.envoy(find_envoy()) == published
        return
    assert images.envoy(find_envoy()) == built
    images.tag(built, published)
    try:
        assert images.envoy(find_envoy()) == published
        assert images.envoy(find_envoy(), own=True) == built
    finally:
        client.images.remove(published)


def test_init_redirects_a_network_namespace(client: DockerClient, application: str, tmp_path: Path) -> None:
    init = Images(client).init()
    (tmp_path / "rules.nft").write_text(REDIRECT)
    options = {"cap_add": ["NET_ADMIN"], "volumes": [f"{tmp_path}:/rules:ro"]}
    serve = "import http.server as s; s.test(s.SimpleHTTPRequestHandler, port=8080, bind='127.0.0.1')"
    enabled = {"sysctls": {"net.ipv6.conf.all.disable_ipv6": "0"}}
    with running(client, application, ["python3", "-c", serve], network_mode="none", **enabled) as server:
        assert once(client, init, ["/rules/rules.nft"], **options, **beside(server)) == ""
        assert "shop.py" in once(client, application, ["python3", "-c", ASK, "http://127.0.0.1/app/"], **beside(server))
        addresses = "print(open('/proc/net/if_inet6').read())"
        assert f"{6:032x}" in once(client, application, ["python3", "-c", addresses], **beside(server))


def test_init_fails_on_rules_that_are_none(client: DockerClient, tmp_path: Path) -> None:
    (tmp_path / "rules.nft").write_text("table inet lateen {\n  chain out { nonsense }\n}\n")
    options = {"cap_add": ["NET_ADMIN"], "volumes": [f"{tmp_path}:/rules:ro"]}
    with pytest.raises(ContainerError, match=r"rules\.nft:2"):
        once(client, Images(client).init(), ["/rules/rules.nft"], **options)


def test_the_application_runs_as_its_deployment_says(client: DockerClient, application: str) -> None:
    environment = {"ROLE": "reviews", "PORT": "9080", "POD_IP": "127.0.0.1"}
    with running(
        client, application, ["python3", "app/shop.py"], environment=environment, network_mode="none"
    ) as server:
        assert once(client, application, ["python3", "-c", ASK, "http://127.0.0.1:9080/health"], **beside(server))
    assert once(client, application, ["uvicorn", "--version"]).startswith("Running uvicorn")
    state = "import os, starlette; print(os.getuid(), os.getcwd(), os.path.exists(starlette.__cached__))"
    assert once(client, application, ["python3", "-c", state]) == "1000 /srv True"
    trusted = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'])"
    here = ssl.create_default_context().cert_store_stats()["x509_ca"]
    assert once(client, application, ["python3", "-c", trusted]) == str(here)


def test_the_interpreter_of_the_distribution_makes_an_image(client: DockerClient, tmp_path: Path) -> None:
    interpreter = Path("/usr/bin/python3")
    packages = f"{sysconfig.get_path('purelib')}:{Path(lateen.__file__).parents[1]}"
    environment = {**os.environ, "PYTHONPATH": packages}
    script = (
        "import sys; from lateen.cli import main\n"
        f"sys.exit(f'it is {sys.version}') if sys.version_info[:2] != {sys.version_info[:2]} else main(sys.argv[1:])"
    )
    if not interpreter.exists() or interpreter.resolve() == Path(sys.executable).resolve():
        pytest.skip("the distribution has no Python other than the one in use")
    command = [interpreter, "-c", script, "image", "app", STOREFRONT / "app"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "it is " in done.stderr:
        pytest.skip(f"the distribution's Python cannot use the packages of the one in use: {done.stderr.strip()}")
    where = once(client, done.stdout.strip(), ["python3", "-c", "import httpx, ssl, sys; print(sys.base_prefix)"])
    assert where == "/usr"


def test_the_command_prints_names_only(client: DockerClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", "init", "--tag", "lateen.local/init:test"]) == 0
    assert capsys.readouterr().out == "lateen.local/init:test\n"
    assert main(["image", "list", "-o", "json"]) == 0
    listed = {row["name"]: row["kind"] for row in json.loads(capsys.readouterr().out)["images"]}
    assert listed["lateen.local/init:test"] == "init"
    client.images.remove("lateen.local/init:test")
    assert main(["image", "init", "--tag", "Not A Name"]) == 2
    assert "LAT0732" in capsys.readouterr().err
    assert main(["image", "app"]) == 2


def test_a_local_name_is_built_from_the_folder_of_the_mesh(client: DockerClient, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text("print('one')")
    images = Images(client)
    first = images.resolve("lateen.local/any:1", tmp_path)
    assert once(client, first, ["python3", "app/main.py"]) == "one"
    (app / "main.py").write_text("print('two')")
    second = images.resolve("lateen.local/any:1", tmp_path)
    assert once(client, second, ["python3", "app/main.py"]) == "two"
    for name in (first, second):
        client.images.remove(name)


def test_another_name_is_the_engines(client: DockerClient, tmp_path: Path) -> None:
    images = Images(client)
    images.tag(images.init(), "registry.invalid/web:1")
    try:
        assert images.resolve("registry.invalid/web:1", tmp_path) == "registry.invalid/web:1"
    finally:
        client.images.remove("registry.invalid/web:1")
    for name in ("registry.invalid/web:1", "lateen.local/web:1"):
        with pytest.raises(MeshError) as caught:
            images.resolve(name, tmp_path)
        (finding,) = caught.value.diagnostics
        assert finding.code == "LAT0734"
        assert f"lateen image app DIR --tag {name}" in finding.hint


def test_an_image_in_use_is_kept(client: DockerClient, tmp_path: Path) -> None:
    recipe = init_recipe()
    recipe.rootfs.add_bytes("/unique", str(tmp_path).encode())
    images = Images(client)
    name = images.build(recipe)
    (image,) = [image for image in images.built() if name in image.names]
    with running(client, name, ["-c", "read -r x"], entrypoint="/bin/sh", stdin_open=True, network_mode="none"):
        assert "container" in (images.remove(image) or "")
        assert images.exists(name)
    assert images.remove(image) is None
    assert not images.exists(name)


def test_a_fault_while_building_leaves_no_image(client: DockerClient, tmp_path: Path) -> None:
    images = Images(client)
    shutil.copy(find_envoy(), source := tmp_path / "file")
    rootfs = Rootfs()
    rootfs.add_file(source)
    recipe = Recipe("test", "1", rootfs)
    assert recipe.name
    source.unlink()
    with pytest.raises(MeshError, match=r"LAT0735.*No such file"):
        images.build(recipe)
    broken = Recipe("test", "1", Rootfs(), ('RUN ["/absent"]',), images.init())
    with pytest.raises(MeshError, match=r"LAT0735.*/absent"):
        images.build(broken)
    assert not images.exists(recipe.name)
    assert not images.exists(broken.name)
