"""Meshes that cannot start: one clear error each, exit code 2, and nothing half-started. Those that can, but point to
nothing, start as with Istio and say so."""

from __future__ import annotations

import socket
from pathlib import Path

from harness import Command, Run
from lateen.runtime.child import marked
from lateen.runtime.events import findings_of
from lateen.runtime.state import MARKER
from meshes import deployment, documents, save, service, virtual_service, write
from two_hosts import free_port


def refused(base: Path, mesh: Path, *arguments: str) -> str:
    """What `up` says of a mesh that it cannot start; nothing of it runs then, and only logs are left of its files."""
    code, out, errors = Command(base, "up", str(mesh), *arguments).end()
    assert (code, out) == (2, "")
    assert "Traceback" not in errors
    runs = list(base.iterdir()) if base.exists() else []
    assert [path.name for run in runs for path in run.iterdir() if path.name not in ("logs", MARKER)] == []
    assert [process for run in runs for process in marked(run.name)] == []
    return errors


def test_no_folder(base: Path, tmp_path: Path) -> None:
    assert str(tmp_path / "missing") in refused(base, tmp_path / "missing")


def test_an_empty_folder(base: Path, directory: Path) -> None:
    directory.mkdir()
    assert str(directory) in refused(base, directory)


def test_standard_input(base: Path, tmp_path: Path) -> None:
    code, _, errors = Command(base, "up", "-").end()
    assert code == 2
    assert "standard input" in errors


def test_an_empty_file(base: Path, directory: Path) -> None:
    directory.mkdir()
    (directory / "web.yaml").touch()
    errors = refused(base, directory)
    assert "LAT0001" in errors
    assert "hint:" in errors


def test_an_unknown_kind_and_an_unknown_field(base: Path, directory: Path) -> None:
    rule = documents(virtual_service("web", timeuot="1s"), virtual_service("web") | {"kind": "VirtualServices"})
    workload = documents(deployment("web"), service("web"))
    errors = refused(base, write(directory, web=workload, routes=rule))
    assert f"{directory}/routes.yaml:" in errors
    assert 'did you mean "timeout"?' in errors
    assert 'did you mean "VirtualService"?' in errors
    assert "2 errors" in errors


def test_a_config_file_is_named(base: Path, directory: Path, tmp_path: Path) -> None:
    mesh = write(directory, web=documents(deployment("web"), service("web")))
    save(tmp_path / "config.yaml", "accessLogFile: /dev/stdout\naccessLogFle: /dev/stderr\n")
    assert f"{tmp_path}/config.yaml:2:1" in refused(base, mesh, "--mesh-config", str(tmp_path / "config.yaml"))


def test_what_points_to_nothing_is_told_at_the_start_and_after_an_edit(directory: Path, up: Run) -> None:
    """TCP services without address that share a port are no fault: each has a listener of its own here."""
    tcp = [service(name, port=7000, protocol="tcp") for name in ("one", "two")]
    rule = virtual_service("web")
    [destination] = [route["destination"] for route in rule["spec"]["http"][0]["route"]]
    destination["host"] = "webb"
    workload = documents(deployment("web"), service("web"), *tcp)
    mesh = write(directory, web=workload, routes=documents(rule))
    with up(mesh) as running:
        told = {finding.code: finding for finding in running.diagnostics}
        assert told["LAT0301"].origin.file == f"{mesh}/routes.yaml"
        assert "web.default.svc.cluster.local" in told["LAT0301"].hint
        assert "LAT0315" not in told
        destination.update(host="web", subset="v9")
        since = len(running.events)
        save(mesh / "routes.yaml", documents(rule))
        event = running.events.wait_for(lambda e: e["event"] == "diagnostics", 10, since)
        assert event["used"]
        assert [finding.code for finding in findings_of(event)] == ["LAT0302"]


def test_a_broken_document(base: Path, directory: Path) -> None:
    errors = refused(base, write(directory, broken="kind: [\n"))
    assert f"{directory}/broken.yaml:" in errors


