"""The images that containers of a mesh start from: those that the engine has or pulls, else built from files here."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes import engine as codes
from lateen.runtime.docker.engine import LABEL, asking, reason
from lateen.runtime.docker.envoy_image import envoy_recipe, published
from lateen.runtime.docker.init_image import init_recipe
from lateen.runtime.docker.python_image import application_recipe, python_recipe
from lateen.runtime.docker.recipe import building, not_built
from lateen.runtime.docker.rootfs import Rootfs

if TYPE_CHECKING:
    from docker import DockerClient

    from lateen.runtime.docker.recipe import Recipe

KIND = "lateen.image"
"""The label with an image's kind. Containers inherit labels, so `lateen=image` alone marks none as part of a run."""

LOCAL = "lateen.local/"
"""Names below this are nobody's registry: such an image is built from the mesh's own folder, and never pulled."""

_NOWHERE = Origin()
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Names of the kernel, by which the engine has others."""
_BUILD_SECONDS = 600
"""How long one step of a build may be silent."""


@dataclass(frozen=True, slots=True)
class Built:
    """An image that lateen has built. `names` is empty for one that lost its name to a newer one; `size` in bytes."""

    id: str
    names: tuple[str, ...]
    kind: str
    size: int


class Images:
    """The images of one engine. Each method raises MeshError if the engine or the machine does not have what it needs.

    LAT0730 and LAT0732 are the engine's faults, LAT0734 says that an image cannot be had, LAT0735 that one cannot be
    built.
    """

    def __init__(self, client: DockerClient, say: Callable[[str], None] = lambda _: None) -> None:
        """The images of the engine behind `client`. `say` is told of what takes a while, before it starts."""
        self._client = client
        self._say = say

    def envoy(self, binary: Path, *, own: bool = False) -> str:
        """The image of the proxies: the Envoy project's, of the version of `binary`, if the engine has or can pull it;
        else one built from `binary`. `own` says that it must be this very binary.

        Its entry point takes Envoy's arguments; any user may run it.
        """
        recipe = envoy_recipe(binary)
        if not own:
            official = published(binary)
            with building(recipe.kind):
                names = (official, recipe.name)  # built once, the latter spares every later run an attempt to pull
            if found := next(filter(self.exists, names), None):
                return found
            if self._pull(official) is None:
                return official
        return self.build(recipe)

    def init(self) -> str:
        """The image of the one-shot container that redirects a workload's traffic.

        Its entry point takes the path of a file of nftables rules; it wants NET_ADMIN and root.
        """
        return self.build(init_recipe())

    def python(self) -> str:
        """The image of the interpreter that runs lateen, with its standard library."""
        return self.build(python_recipe())

    def application(self, folder: Path) -> str:
        """The image of a Python application: `folder` below the working directory, the interpreter that runs lateen,
        and the installed distributions that `folder/requirements.txt` names."""
        base = python_recipe()
        with building(base.kind):
            recipe = application_recipe(folder, base.name)
        self.build(base)
        return self.build(recipe)

    def resolve(self, image: str, directory: Path, origin: Origin = _NOWHERE) -> str:
        """The name to start a container of `image` by; `origin` is where the mesh in `directory` asks for it.

        `lateen.local/...` is the application in `directory/app`, built anew when a file of it has changed; any other is
        taken from the engine, or else pulled.
        """
        if image.startswith(LOCAL) and (directory / "app").is_dir():
            return self.application(directory / "app")
        if self.exists(image):
            return image
        problem = f"{directory} has no folder `app` to build it from" if image.startswith(LOCAL) else self._pull(image)
        if problem is None:
            return image
        hint = f"load it into the engine, or build one: lateen image app DIR --tag {image}"
        raise MeshError((codes.NO_IMAGE.at(origin, image=image, reason=problem, hint=hint),))

    def tag(self, name: str, tag: str) -> None:
        """Give an image one more name, which any other image that has it loses."""
        from docker.utils import parse_repository_tag  # noqa: PLC0415

        repository, version = parse_repository_tag(tag)
        with asking(f"tag {name} as {tag}"):
            self._client.api.tag(name, repository, version)

    def exists(self, image: str) -> bool:
        """Whether the engine has the image."""
        from docker.errors import ImageNotFound  # noqa: PLC0415

        with asking(f"look for the image {image}"):
            try:
                self._client.api.inspect_image(image)
            except ImageNotFound:
                return False
        return True

    def build(self, recipe: Recipe) -> str:
        """The name of the image of a recipe, which is built unless the engine has it."""
        with building(recipe.kind):
            if self.exists(recipe.name):
                return recipe.name
            self._check_platform(recipe.kind)
            self._say(f"building image {recipe.name}")
            labels = f"LABEL {LABEL}=image {KIND}={recipe.kind}"
            with asking(f"build the image {recipe.name}"):
                problem = self._extend(recipe, labels) if recipe.base else self._import(recipe, labels)
        if problem is not None:
            raise not_built(recipe.kind, problem)
        return recipe.name

    def built(self) -> tuple[Built, ...]:
        """Every image that lateen has built here, the newest first."""
        with asking("list images"):
            found = self._client.api.images(filters={"label": f"{LABEL}=image"})
        return tuple(
            Built(
                image["Id"],
                tuple(sorted(name for name in image["RepoTags"] or () if name != "<none>:<none>")),
                image["Labels"][KIND],
                image["Size"],
            )
            for image in sorted(found, key=lambda image: (-image["Created"], image["Id"]))
        )

    def remove(self, image: Built) -> str | None:
        """Remove an image under all of its names; else why the engine keeps it (a container uses it)."""
        from docker.errors import APIError, ImageNotFound  # noqa: PLC0415

        for name in image.names or (image.id,):
            with asking(f"remove the image {name}"):
                try:
                    self._client.api.remove_image(name)
                except ImageNotFound:  # it went with another
                    continue
                except APIError as error:
                    if error.status_code != HTTPStatus.CONFLICT:
                        raise
                    return reason(error)
        return None

    def _pull(self, image: str) -> str | None:
        """Pull an image; None, or else why that failed."""
        from docker.errors import APIError  # noqa: PLC0415
        from docker.utils import parse_repository_tag  # noqa: PLC0415

        self._say(f"pulling image {image}")
        repository, tag = parse_repository_tag(image)
        with asking(f"pull the image {image}"):
            try:
                return _problem(self._client.api.pull(repository, tag=tag or "latest", stream=True, decode=True))
            except APIError as error:
                return reason(error)

    def _check_platform(self, kind: str) -> None:
        with asking("tell its platform"):
            engine = self._client.version()
        theirs = f"{engine['Os']}/{engine['Arch']}"
        ours = f"{sys.platform}/{_ARCHITECTURES.get(platform.machine(), platform.machine())}"
        if theirs != ours:
            raise not_built(kind, f"the engine is of {theirs}, and the files here are of {ours}")

    def _import(self, recipe: Recipe, labels: str) -> str | None:
        repository, _, tag = recipe.name.partition(":")
        answer = self._client.api.import_image_from_data(
            recipe.rootfs.tar(), repository=repository, tag=tag, changes=[labels, *recipe.instructions]
        )
        return _problem(json.loads(line) for line in answer.splitlines() if line.strip())

    def _extend(self, recipe: Recipe, labels: str) -> str | None:
        context = Rootfs(dict(recipe.rootfs.entries))
        context.add_bytes("/Dockerfile", "\n".join((f"FROM {recipe.base}", *recipe.instructions, labels)).encode())
        return _problem(
            self._client.api.build(
                fileobj=context.tar(),
                custom_context=True,
                tag=recipe.name,
                rm=True,
                forcerm=True,
                network_mode="none",
                timeout=_BUILD_SECONDS,
                decode=True,
            )
        )


def _problem(messages: Iterable[dict[str, Any]]) -> str | None:
    """What went wrong, according to the messages that the engine streams while it works; it sends them all first."""
    errors = [str(message["error"]) for message in messages if "error" in message]
    return " ".join(errors[-1].split()) if errors else None
