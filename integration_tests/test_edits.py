"""Editing a running mesh: what changed is taken, nothing else is touched, and no request fails."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest

from harness import Run, Traffic, client, counters, eventually, in_force
from lateen.runtime.events import findings_of
from lateen.runtime.supervisor import Running
from meshes import (
    MESH_CONFIG,
    authorization_policy,
    deployment,
    destination_rule,
    documents,
    save,
    service,
    service_entry,
    tenants,
    virtual_service,
    write,
)

EDITS = 200
WATCHED = "|".join(
    (
        r"cluster_manager\.cluster_(modified|added|removed)$",
        r"listener_manager\.listener_(modified|added|removed)$",
        r"\.rds\..*config_reload$",
        r"extension_config_discovery\..*config_reload$",
        r"sds\..*update_success$",
    )
)
"""Counters that move when Envoy takes a change: clusters, listeners, routes, extension configs, certificates."""


class Editor:
    """Saves one file of the mesh after another, each with content that it never had before."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.made: Counter[str] = Counter()

    def route(self) -> None:
        """Changes the timeout of the calls to `reviews`."""
        rule = virtual_service("reviews", timeout=f"{10 + self._next('route')}s")
        save(self.directory / "routes.yaml", documents(rule))

    def cluster(self) -> None:
        """Changes the connection pool towards `reviews`."""
        pool = {"http": {"maxRequestsPerConnection": 100_000 + self._next("cluster")}}
        save(self.directory / "rules.yaml", documents(destination_rule("reviews", connectionPool=pool)))

    def listener(self) -> None:
        """Changes what `reviews` denies."""
        policy = authorization_policy("reviews", f"/denied/{self._next('listener')}")
        save(self.directory / "policy.yaml", documents(policy))

    def endpoint(self) -> None:
        """Changes the weight of an endpoint of `legacy`."""
        save(self.directory / "legacy.yaml", documents(service_entry("legacy.example", self._next("endpoint") + 1, 1)))

    def extension(self) -> None:
        """Changes the configuration of a filter of `reviews`."""
        save(self.directory / "tenants.yaml", documents(tenants("reviews", f"tenant-{self._next('extension')}")))

    def _next(self, kind: str) -> int:
        self.made[kind] += 1
        return self.made[kind]


@pytest.fixture
def mesh(directory: Path) -> Path:
    """`web` calls `reviews`."""
    return write(
        directory,
        workloads=documents(deployment("web"), service("web"), deployment("reviews"), service("reviews")),
        routes=documents(virtual_service("reviews", timeout="10s")),
        rules=documents(destination_rule("reviews", connectionPool={"http": {"maxRequestsPerConnection": 100_000}})),
        policy=documents(authorization_policy("reviews", "/denied/0")),
        legacy=documents(service_entry("legacy.example", 1, 1)),
        tenants=documents(tenants("reviews", "tenant-0")),
    )


def moved(running: Running, owner: str, edit: Callable[[], None]) -> dict[str, int]:
    """By how much an edit moved the watched counters of a proxy, those aside that stood still."""
    before = counters(running, owner, WATCHED)
    in_force(running, edit)
    after = at_rest(running, owner)
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}


def at_rest(running: Running, owner: str) -> dict[str, int]:
    """The watched counters once they stand still: a filter's counts after the ACK, when its workers have it."""
    before: dict[str, int] = {}
    while (after := counters(running, owner, WATCHED)) != before:
        before = after
        sleep(0.2)
    return after


def test_two_hundred_edits_under_traffic(mesh: Path, up: Run) -> None:
    """No request fails, and Envoy's counters move by exactly the edits."""
    editor, choose = Editor(mesh), random.Random(4)
    kinds = [editor.route, editor.cluster, editor.listener, editor.endpoint, editor.extension]
    with up(mesh) as running:
        before = {owner: counters(running, owner, WATCHED) for owner in ("web", "reviews")}
        with Traffic(lambda: client(running, "web"), "http://reviews:8080/") as traffic:
            for _ in range(EDITS):
                in_force(running, choose.choice(kinds))
        after = {owner: at_rest(running, owner) for owner in ("web", "reviews")}
    assert traffic.failures == []
    assert traffic.requests > 1000
    change = {
        owner: {name: value - before[owner].get(name, 0) for name, value in found.items()}
        for owner, found in after.items()
    }
    assert min(editor.made.values()) > EDITS / len(kinds) / 2
    for owner in ("web", "reviews"):
        assert change[owner]["cluster_manager.cluster_modified"] == editor.made["cluster"]
        assert change[owner]["cluster_manager.cluster_added"] == change[owner]["cluster_manager.cluster_removed"] == 0
        assert of(change[owner], ".rds.") == {editor.made["route"]}
        assert of(change[owner], "sds.") == {0}
    assert change["web"]["listener_manager.listener_modified"] == 0
    assert change["reviews"]["listener_manager.listener_modified"] == editor.made["listener"]
    assert max(of(change["reviews"], "default.tenants")) == editor.made["extension"]


