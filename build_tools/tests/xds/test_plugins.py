"""Python plug-ins: found by entry point, asked per proxy and direction, and never able to end a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lateen.model.mesh_config import MeshConfig
from lateen.model.proxy import Proxy
from lateen.scope.views import ProxyScope
from lateen.xds import plugins
from lateen.xds.filters.chain import Chain, Direction
from lateen.xds.filters.order import http_filters

MODULE = """
from envoy_data_plane.envoy.config.core.v3 import HeaderValue, HeaderValueOption
from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation as Change
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation, Mutations
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

class Stamp:
    phase = "STATS"
    def http_filters(self, proxy, direction):
        if direction != "inbound":
            return []
        change = Change(append=HeaderValueOption(header=HeaderValue(key="x-workload", value=proxy.owner)))
        config = HeaderMutation(mutations=Mutations(response_mutations=[change]))
        return [HttpFilter(name="acme.stamp", typed_config=Any.pack(config))]

instance = Stamp()

class Raises(Stamp):
    def http_filters(self, proxy, direction):
        raise KeyError("no such label")

class Phase(Stamp):
    phase = "LAST"

class Message(Stamp):
    def http_filters(self, proxy, direction):
        return [HeaderMutation()]

class Invalid(Stamp):
    def http_filters(self, proxy, direction):
        return [HttpFilter(name="")]

nothing = object()
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution whose entry points are the given names with their objects in MODULE."""

    def put(**points: str) -> None:
        (tmp_path / "acme_filters.py").write_text(MODULE)
        info = tmp_path / "acme_filters-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-filters\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{plugins.GROUP}]", *lines]))
        monkeypatch.syspath_prepend(tmp_path)

    _forget()
    yield put
    _forget()


def _forget() -> None:
    sys.modules.pop("acme_filters", None)
    for cached in (plugins._entry_points, plugins._ask, plugins._load):
        cached.cache_clear()


WEB = Proxy("web-0", workload="web")


@pytest.mark.parametrize("target", ["Stamp", "instance"])
def test_a_plugin_adds_its_filter_where_it_wants_it(install: Install, target: str) -> None:
    install(stamp=f"acme_filters:{target}")
    (added,) = plugins.http_filters(WEB, "inbound")
    assert (added.name, added.phase) == ("acme.stamp", "STATS")
    mutation = {"append": {"header": {"key": "x-workload", "value": "web"}}}
    assert added.config == {
        "name": "acme.stamp",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"response_mutations": [mutation]},
        },
    }
    assert plugins.http_filters(WEB, "outbound") == ()
    assert plugins.findings(WEB) == ()


def test_it_stands_at_its_phase_in_every_chain_of_that_direction(install: Install) -> None:
    install(stamp="acme_filters:Stamp")
    scope = ProxyScope(WEB, MeshConfig(), "cluster.local")
    inbound = [given["name"] for given in http_filters(Chain(scope, Direction.INBOUND))]
    assert inbound.index("acme.stamp") < inbound.index("envoy.filters.http.grpc_stats") < len(inbound) - 1
    assert "acme.stamp" not in [given["name"] for given in http_filters(Chain(scope, Direction.OUTBOUND))]


def test_without_plugins_nothing_is_added() -> None:
    assert plugins.http_filters(WEB, "inbound") == ()
    assert plugins.findings(WEB) == ()


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("acme_filters:Raises", "raised KeyError: 'no such label'"),
        ("acme_filters:Phase", "has the phase 'LAST'"),
        ("acme_filters:Message", "gave a HeaderMutation where an HttpFilter must be"),
        ("acme_filters:Invalid", "gave the filter '' that Envoy rejects: name: is required"),
        ("acme_filters:nothing", "raised TypeError"),
        ("acme_filters:absent", "raised AttributeError"),
        ("no_such_module:x", "raised ModuleNotFoundError"),
    ],
)
def test_a_plugin_that_fails_is_a_finding_and_the_others_still_count(
    install: Install, target: str, problem: str
) -> None:
    install(bad=target, good="acme_filters:Stamp")
    assert [added.name for added in plugins.http_filters(WEB, "inbound")] == ["acme.stamp"]
    (finding,) = plugins.findings(WEB)
    assert finding.code == "LAT0481"
    assert finding.message.startswith(f"the plug-in bad {problem}")
    assert finding.origin.file == target
