"""What TrafficTests say of what happened."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from lateen.compiler import load
from lateen.runtime.rotation import rotate
from lateen.runtime.running import RunningMesh, RunningProxy
from lateen.runtime.traffic.caller import Answer, host_matches
from lateen.runtime.traffic.calllog import CallLogs, Entry
from lateen.runtime.traffic.cases import Call, Expect, TrafficTest, load_tests, needed_times
from lateen.runtime.traffic.evaluate import Hosts, failures
from lateen.runtime.traffic.runner import PARALLEL, repeat
from lateen.source.document import Source

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: catalog}
spec: {ports: [{name: http, port: 8080}]}
"""

HOSTS = Hosts(
    {"127.1.0.1": "catalog-v1", "127.1.0.2": "catalog-v2", "127.1.0.3": "reviews"},
    {"127.1.0.3": "reviews-0.shop"},
)


def expecting(**expect: object) -> Call:
    return Call("c", "web", "http://catalog:8080/", expect=Expect(**expect))  # type: ignore[arg-type]


def sent(upstream: str) -> Entry:
    return Entry("web.shop", "outbound", 200, "via_upstream", upstream)


@pytest.mark.parametrize(
    ("expect", "answer", "problem"),
    [
        (Expect(status=200), Answer("a", 200), ""),
        (Expect(status=200), Answer("a", 503), "expected status 200, got 503 (1 of 1 calls)"),
        (Expect(status=200), Answer("a", error="reset"), "expected 200, got reset (1 of 1 calls)"),
        (Expect(error="reset"), Answer("a", error="reset"), ""),
        (Expect(error="reset"), Answer("a", 200), "expected reset, got status 200 (1 of 1 calls)"),
        (Expect(error="reset"), Answer("a", error="refused"), "expected reset, got refused (1 of 1 calls)"),
        (Expect(headers={"X-By": "v2"}), Answer("a", 200, headers={"x-by": "v2"}), ""),
        (
            Expect(headers={"x-by": "v2"}),
            Answer("a", 200, headers={"x-by": "v1"}),
            "expected response header x-by: v2, got v1 (1 of 1 calls)",
        ),
    ],
)
def test_answers(expect: Expect, answer: Answer, problem: str) -> None:
    assert failures(Call("c", "web", "http://x/", expect=expect), [answer], {}, "", Hosts()) == (
        [problem] if problem else []
    )


def test_share_counts_what_the_calling_proxy_chose() -> None:
    answers = [Answer(str(i), 200) for i in range(10)]
    logs = {str(i): [sent("127.1.0.2:8080" if i == 0 else "127.1.0.1:8080")] for i in range(10)}
    assert failures(expecting(share={"catalog-v2": (0.05, 0.15)}), answers, logs, "web.shop", HOSTS) == []
    assert failures(expecting(share={"catalog-v2": (0.2, 0.3)}), answers, logs, "web.shop", HOSTS) == [
        "catalog-v2 answered 0.100 of the calls, expected 0.2 to 0.3"
    ]


def test_a_share_without_log_entries_fails() -> None:
    problems = failures(expecting(share={"catalog-v1": (0, 1)}), [Answer("a", 200)], {}, "web.shop", HOSTS)
    assert problems == ["the call log of web.shop has 0 of 1 calls"]


@pytest.mark.parametrize(
    ("details", "denied_by", "problem"),
    [
        ("rbac_access_denied_matched_policy[none]", "none", []),
        (
            "rbac_access_denied_matched_policy[ns[shop]-policy[deny]-rule[0]]",
            "ns[shop]-policy[deny]-rule[0]",
            [],
        ),
        ("via_upstream", "none", ["denied by nobody, expected none"]),
    ],
)
def test_denied_by_is_read_from_the_destination(details: str, denied_by: str, problem: list[str]) -> None:
    logs = {"a": [sent("127.1.0.3:9080"), Entry("reviews-0.shop", "inbound", 403, details, "")]}
    call = expecting(status=403, denied_by=denied_by)
    assert failures(call, [Answer("a", 403)], logs, "web.shop", HOSTS) == problem


@pytest.mark.parametrize("received_first", [True, False])
def test_a_workload_that_calls_itself_is_its_own_destination(received_first: bool) -> None:
    denied = Entry("reviews-0.shop", "inbound", 403, "rbac_access_denied_matched_policy[none]", "")
    sent = Entry("reviews-0.shop", "outbound", 403, "via_upstream", "127.1.0.3:9080")
    logs = {"a": [denied, sent] if received_first else [sent, denied]}
    call = expecting(status=403, denied_by="none")
    assert failures(call, [Answer("a", 403)], logs, "reviews-0.shop", HOSTS) == []


