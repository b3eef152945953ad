"""Where filters go among those that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lateen
from lateen.deliver.existing.placement import NATIVE, PLACES, Addition, filter_name, place
from lateen.filterkit.catalog import catalog
from lateen.schema import Schema
from lateen.xds.filters.order import ORDER

API = "type.googleapis.com/envoy.extensions.filters.http."
TYPES = {
    "cors": "cors.v3.Cors",
    "jwt": "jwt_authn.v3.JwtAuthentication",
    "ext": "ext_authz.v3.ExtAuthz",
    "rbac": "rbac.v3.RBAC",
    "limit": "ratelimit.v3.RateLimit",
    "transcoder": "grpc_json_transcoder.v3.GrpcJsonTranscoder",
    "lua": "lua.v3.Lua",
    "router": "router.v3.Router",
    "lambda": "aws_lambda.v3.Config",
}


def chain(names: str) -> list[dict[str, Any]]:
    """A chain of filters: native ones by the names above, unknown ones in capitals, and those that were put in."""
    return [
        {"name": name, "typed_config": {"@type": f"{API}{TYPES[name]}" if name in TYPES else f"t.io/{name}"}}
        for name in names.split()
    ]


def placed(names: str, *phases: str) -> str:
    """The names after filters of those phases, in lower case, came in."""
    filters = chain(names)
    place(filters, [Addition(phase, {"name": phase.lower()}) for phase in phases])
    return " ".join(each["name"] for each in filters)


@pytest.mark.parametrize(
    ("before", "phase", "after"),
    [
        ("cors jwt router", "BUILT_IN", "built_in cors jwt router"),
        ("cors jwt ext router", "AUTHN", "cors authn jwt ext router"),
        ("cors transcoder jwt router", "AUTHN", "cors authn transcoder jwt router"),
        ("OWN jwt router", "AUTHN", "authn OWN jwt router"),
        ("cors router", "AUTHN", "cors authn router"),
        ("cors jwt ext rbac router", "AUTHZ", "cors jwt authz ext rbac router"),
        ("cors jwt limit router", "AUTHZ", "cors jwt authz limit router"),
        ("cors rbac router", "AUTHZ", "cors authz rbac router"),
        ("limit ext jwt router", "AUTHZ", "limit ext jwt authz router"),
        ("cors limit router", "AUTHZ", "cors authz limit router"),
        ("jwt rbac lua ext transcoder router", "STATS", "jwt rbac lua ext stats transcoder router"),
        ("cors lua router", "STATS", "cors stats lua router"),
        ("jwt lua router", "UNSPECIFIED", "jwt lua unspecified router"),
        ("jwt lambda", "UNSPECIFIED", "jwt unspecified lambda"),
        ("jwt OWN", "UNSPECIFIED", "jwt unspecified OWN"),
        ("", "AUTHN", "authn"),
    ],
)
def test_a_filter_goes_to_the_place_of_its_phase(before: str, phase: str, after: str) -> None:
    assert placed(before, phase) == after


def test_filters_of_a_phase_keep_their_order_and_phases_that_of_the_compiler() -> None:
    filters = chain("cors jwt rbac router")
    given = [Addition(phase, {"name": name}) for phase, name in (("STATS", "s"), ("AUTHN", "a1"), ("AUTHN", "a2"))]
    place(filters, [*given, Addition("BUILT_IN", {"name": "first"}), Addition("AUTHZ", {"name": "z"})])
    assert " ".join(each["name"] for each in filters) == "first cors a1 a2 jwt z rbac s router"
    slots = [slot.name.removeprefix("extensions ") for slot in ORDER if slot.name.startswith("extensions ")]
    assert [phase for phase in PLACES if phase in slots] == slots


def test_a_filter_of_an_earlier_run_keeps_its_place_and_what_was_set_by_hand() -> None:
    filters = [{"name": "lateen.tenant_context", "disabled": True, "typed_config": {"old": 1}}, *chain("cors router")]
    given = Addition("AUTHN", {"name": "lateen.tenant_context", "typed_config": {"new": 1}})
    assert place(filters, [given]) == []
    assert filters[0] == {"name": "lateen.tenant_context", "disabled": True, "typed_config": {"new": 1}}
    assert [each["name"] for each in filters[1:]] == ["cors", "router"]


def test_a_filter_of_somebody_else_stays_whatever_its_name_is() -> None:
    filters = chain("istio.metadata_exchange router")
    before = [dict(each) for each in filters]
    given = Addition("BUILT_IN", {"name": "istio.metadata_exchange", "typed_config": {"@type": "t.io/Wasm"}})
    assert place(filters, [given]) == ["istio.metadata_exchange"]
    assert filters == before


def test_a_later_run_puts_a_filter_behind_those_of_earlier_runs() -> None:
    filters = chain("cors router")
    place(filters, [Addition("AUTHN", {"name": filter_name("tenant_context")})])
    place(filters, [Addition("AUTHN", {"name": "second"}), Addition("BUILT_IN", {"name": "istio.metadata_exchange"})])
    assert " ".join(each["name"] for each in filters) == (
        "istio.metadata_exchange cors lateen.tenant_context second router"
    )


def test_every_native_filter_of_the_table_is_one_of_envoys() -> None:
    known = {name.split(".")[4] for name in Schema.default().descriptors.messages if name.startswith(API[20:])}
    assert {name for names, _ in NATIVE.values() for name in names} - known == set()


def test_every_phase_of_the_catalogue_has_a_place() -> None:
    assert {suite.phase for suite in catalog().values()} <= PLACES.keys()


def test_metadata_exchange_is_where_the_compiler_puts_it() -> None:
    mesh = lateen.load(lateen.Source(MESH, "mesh.yaml"))
    snapshot = lateen.compile(mesh, mesh.proxies()[0])
    managers = [
        given["typed_config"]["http_filters"]
        for listener in snapshot.static()["static_resources"]["listeners"]
        for each in listener["filter_chains"]
        for given in each["filters"]
        if "http_filters" in given["typed_config"] and len(given["typed_config"]["http_filters"]) > 1
    ]
    assert managers
    for compiled in managers:
        ours = [each for each in compiled if each["name"] == "istio.metadata_exchange"]
        others = [each for each in compiled if each not in ours]
        place(others, [Addition("BUILT_IN", each) for each in ours])
        assert others == compiled


MESH = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}
status: {podIP: 192.0.2.1}
"""


def test_the_page_of_the_command_has_both_tables() -> None:
    page = (Path(__file__).parents[4] / "docs" / "patch.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for where in PLACES.values():
        assert [row for row in rows if row.startswith(f"| {where.phase} |") and row.endswith(f"| {where.reason} |")]
    for kind, (names, reason) in NATIVE.items():
        [row] = [row for row in rows if row.startswith(f"| {kind.name.lower()} |")]
        assert row.startswith(f"| {kind.name.lower()} | {', '.join(names)}")
        assert row.endswith(f"| {reason} |")
