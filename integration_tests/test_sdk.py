"""The SDK on both hosts: a module that does what a request asks, its scenarios, and two workers of one Envoy."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from harness import eventually
from lateen.filterkit.build import Cargo
from lateen.filterkit.catalog import Filter, read_filter
from lateen.filterkit.scenarios.run import run
from lateen.model.proxy import Proxy
from lateen.runtime.child import Child
from lateen.runtime.supervision import stop
from lateen.schema.binary import find_envoy
from lateen.xds.filters.wasm import wasm_extension
from two_hosts import free_port

ROOT = Path(__file__).resolve().parents[1]
TYPES = "type.googleapis.com/envoy.extensions.filters"
CLIENTS = 8
WAYS = 8
SLOTS = 16


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Filter:
    """The module as a filter of its own, built now."""
    folder = tmp_path_factory.mktemp("sdk") / "probe"
    shutil.copytree(ROOT / "filters/sdk/probe", folder)
    (folder / "probe.wasm").write_bytes(Cargo(ROOT / "filters").build(["probe"])["probe"])
    return read_filter(folder)


def test_both_hosts_do_what_the_sdk_says(probe: Filter) -> None:
    result = run(probe, find_envoy())
    assert [finding.message for finding in result.findings if finding.code != "LAT0608"] == []
    assert result.count("passed", "inprocess") == result.count("passed", "envoy") > 10


class Workers:
    """An Envoy with two workers, both of which take requests."""

    def __init__(self, probe: Filter, folder: Path) -> None:
        self.port = free_port()
        (folder / probe.module_name).write_bytes(probe.module())
        proxy = Proxy("workers", metadata={"LATEEN_MODULE_DIR": str(folder)})
        manager = {
            "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "probe",
            "route_config": {"virtual_hosts": [{"name": "none", "domains": ["*"]}]},
            "http_filters": [
                wasm_extension(proxy, "probe", probe, {}),
                {"name": "router", "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"}},
            ],
        }
        address = {"socket_address": {"address": "127.0.0.1", "port_value": self.port}}
        chain: dict[str, Any] = {"filters": [{"name": "manager", "typed_config": manager}]}
        listener = {"name": "probe", "address": address, "filter_chains": [chain]}
        config = folder / "envoy.json"
        config.write_bytes(orjson.dumps({"static_resources": {"listeners": [listener]}}))
        options = ("--concurrency", "2", "--disable-hot-restart", "--log-level", "warning")
        self.envoy = Child((str(find_envoy()), "-c", str(config), *options), folder / "envoy.log")

    def ask(self, order: str, key: str = "", session: requests.Session | None = None) -> str:
        caller = session or requests
        headers = {"x-do": order, "x-key": key}
        return caller.get(f"http://127.0.0.1:{self.port}/", headers=headers, timeout=10).text

    def ready(self) -> bool:
        try:
            return self.ask("tick").isdecimal()
        except requests.ConnectionError:
            return False


@pytest.fixture
def workers(probe: Filter, tmp_path: Path) -> Iterator[Workers]:
    running = Workers(probe, tmp_path)
    try:
        eventually(running.ready, 30)
        yield running
    finally:
        stop([running.envoy])


def test_of_two_workers_one_inserts_a_key_and_no_count_is_lost(workers: Workers) -> None:
    """Each client has connections of its own, which Envoy spreads over its workers."""
    keys = [f"nonce {number}" for number in range(50)]

    def client(_: int) -> list[str]:
        answers = []
        for key in keys:
            with requests.Session() as session:
                answers.append(f"{key}: {workers.ask('insert', key, session)}")
                assert workers.ask("count", "all", session) == "true"
        return answers

    with ThreadPoolExecutor(CLIENTS) as pool:
        seen = Counter(answer for answers in pool.map(client, range(CLIENTS)) for answer in answers)
    assert seen == Counter({**{f"{key}: New": 1 for key in keys}, **{f"{key}: Present": CLIENTS - 1 for key in keys}})
    assert workers.ask("get", "all") == str(CLIENTS * len(keys))


def test_a_table_that_must_not_forget_takes_in_no_more_than_there_is_room_for(workers: Workers) -> None:
    answers = Counter(workers.ask("insert", f"key {number}") for number in range(3 * SLOTS * WAYS))
    assert set(answers) == {"New", "Full"}
    assert answers["New"] <= SLOTS * WAYS


def test_a_timer_wakes_each_worker_again_and_again(workers: Workers) -> None:
    first = int(workers.ask("tick"))
    eventually(lambda: int(workers.ask("tick")) > first + 2)