def test_a_proxy_that_is_named_twice_is_waited_for_twice(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    logs = CallLogs([RunningProxy("web.shop", "web", "sidecar", "127.1.0.9", "", "", log)])
    log.write_text(json.dumps({"call": "own", "direction": "outbound"}) + "\n")

    def receive() -> None:
        with log.open("a") as out:
            out.write(json.dumps({"call": "own", "direction": "inbound"}) + "\n")

    later = threading.Timer(0.2, receive)
    later.start()
    logs.wait_for({"own": ["web.shop", "web.shop"]})
    assert [entry.direction for entry in logs.of("own")] == ["outbound", "inbound"]


def test_without_the_log_of_the_destination_nothing_is_known() -> None:
    logs = {"a": [sent("127.1.0.3:9080")]}
    call = expecting(request_headers={"x-tenant": "acme"})
    assert failures(call, [Answer("a", 200)], logs, "web.shop", HOSTS) == [
        "no proxy of http://catalog:8080/ has logged the call"
    ]


def test_request_headers_are_those_that_the_destination_saw() -> None:
    inbound = Entry("reviews-0.shop", "inbound", 200, "", "", {"x-tenant": "acme", "x-gone": None})
    logs = {"a": [sent("127.1.0.3:9080"), inbound]}
    good = expecting(request_headers={"X-Tenant": "acme", "x-gone": None})
    assert failures(good, [Answer("a", 200)], logs, "web.shop", HOSTS) == []
    bad = expecting(request_headers={"x-tenant": "forged"})
    assert failures(bad, [Answer("a", 200)], logs, "web.shop", HOSTS) == [
        "the destination saw x-tenant: acme, expected forged"
    ]


@pytest.mark.parametrize(
    ("low", "high", "times"), [(0.05, 0.15, 576), (0.85, 0.95, 576), (0.4, 0.6, 400), (1, 1, 1), (0, 0, 1)]
)
def test_a_band_needs_four_sigma(low: float, high: float, times: int) -> None:
    assert needed_times(low, high) == times


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("*", "a.example", True),
        ("a.example", "a.example", True),
        ("*.example", "a.example", True),
        ("*.example", "a.b.example", True),
        ("*.example", "example", False),
        ("b.example", "a.example", False),
    ],
)
def test_server_hosts(pattern: str, host: str, covered: bool) -> None:
    assert host_matches(pattern, host) is covered


def test_call_log_is_read_from_where_it_stood_and_by_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    proxy = RunningProxy("web.shop", "web", "sidecar", "127.1.0.9", "", "", log)
    log.write_text(json.dumps({"call": "old"}) + "\n")
    logs = CallLogs([proxy])
    line = json.dumps({"call": "new", "direction": "outbound", "status": 200, "upstream_host": "127.1.0.1:80"})
    with log.open("a") as out:
        out.write(line[:10])
        out.flush()
        logs.wait_for({"new": {"web.shop"}}, timeout=0.1)
        assert logs.of("new") == []
        out.write(line[10:] + "\n")
    logs.wait_for({"new": {"web.shop"}}, timeout=1)
    assert logs.of("new") == [Entry("web.shop", "outbound", 200, "", "127.1.0.1:80")]
    assert logs.of("old") == []


TEST = """\
apiVersion: lateen/v1
kind: TrafficTest
metadata: {name: t}
spec:
  calls:
  - name: few
    from: web
    url: http://catalog:8080/
    times: 20
    expect: {share: {catalog-v2: [0.05, 0.15]}}
  metrics:
  - {name: istio_requests_total, labels: {response_code: "200"}, above: 2}
"""


def test_tests_are_loaded_and_a_narrow_share_is_a_finding() -> None:
    tests, findings = load_tests(Source(TEST, "expectations.yaml"))
    assert [c.name for c in tests[0].calls] == ["few"]
    assert str(tests[0].metrics[0]) == 'sum(istio_requests_total{response_code="200"}) > 2'
    assert [(f.code, f.origin.line, f.hint) for f in findings] == [("LAT0750", 6, "times: 576")]


def test_a_call_log_is_followed_over_its_rotation(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    logs = CallLogs([RunningProxy("web.shop", "web", "sidecar", "127.1.0.9", "", "", log)])

    def write(call: str) -> None:
        with log.open("a") as out:
            out.write(json.dumps({"call": call}) + "\n")

    write("first")
    logs.wait_for({"first": {"web.shop"}}, timeout=1)
    write("second")
    rotate(log, 1)
    write("3")
    logs.wait_for({"second": {"web.shop"}, "3": {"web.shop"}}, timeout=1)
    assert [len(logs.of(call)) for call in ("first", "second", "3")] == [1, 1, 1]


def test_repeated_calls_that_hang_do_not_pile_up() -> None:
    made = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        proxy = RunningProxy("web.shop", "web", "sidecar", "127.1.0.9", "", "", Path("none"), http_proxy=url)
        view = RunningMesh(Path(), Path(), (proxy,), ())
        stop = threading.Event()
        tests = (TrafficTest("t", (Call("c", "web", "http://catalog:8080/"),), ()),)
        arguments = (view, load(Source(SERVICE)), tests, stop, 1000.0, lambda call, _: made.append(call))
        thread = threading.Thread(target=repeat, args=arguments)
        thread.start()
        time.sleep(0.3)  # time for hundreds of calls
        stop.set()
        silent.close()
        thread.join(10)
    assert not thread.is_alive()
    assert len(made) <= 2 * PARALLEL
