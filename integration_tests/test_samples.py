"""Well-known sample applications, in our own words, running: what their expectations say, and what they do."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from harness import Run, eventually
from lateen.runtime.traffic import run_once
from meshes import deployment, documents, save, service, virtual_service, write

EXAMPLES = Path(__file__).parents[1] / "envoy_configs"


@pytest.mark.parametrize("name", ["bookinfo", "boutique", "guestbook", "helloworld"])
def test_every_expectation_of_a_sample_holds(up: Run, name: str) -> None:
    with up(EXAMPLES / name) as running:
        report = run_once(running.view, running.mesh, running.tests)
    assert running.tests
    assert [f"{r.name}: {'; '.join(r.failures)}" for r in report.results if not r.held] == []


def test_what_is_written_through_the_gateway_is_read_from_every_follower(up: Run) -> None:
    """From the page by its sidecar to the leader, from there to the followers, and back: TCP all the way, by mTLS."""
    with up(EXAMPLES / "guestbook") as running:
        gateway = next(proxy for proxy in running.view.proxies if proxy.kind == "router")

        def page(**query: str) -> dict[str, object]:
            url = f"http://{gateway.address}:8080/guestbook.php"
            answer = requests.get(url, query, headers={"host": "guestbook.example"}, timeout=10)
            answer.raise_for_status()
            found: dict[str, object] = answer.json()
            return found

        page(cmd="set", value="ahoy")
        page(cmd="set", value="land")
        eventually(lambda: all(page(cmd="get") == {"entries": ["ahoy", "land"]} for _ in range(10)), seconds=10)


def test_an_edit_of_any_file_that_was_named_is_put_in_force(up: Run, directory: Path) -> None:
    """Two folders, one of them by a kustomization that leads to a file below it."""
    (directory / "mesh").mkdir(parents=True)
    app = write(directory / "app", web=documents(deployment("web"), service("web")))
    mesh = directory / "mesh"
    save(mesh / "kustomization.yaml", "resources: [rules/timeout.yaml]\n")
    rules = write(mesh / "rules", timeout=documents(virtual_service("web", timeout="5s")))
    with up(app, more=(mesh,)) as running:
        save(rules / "timeout.yaml", documents(virtual_service("web", timeout="6s")))
        running.events.wait_for(lambda e: e["event"] == "compiled" and e["generation"] == 2 and e["changed"], 20)
        since = len(running.events)
        save(mesh / "kustomization.yaml", "resources: []\n")
        running.events.wait_for(lambda e: e["event"] == "compiled" and e["changed"], 20, since)


def test_a_container_that_hangs_is_started_again(up: Run, directory: Path) -> None:
    probe = {"exec": {"command": ["test", "!", "-e", "hangs"]}, "periodSeconds": 1, "failureThreshold": 1}
    mesh = write(directory, web=documents(deployment("web", livenessProbe=probe), service("web")))
    with up(mesh) as running:
        save(directory / "hangs", "")
        found = running.events.wait_for(lambda e: e["event"] == "unhealthy", 20)
        assert found["process"] == "web-0.default.app"
        (directory / "hangs").unlink()
        running.events.wait_for(lambda e: e["event"] == "restarted", 20)
