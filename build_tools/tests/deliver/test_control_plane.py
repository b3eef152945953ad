"""What the control plane does with saved files, without any Envoy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lateen.deliver import control_plane
from lateen.deliver.control_plane import ControlPlane, main
from lateen.deliver.plan import Plan, PlannedProxy
from lateen.deliver.protocol import ROUTE, SECRET, Rejection, Resources
from lateen.identity import Authority, files

WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      serviceAccountName: {name}
      containers: [{{name: app, image: echo, ports: [{{containerPort: 8080}}]}}]
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 8080}}]}}
"""

ROUTES = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews}}]
    timeout: 5s
"""

METADATA = {"INTERCEPTION_MODE": "NONE", "LATEEN_METADATA_EXCHANGE": "false"}
WEB, REVIEWS = "web-0.default", "reviews-0.default"


@dataclass
class Run:
    """A control plane at work."""

    plan: Plan
    state: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    plane: ControlPlane = field(init=False)

    async def until(self, event: str, generation: int | None = None) -> dict[str, Any]:
        """The first event of that name (and generation)."""
        async with asyncio.timeout(5):
            while True:
                for found in self.events:
                    if found["event"] == event and generation in (None, found["generation"]):
                        return found
                await asyncio.sleep(0.01)

    def offered(self, proxy: str = WEB) -> Resources | None:
        return self.plane._servers[proxy].resources


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(control_plane, "TICK", 0.02)
    mesh, state = tmp_path / "mesh", tmp_path / "state"
    mesh.mkdir()
    for name in ("web", "reviews"):
        (mesh / f"{name}.yaml").write_text(WORKLOAD.format(name=name))
    (mesh / "routes.yaml").write_text(ROUTES)
    Authority.create("cluster.local").save(state / "ca")
    proxies = {
        key: PlannedProxy(state / "xds" / f"{n}.sock", METADATA | {"LATEEN_BIND_ADDRESS": f"127.26.3.{n}"})
        for n, key in enumerate((WEB, REVIEWS), 1)
    }
    return Run(Plan(mesh, {WEB: "127.26.3.1", REVIEWS: "127.26.3.2"}, proxies), state)


@asynccontextmanager
async def serving(run: Run) -> AsyncIterator[None]:
    stop = asyncio.Event()
    run.plane = ControlPlane(run.plan, run.state, run.events.append)
    task = asyncio.create_task(run.plane.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


def go(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))  # type: ignore[arg-type]


def test_every_proxy_of_the_plan_is_offered_its_configuration(run: Run) -> None:
    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            assert [e["event"] for e in run.events] == ["serving", "compiled"]
            for key in (WEB, REVIEWS):
                offered = run.offered(key)
                assert offered
                assert set(offered[SECRET]) == {"default", "ROOTCA"}
                assert "8080" in offered[ROUTE]

    go(test)


def test_a_saved_edit_changes_what_it_concerns_and_nothing_else(run: Run) -> None:
    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            before = run.offered()
            (run.plan.directory / "routes.yaml").write_text(ROUTES.replace("5s", "6s"))
            compiled = await run.until("compiled", 2)
            after = run.offered()
            assert before
            assert after
            assert {t for t in after if after[t] != before[t]} == {ROUTE}
            assert compiled["changed"] > 0

    go(test)


def test_a_save_that_means_the_same_changes_nothing(run: Run) -> None:
    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            (run.plan.directory / "routes.yaml").write_text("# a comment\n\n" + ROUTES)
            assert (await run.until("compiled", 2))["changed"] == 0

    go(test)


def test_a_broken_edit_is_told_at_its_place_and_leaves_the_configuration_alone(run: Run) -> None:
    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            before = run.offered()
            routes = run.plan.directory / "routes.yaml"
            routes.write_text(ROUTES.replace("timeout", "timeuot"))
            told = await run.until("diagnostics", 2)
            assert told["used"] is False
            assert [f["origin"] for f in told["findings"]] == [f"{routes}:8:5"]
            assert run.offered() is before
            routes.write_text(ROUTES)
            assert (await run.until("compiled", 3))["changed"] == 0

    go(test)


def test_a_mesh_that_is_broken_from_the_start_offers_nothing_until_it_is_mended(run: Run) -> None:
    routes = run.plan.directory / "routes.yaml"
    routes.write_text("kind: [")

    async def test() -> None:
        async with serving(run):
            await run.until("diagnostics", 1)
            assert run.offered() is None
            routes.write_text(ROUTES)
            await run.until("compiled", 2)
            assert run.offered()

    go(test)


def test_workloads_that_come_and_go_are_told_and_the_rest_of_the_edit_is_used(run: Run) -> None:
    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            before = run.offered(REVIEWS)
            (run.plan.directory / "new.yaml").write_text(WORKLOAD.format(name="new"))
            (run.plan.directory / "reviews.yaml").unlink()
            (run.plan.directory / "routes.yaml").unlink()
            told = await run.until("diagnostics", 2)
            await run.until("compiled", 2)
            assert told["used"] is True
            found = {f["code"]: f for f in told["findings"]}
            assert found["LAT0802"]["origin"].startswith(str(run.plan.directory / "new.yaml"))
            assert "new-0.default" in found["LAT0802"]["message"]
            assert REVIEWS in found["LAT0803"]["message"]
            assert all("restart" in found[code]["hint"] for code in ("LAT0802", "LAT0803"))
            assert run.offered(REVIEWS) is before

    go(test)


def test_a_changed_trust_domain_is_refused(run: Run) -> None:
    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            (run.plan.directory / "mesh.yaml").write_text("trustDomain: shop.example\n")
            told = await run.until("diagnostics", 2)
            assert [f["code"] for f in told["findings"]] == ["LAT0805"]
            assert "from cluster.local to shop.example" in told["findings"][0]["message"]

    go(test)


def test_files_that_cannot_be_read_are_told(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("trustDomain: cluster.local\n")
    run.plan = replace(run.plan, mesh_config=config)

    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            config.unlink()
            told = await run.until("diagnostics", 2)
            assert [f["code"] for f in told["findings"]] == ["LAT0804"]
            assert "config.yaml" in told["findings"][0]["message"]

    go(test)


def test_a_fault_of_the_compiler_does_not_end_the_control_plane(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("no such thing")

    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            with monkeypatch.context() as patch:
                patch.setattr(control_plane, "recompile", fail)
                (run.plan.directory / "routes.yaml").write_text(ROUTES.replace("5s", "6s"))
                told = await run.until("diagnostics", 2)
            assert [f["code"] for f in told["findings"]] == ["LAT0806"]
            assert "LookupError: no such thing" in told["findings"][0]["message"]
            (run.plan.directory / "routes.yaml").write_text(ROUTES.replace("5s", "7s"))
            await run.until("compiled", 3)

    go(test)
    assert "Traceback" in capsys.readouterr().err


def test_a_certificate_is_renewed_at_half_of_its_life_without_a_new_generation(run: Run) -> None:
    run.plan = replace(run.plan, certificate_lifetime=timedelta(seconds=2))

    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            first = run.offered()
            assert first
            async with asyncio.timeout(5):
                while (latest := run.offered()) == first:
                    await asyncio.sleep(0.02)
            assert latest
            assert latest[SECRET]["default"] != first[SECRET]["default"]
            assert {t for t in latest if latest[t] != first[t]} == {SECRET}
            assert latest[SECRET]["ROOTCA"] == first[SECRET]["ROOTCA"]
            assert [e["event"] for e in run.events] == ["serving", "compiled"]

    go(test)


def test_a_successor_offers_the_same_bytes(run: Run) -> None:
    async def offered() -> Resources | None:
        run.events.clear()
        async with serving(run):
            await run.until("compiled", 1)
            return run.offered()

    first = asyncio.run(offered())
    assert first
    assert asyncio.run(offered()) == first


def test_a_refusal_is_told_at_the_place_in_the_yaml(run: Run) -> None:
    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            offered = run.offered()
            assert offered
            for name in (*offered[ROUTE], "unknown"):
                run.plane.rejected(WEB, Rejection(ROUTE, name, "1", "no"))

    go(test)
    nacks = [e for e in run.events if e["event"] == "nack"]
    assert all((e["proxy"], e["type"], e["message"]) == (WEB, ROUTE, "no") for e in nacks)
    assert nacks[-1]["origin"] == ""
    assert any(e["origin"].startswith(str(run.plan.directory / "routes.yaml")) for e in nacks)


@pytest.mark.parametrize(
    ("arguments", "plan", "message"),
    [
        ([], None, "usage:"),
        (["nowhere"], None, "cannot start: [Errno 2]"),
        (["state"], None, "cannot start: [Errno 2]"),
        (["state"], {"version": 2}, "no plan of version 1"),
        (["state"], "plan", "ca-key.pem"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    plan: Any,
    message: str,
) -> None:
    monkeypatch.chdir(run.state.parent)
    if plan == "plan":
        (run.state / "ca" / "ca-key.pem").unlink()
        shared = {"directory": ".", "mesh_config": None, "domain_suffix": "", "strict": True}
        plan = {"version": 1, "placements": {}, "proxies": {}, **shared}
    if plan:
        (run.state / "plan.json").write_text(json.dumps(plan))
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_certificates_that_cannot_be_kept_are_told_once_and_tried_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.plan = replace(run.plan, certificate_lifetime=timedelta(seconds=2))
    monkeypatch.setattr(control_plane, "RETRY", timedelta(seconds=0.1))

    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            first = run.offered()
            with monkeypatch.context() as patch:
                patch.setattr(files, "write", full)
                told = await run.until("diagnostics")
                await asyncio.sleep(0.5)
                assert run.offered() is first
            async with asyncio.timeout(5):
                while run.offered() is first:
                    await asyncio.sleep(0.02)
        assert [f["code"] for f in told["findings"]] == ["LAT0739"]
        assert "No space left on device" in told["findings"][0]["message"]
        assert told["used"]
        assert [e["event"] for e in run.events] == ["serving", "compiled", "diagnostics"]

    go(test)


def test_an_edit_that_a_full_disk_kept_out_is_put_in_force_when_there_is_room(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.plan = replace(run.plan, certificate_lifetime=timedelta(seconds=2))
    monkeypatch.setattr(control_plane, "RETRY", timedelta(seconds=0.1))

    async def test() -> None:
        async with serving(run):
            await run.until("compiled", 1)
            with monkeypatch.context() as patch:
                patch.setattr(files, "write", full)
                await run.until("diagnostics")  # the certificate is due
                (run.plan.directory / "routes.yaml").write_text(ROUTES.replace("5s", "6s"))
                await asyncio.sleep(0.3)
                assert [e for e in run.events if e["event"] == "compiled"] == [run.events[1]]
            async with asyncio.timeout(5):
                while [e["changed"] for e in run.events if e["event"] == "compiled"][1:] == []:
                    await asyncio.sleep(0.02)

    go(test)


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")
