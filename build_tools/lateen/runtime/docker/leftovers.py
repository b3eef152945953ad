"""Removing what runs have made in an engine, by its labels."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateen.runtime.docker.container import ROOT_LABEL, RUN_LABEL, remove
from lateen.runtime.docker.engine import asking

if TYPE_CHECKING:
    from docker import DockerClient

_PARALLEL = 8


def orphans(client: DockerClient) -> frozenset[str]:
    """The ids of runs whose folder is gone (with a reboot, say) while the engine still has something of them."""
    labels = [network.attrs.get("Labels") or {} for network in _networks(client, RUN_LABEL)]
    labels += [container.attrs.get("Labels") or {} for container in _containers(client, RUN_LABEL)]
    return frozenset(one[RUN_LABEL] for one in labels if _gone(Path(one.get(ROOT_LABEL, ""))))


def _gone(folder: Path) -> bool:
    """Whether it is known not to exist; another user's is not to be seen."""
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def remove_run(client: DockerClient, run: str) -> None:
    """Remove every container of a run, running or not, then its network. Raises MeshError if the engine refuses."""
    label = f"{RUN_LABEL}={run}"
    with ThreadPoolExecutor(_PARALLEL) as pool, asking(f"remove the containers of run {run}"):
        list(pool.map(lambda container: remove(client, container.id), _containers(client, label)))
    with asking(f"remove the network of run {run}"):
        for network in _networks(client, label):
            _remove_network(network)


def _remove_network(network: Any) -> None:
    """Remove a network; what was killed while it was being connected may still count as connected."""
    from docker.errors import APIError, NotFound  # noqa: PLC0415

    with contextlib.suppress(NotFound):  # somebody else has removed it
        try:
            network.remove()
        except APIError:
            network.reload()
            for endpoint in network.attrs["Containers"].values():
                with contextlib.suppress(NotFound):
                    network.disconnect(endpoint["Name"], force=True)
            network.remove()


def _containers(client: DockerClient, label: str) -> list[Any]:
    with asking("list the containers of runs"):
        return list(client.containers.list(all=True, sparse=True, filters={"label": label}))


def _networks(client: DockerClient, label: str) -> list[Any]:
    with asking("list the networks of runs"):
        return list(client.networks.list(filters={"label": label}))
