"""What is made of a quota: the message that Envoy gets, and what is wrong before it gets one."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.filterkit import native
from lateen.filterkit.catalog import catalog
from lateen.filterkit.configuration import Problem

QUOTA = catalog()["quota"]
LIMIT = {"name": "all", "requests": 5, "window": "1m"}


def limit(**more: Any) -> dict[str, Any]:
    return LIMIT | more


def problems(*limits: dict[str, Any]) -> tuple[Problem, ...]:
    config = {"limits": [*limits]}
    assert QUOTA.problems(config) == []
    return QUOTA.configuration(config).problems


def emitted(*limits: dict[str, Any], **config: Any) -> dict[str, Any]:
    configuration = QUOTA.configuration({"limits": [*limits], **config})
    assert configuration.problems == ()
    return native.typed_config(QUOTA, configuration.value)


def test_each_limit_has_a_descriptor_that_no_other_has() -> None:
    config = emitted(limit(name="a", key=["method"]), limit(name="b", key=["method"]))
    entries = [descriptor["entries"] for descriptor in config["descriptors"]]
    assert entries == [
        [{"key": "quota", "value": "a"}, {"key": "method"}],
        [{"key": "quota", "value": "b"}, {"key": "method"}],
    ]


@pytest.mark.parametrize(
    ("window", "interval"), [("50ms", "0.050s"), ("1500ms", "1.500s"), ("2s", "2s"), ("3m", "180s"), ("24h", "86400s")]
)
def test_windows_are_durations(window: str, interval: str) -> None:
    (descriptor,) = emitted(limit(window=window, burst=9))["descriptors"]
    assert descriptor["token_bucket"] == {"max_tokens": 9, "tokens_per_fill": 5, "fill_interval": interval}


def test_an_override_has_its_own_numbers_and_the_window_of_its_limit() -> None:
    overrides = [{"values": ["x"], "requests": 7}, {"values": ["y"], "requests": 8, "window": "1s", "burst": 9}]
    _, x, y = emitted(limit(key=["client"], overrides=overrides))["descriptors"]
    assert x["entries"][1] == {"key": "remote_address", "value": "x"}
    assert x["token_bucket"] == {"max_tokens": 7, "tokens_per_fill": 7, "fill_interval": "60s"}
    assert y["token_bucket"] == {"max_tokens": 9, "tokens_per_fill": 8, "fill_interval": "1s"}


def test_what_the_library_does_not_know_reaches_envoy_all_the_same() -> None:
    assert emitted(LIMIT)["enable_retry_after_header"] is True
    assert "enable_retry_after_header" not in emitted(LIMIT, headers=False)


@pytest.mark.parametrize(
    ("mode", "enabled", "enforced"), [("enforce", 100, 100), ("shadow", 100, 0), ("off", 0, 0), (False, 0, 0)]
)
def test_a_mode_is_two_shares(mode: Any, enabled: int, enforced: int) -> None:
    config = emitted(LIMIT, mode=mode)
    shares = [config[name]["default_value"].get("numerator", 0) for name in ("filter_enabled", "filter_enforced")]
    assert shares == [enabled, enforced]


@pytest.mark.parametrize(
    ("limits", "path", "message"),
    [
        ([LIMIT, LIMIT], ("limits", 1, "name"), "another limit is named 'all'"),
        ([limit(window="49ms")], ("limits", 0, "window"), "a window of 49ms is shorter than 50ms"),
        (
            [limit(key=["client"], overrides=[{"values": ["a"], "requests": 1, "window": "1ms"}])],
            ("limits", 0, "overrides", 0, "window"),
            "a window of 1ms is shorter than 50ms",
        ),
        (
            [limit(key=["client"], overrides=[{"values": ["a", "b"], "requests": 1}])],
            ("limits", 0, "overrides", 0, "values"),
            "the key has 1 parts, and this has 2 values",
        ),
        (
            [limit(key=["client"], overrides=[{"values": ["a"], "requests": 1}, {"values": ["a"], "requests": 2}])],
            ("limits", 0, "overrides", 1, "values"),
            "another override has the same values",
        ),
    ],
)
def test_what_contradicts_itself_is_named_and_left_out(limits: list[Any], path: Any, message: str) -> None:
    (problem,) = problems(*limits)
    assert (problem.kind, problem.path, problem.message) == ("quota", path, message)
    kept = QUOTA.configuration({"limits": limits}).value["limits"]
    assert len(kept) == len(limits) - 1


sources = st.one_of(
    st.sampled_from(["tenant", "operation", "peer", "client", "method"]),
    st.from_regex(r"\A[a-z0-9!#$%&*+.^_|~-]{1,64}\Z").map(lambda name: {"header": name}),
    st.from_regex(r"\A[A-Za-z0-9_./-]{1,20}\Z").map(lambda name: {"filter_state": name}),
    st.builds(lambda n, k: {"metadata": {"namespace": n, "key": k}}, *[st.text(min_size=1, max_size=9)] * 2),
)
limits = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,9}\Z"),
            "requests": st.integers(1, 2**32 - 1),
            "window": st.builds("{}{}".format, st.integers(1, 999_999), st.sampled_from(["ms", "s", "m", "h"])),
        },
        optional={
            "key": st.lists(sources, max_size=4, unique_by=str),
            "absent": st.sampled_from(["count", "skip"]),
            "mode": st.sampled_from(["enforce", "shadow"]),
        },
    ),
    min_size=1,
    max_size=4,
)


@given(limits)
def test_whatever_its_schema_accepts_envoy_accepts(given_limits: list[dict[str, Any]]) -> None:
    config = {"limits": given_limits}
    if QUOTA.problems(config) == []:
        native.typed_config(QUOTA, QUOTA.configuration(config).value)  # held against Envoy's schema


def test_a_mesh_without_native_filters_does_not_pay_for_the_library() -> None:
    script = """
import sys, lateen
from lateen.model.proxy import Proxy
mesh = lateen.load('''
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {name: a}
spec: {wasm: {url: "lateen://operation_classifier", pluginConfig: {grpc: {limit: 1}}}}
''')
assert lateen.compile(mesh, Proxy("web")).extensions
assert "envoy_data_plane" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