def of(change: dict[str, int], part: str) -> set[int]:
    """How far the counters moved whose names have that part."""
    return {value for name, value in change.items() if part in name}


def test_an_edit_moves_the_counter_of_its_kind_and_no_other(mesh: Path, up: Run) -> None:
    editor = Editor(mesh)
    with up(mesh) as running:
        assert moved(running, "web", editor.cluster) == {"cluster_manager.cluster_modified": 1}
        assert moved(running, "reviews", editor.listener) == {"listener_manager.listener_modified": 1}
        routes = moved(running, "web", editor.route)
        assert set(routes.values()) == {1}
        assert all(".rds." in name for name in routes)
        assert moved(running, "web", editor.endpoint) == {}
        extensions = moved(running, "reviews", editor.extension)
        assert set(extensions.values()) == {1}
        assert all("extension_config_discovery" in name for name in extensions)


def test_what_an_edit_replaced_is_kept_no_longer_than_it_may_drain(mesh: Path, up: Run) -> None:
    editor = Editor(mesh)
    save(mesh / "mesh.yaml", f"{MESH_CONFIG}\ndefaultConfig: {{drainDuration: 2s}}\n")
    with up(mesh) as running:
        for _ in range(3):
            in_force(running, editor.listener)
        assert gauge(running, "reviews", "listener_manager.total_filter_chains_draining") > 0
        eventually(lambda: gauge(running, "reviews", "listener_manager.total_filter_chains_draining") == 0, 20)


def gauge(running: Running, owner: str, name: str) -> int:
    """A number of a proxy."""
    return counters(running, owner, f"^{name}$")[name]


def test_a_blank_line_changes_nothing(mesh: Path, up: Run) -> None:
    with up(mesh) as running:
        text = (mesh / "routes.yaml").read_text()
        assert in_force(running, lambda: save(mesh / "routes.yaml", f"\n\n{text}")) == 0


def test_a_broken_edit_leaves_the_mesh_alone_and_is_reported_at_its_line(mesh: Path, up: Run) -> None:
    with up(mesh) as running, client(running, "web") as web:
        good = (mesh / "routes.yaml").read_text()
        since = len(running.events)
        save(mesh / "routes.yaml", good.replace('"timeout"', '"timeuot"'))
        told = running.events.wait_for(lambda e: e["event"] == "diagnostics", 10, since)
        [finding] = findings_of(told)
        line = next(number for number, text in enumerate(good.splitlines(), 1) if '"timeout"' in text)
        assert finding.origin.file.endswith("routes.yaml")
        assert finding.origin.line == line
        assert "timeuot" in finding.message
        assert web.get("http://reviews:8080/", timeout=5).ok
        in_force(running, lambda: save(mesh / "routes.yaml", good.replace("10s", "11s")))


def test_an_edit_is_obeyed(mesh: Path, up: Run) -> None:
    with up(mesh) as running, client(running, "web") as web:
        assert web.get("http://reviews:8080/secret", timeout=5).status_code == 200
        denied = documents(authorization_policy("reviews", "/secret"))
        in_force(running, lambda: save(mesh / "policy.yaml", denied))
        web.get("http://reviews:8080/secret", timeout=5)  # the connection kept from before the edit takes its leave
        assert web.get("http://reviews:8080/secret", timeout=5).status_code == 403
        in_force(running, (mesh / "policy.yaml").unlink)
        web.get("http://reviews:8080/secret", timeout=5)
        assert web.get("http://reviews:8080/secret", timeout=5).status_code == 200
