"""The containers of a pod on real processes: their order, and the probes that keep them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import grpc
import pytest

from lateen.model.injection import SidecarSettings
from lateen.model.pod import Exec, GrpcCheck, HttpGet, PodSpec, Probe, TcpSocket
from lateen.runtime.liveness import Liveness, LivenessWatch
from lateen.runtime.plan import Application, Phase
from lateen.runtime.probing import Target
from lateen.runtime.supervision import Supervision

from .test_startup import SERVER, Lab, address, lab, python, static

__all__ = ["address", "lab"]


def serving(address: str, **fields: object) -> Application:
    return python(address, *SERVER, address, "9080", **fields)


def test_init_containers_run_one_after_the_other_and_before_the_others(lab: Lab, address: str, tmp_path: Path) -> None:
    log = tmp_path / "order"
    say = "import pathlib, sys, time; time.sleep({0}); f = pathlib.Path({1!r}).open('a'); f.write('{2} ')"
    init = [
        python(address, "-c", say.format(delay, str(log), name), container=name, phase=Phase.INIT, ports=())
        for name, delay in (("first", 0.3), ("second", 0))
    ]
    lab.launch(*init, serving(address)).wait(20)
    assert log.read_text() == "first second "


def test_an_init_container_that_fails_is_named_with_its_last_words(lab: Lab, address: str) -> None:
    script = "print('connecting', flush=True); raise SystemExit('no database')"
    init = python(address, "-c", script, container="migrate", phase=Phase.INIT)
    assert lab.fails(lab.launch(init, serving(address))) == ["LAT0723"]
    [finding] = lab.diagnostics
    assert finding.message == "init container migrate of web ended (exit status 1): connecting / no database"
    assert finding.hint == f"see {lab.run.files.log('web-0.shop.migrate')}"


def test_an_init_container_that_never_ends_is_named_and_ended(lab: Lab, address: str) -> None:
    init = python(address, "-c", "import time; time.sleep(60)", container="wait", phase=Phase.INIT)
    assert lab.fails(lab.launch(init, serving(address)), 0.4) == ["LAT0724"]


def test_a_sidecar_of_the_pod_is_kept_and_must_have_started_before_what_follows(
    lab: Lab, address: str, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    probe = Probe(TcpSocket(9080), period=1)
    script = f"import time, pathlib; time.sleep(0.3); pathlib.Path({str(ready)!r}).touch(); "
    script += f"import socket; s = socket.create_server(({address!r}, 9080)); time.sleep(60)"
    sidecar = python(address, "-c", script, container="cache", phase=Phase.SIDECAR, startup=probe)
    after = f"import pathlib; assert pathlib.Path({str(ready)!r}).exists()"
    init = python(address, "-c", after, container="after", phase=Phase.INIT, ports=())
    lab.launch(sidecar, init, python(address, *SERVER, address, "9081", ports=(9081,))).wait(20)
    assert [process.child.running for process in lab.processes] == [True, True]


def test_containers_can_wait_for_the_proxy(lab: Lab, address: str) -> None:
    pod = PodSpec(sidecar=SidecarSettings(hold_application=True))
    app = serving(address)
    held = replace(app, workload=replace(app.workload, pod=pod))
    startup = lab.launch(held, bootstraps={"web-0.shop": static(address)})
    assert startup.applications == []
    startup.wait(20)
    assert len(startup.applications) == 1


def test_a_container_whose_liveness_fails_is_started_again(lab: Lab, address: str, tmp_path: Path) -> None:
    probe = Probe(HttpGet(9080, "/healthy"), period=0.1, failure_threshold=2)
    (tmp_path / "healthy").touch()
    app = replace(serving(address, liveness=probe), directory=tmp_path, grace=5.0)
    lab.processes = Supervision(lab.processes.events, first_delay=0.1)
    startup = lab.launch(app)
    startup.wait(20)
    lab.processes.watch()
    (started,) = startup.applications
    watch = LivenessWatch([Liveness(app, started.process, started.readiness.question, startup.events)])
    try:
        first = started.process.child.pid
        sleep(0.5)
        assert started.process.child.pid == first, "it answers, so nothing happens to it"
        (tmp_path / "healthy").unlink()
        startup.events.wait_for(lambda e: e["event"] == "restarted", 10)
        (tmp_path / "healthy").touch()
        assert started.process.child.pid != first
    finally:
        watch.stop()
    kinds = [event["event"] for event in startup.events.since()]
    assert kinds[:3] == ["unhealthy", "ended", "restarted"]
    assert "answers 404" in startup.events.since()[0]["reason"]


@pytest.fixture
def health(address: str) -> str:
    """A gRPC health service on port 9090 that serves `shop` and nothing else."""

    def check(request: bytes, _context: grpc.ServicerContext) -> bytes:
        return b"\x08\x01" if request in (b"\x0a\x04shop", b"\x0a\xc8\x01" + b"s" * 200) else b"\x08\x02"

    server = grpc.server(ThreadPoolExecutor(1))
    method = grpc.unary_unary_rpc_method_handler(check)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": method}),))
    server.add_insecure_port(f"{address}:9090")
    server.start()
    yield address
    server.stop(None)


def test_a_grpc_probe_asks_the_health_service(health: str) -> None:
    target = Target(health, {}, lambda _command, _timeout: "")
    assert target.ask(Probe(GrpcCheck(9090, "shop"))) == ""
    assert target.ask(Probe(GrpcCheck(9090, "s" * 200))) == ""
    assert "not serving" in target.ask(Probe(GrpcCheck(9090)))
    assert "UNAVAILABLE" in target.ask(Probe(GrpcCheck(9091)))


def test_an_exec_probe_runs_with_the_containers_environment(lab: Lab, address: str, tmp_path: Path) -> None:
    app = replace(python(address), environment={"COLOUR": "blue", "PATH": "/usr/bin:/bin"}, directory=tmp_path)
    execute = lab.launcher.execute(app)
    script = "import os; assert os.environ['COLOUR'] == 'blue'; open('made', 'w')"
    assert execute(("python3", "-c", script), 10) == ""
    assert (tmp_path / "made").exists()
    assert execute(("sh", "-c", "echo broken; exit 3"), 10) == "sh ended with 3: broken"
    started = monotonic()
    assert "has not ended after 0.2 s" in execute(("sleep", "60"), 0.2)
    assert monotonic() - started < 5
    assert "No such file" in execute(("absent-command",), 1)
    assert Target(address, {}, execute).ask(Probe(Exec(("true",)))) == ""