def test_a_mesh_without_workloads(base: Path, directory: Path) -> None:
    assert "LAT0714" in refused(base, write(directory, service=documents(service("web"))))


def test_a_taken_port_names_who_needs_it(base: Path, directory: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - it takes the port of every workload
        port = server.getsockname()[1]
        mesh = write(directory, web=documents(deployment("web", port=port), service("web", port=port)))
        errors = refused(base, mesh)
    assert "LAT0701" in errors
    assert f":{port} is taken by" in errors
    assert "web-0.default" in errors


def test_a_missing_envoy(base: Path, directory: Path) -> None:
    mesh = write(directory, web=documents(deployment("web"), service("web")))
    errors = refused(base, mesh, "--envoy", "/no/such/envoy")
    assert "LAT0501" in errors
    assert "/no/such/envoy" in errors


def test_an_envoy_that_ends_at_once(base: Path, directory: Path, tmp_path: Path) -> None:
    envoy = tmp_path / "envoy"
    envoy.write_text("#!/bin/sh\necho no licence >&2\nexit 7\n")
    envoy.chmod(0o755)
    errors = refused(base, write(directory, web=documents(deployment("web"), service("web"))), "--envoy", str(envoy))
    assert "LAT0702" in errors
    assert "(exit status 7) before it was ready: no licence" in errors


def test_an_application_that_ends_at_once(base: Path, directory: Path) -> None:
    command = ["python3", "-c", "raise SystemExit('no database')"]
    errors = refused(base, write(directory, web=documents(deployment("web", command=command), service("web"))))
    assert f"{directory}/web.yaml:" in errors
    assert "container app of web ended (exit status 1) before it was ready: no database" in errors
    assert "web-0.default.app.log" in errors


def test_an_init_container_that_fails(base: Path, directory: Path) -> None:
    web = deployment("web")
    failing = {
        "name": "migrate",
        "command": ["python3", "-c", "print('connecting', flush=True); raise SystemExit('no database')"],
    }
    web["spec"]["template"]["spec"]["initContainers"] = [failing]
    errors = refused(base, write(directory, web=documents(web, service("web"))))
    assert "init container migrate of web ended (exit status 1): connecting / no database" in errors
    assert "web-0.default.migrate.log" in errors


def test_an_application_that_never_becomes_ready(base: Path, directory: Path) -> None:
    probe = {"httpGet": {"path": "/", "port": 8081}}
    mesh = write(directory, web=documents(deployment("web", readinessProbe=probe), service("web")))
    errors = refused(base, mesh, "--timeout", "4")
    assert "LAT0705" in errors
    assert "was not ready after 4 s" in errors


def test_an_application_that_takes_every_address(base: Path, directory: Path) -> None:
    port = free_port()  # other meshes of this machine may need that of every other test
    command = ["python3", "-m", "http.server", str(port), "--bind", "0.0.0.0"]  # noqa: S104
    mesh = write(directory, web=documents(deployment("web", port=port, command=command), service("web", port=port)))
    errors = refused(base, mesh, "--timeout", "20")
    assert "LAT0706" in errors or "Address already in use" in errors


def test_a_command_that_does_not_exist(base: Path, directory: Path) -> None:
    mesh = write(directory, web=documents(deployment("web", command=["/srv/web"]), service("web")))
    errors = refused(base, mesh)
    assert "LAT0711" in errors
    assert f"{directory}/web.yaml:" in errors


def test_a_state_directory_too_deep_for_sockets(base: Path, directory: Path) -> None:
    mesh = write(directory, web=documents(deployment("web"), service("web")))
    assert "LAT0713" in refused(base / ("x" * 120), mesh)


def test_a_mesh_without_tests_has_nothing_to_judge(base: Path, directory: Path) -> None:
    """It starts, which is something, but is not what `--once` was asked for."""
    mesh = write(directory, web=documents(deployment("web"), service("web")))
    code, out, errors = Command(base, "up", str(mesh), "--once").end()
    assert (code, "0 of 0 expectations held" in out) == (0, True)
    assert "no TrafficTest" in errors
