"""What is reported before anything starts."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lateen.diagnostics import MeshError, Origin
from lateen.model.identity import Ref
from lateen.model.workload import Workload
from lateen.runtime.plan import Application, Claim
from lateen.runtime.process import addresses
from lateen.runtime.process.addresses import Block, ClaimedBlock
from lateen.runtime.process.listening import holder, listeners
from lateen.runtime.process.preflight import check_claims, check_commands, check_limits

PLACE = Origin("web.yaml", 7, 3)
APP = Application(
    Workload("web-0", "shop", "web", Ref("Pod", "shop", "web")), "app", (), {}, Path("/"), "127.0.0.1", ()
)


@pytest.fixture
def taken() -> Iterator[Callable[[str], int]]:
    """Listen on a free port of an address; gives the port."""
    opened = []

    def listen(address: str) -> int:
        server = socket.create_server((address, 0))
        opened.append(server)
        return int(server.getsockname()[1])

    yield listen
    for server in opened:
        server.close()


def test_a_taken_port_names_who_needs_it_and_who_has_it(taken: Callable[[str], int]) -> None:
    port = taken("127.27.0.1")
    claim = Claim("127.27.0.1", port, "the proxy of web-0.shop", PLACE)
    [finding] = check_claims([claim])
    assert (finding.code, finding.origin) == ("LAT0701", PLACE)
    assert f"127.27.0.1:{port} is taken by" in finding.message
    assert "the proxy of web-0.shop needs it" in finding.message
    assert "which listens on 127.27.0.1" in finding.message


def test_a_wildcard_listener_takes_the_port_of_every_address(taken: Callable[[str], int]) -> None:
    port = taken("0.0.0.0")  # noqa: S104 - what is tested
    [finding] = check_claims([Claim("127.27.0.1", port, "web", PLACE)])
    assert "which listens on 0.0.0.0" in finding.message


def test_other_addresses_with_the_same_port_are_free(taken: Callable[[str], int]) -> None:
    port = taken("127.27.0.1")
    assert list(check_claims([Claim("127.27.0.2", port, "web", PLACE)])) == []


def test_two_proxies_on_one_address_are_reported() -> None:
    first = Claim("127.27.0.1", 15000, "the proxy of a", Origin("a.yaml", 1, 1))
    second = Claim("127.27.0.1", 15000, "the proxy of b", Origin("b.yaml", 1, 1))
    [finding] = check_claims([second, first])
    assert "taken by the proxy of a, and the proxy of b needs it" in finding.message
    assert (finding.origin.file, finding.related) == ("b.yaml", (first.origin,))


def test_one_claim_made_twice_is_one_claim() -> None:
    claim = Claim("127.27.0.1", 15000, "web", PLACE)
    assert list(check_claims([claim, claim])) == []


def test_an_address_that_the_machine_lacks_is_reported() -> None:
    [finding] = check_claims([Claim("203.0.113.9", 15000, "web", PLACE)])
    assert "cannot assign requested address" in finding.message


def test_a_port_for_root_only_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: socket.socket, _address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    [finding] = check_claims([Claim("127.27.0.1", 80, "the proxy of web-0.shop", PLACE)])
    assert finding.code == "LAT0719"


def test_listeners_are_read_from_the_kernel(taken: Callable[[str], int]) -> None:
    port = taken("127.27.0.9")
    assert [one.address for one in listeners() if one.port == port] == ["127.27.0.9"]
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        assert [one.address for one in listeners() if one.port == port] == ["::1"]
    assert holder("127.27.0.9", 1) == "another process"


@pytest.mark.parametrize(
    ("application", "reason"),
    [
        (replace(APP, argv=("no-such-program",)), "no-such-program is no program"),
        (replace(APP, argv=("./server",), directory=Path("/usr")), "./server is no program"),
        (replace(APP, argv=("sh",), directory=Path("/no/such/folder")), "/no/such/folder does not exist"),
    ],
)
def test_a_program_or_folder_that_does_not_exist_is_reported_once(application: Application, reason: str) -> None:
    [finding] = check_commands([application, application])
    assert finding.code == "LAT0711"
    assert reason in finding.message


def test_programs_are_found_by_the_containers_path_and_folder(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    by_path = replace(APP, argv=("server",), environment={"PATH": str(tmp_path)})
    by_folder = replace(APP, argv=("./server",), directory=tmp_path, container="other")
    assert list(check_commands([by_path, by_folder])) == []


def test_a_low_limit_of_open_files_is_reported() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        findings = list(check_limits(3))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [f.code for f in findings] == ["LAT0712"]
    assert "RLIMIT_NOFILE) leaves 200, and 3 processes need about 256" in findings[0].message


def test_a_mesh_greater_than_the_machine_is_reported() -> None:
    assert {f.code for f in check_limits(2**60)} == {"LAT0712"}
    assert list(check_limits(3)) == []


def test_blocks_do_not_overlap() -> None:
    used = [
        getattr(Block(number), role)(1)
        for number in range(addresses.BLOCKS)
        for role in ("inbound", "application", "outbound")
    ] + [Block(number).tcp(1, 1) for number in range(addresses.BLOCKS)]
    assert len(set(used)) == 4 * addresses.BLOCKS
    assert all(address.split(".")[1] not in ("0", "255") for address in used)


def test_addresses_are_those_of_the_documentation() -> None:
    block = Block(0)
    assert (block.inbound(1), block.application(2), block.outbound(3)) == ("127.1.0.1", "127.2.0.2", "127.3.0.3")
    assert block.tcp(5, 2) == "127.4.5.2"
    assert block.inbound(258) == "127.1.1.2"


def test_concurrent_runs_have_different_blocks() -> None:
    with ClaimedBlock() as first, ClaimedBlock() as second:
        assert first.block != second.block


def test_no_block_left_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "BLOCKS", 0)
    with pytest.raises(MeshError) as error:
        ClaimedBlock()
    assert [d.code for d in error.value.diagnostics] == ["LAT0716"]
