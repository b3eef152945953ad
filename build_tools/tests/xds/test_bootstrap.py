"""What an Envoy starts with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lateen.model.proxy import Proxy
from lateen.xds.snapshot import Config, Snapshot

METADATA = {
    "LATEEN_BIND_ADDRESS": "127.25.0.1",
    "LATEEN_XDS_SOCKET": "/run/lateen/1.sock",
    "LATEEN_CALL_LOG": "/run/lateen/calls.json",
    "CLUSTER_ID": "west",
}
PROXY = Proxy("web-0", "shop", addresses=("192.0.2.1",), labels={"app": "web"}, workload="web", locality="eu/a")


def bootstrap(**metadata: Any) -> Config:
    fields = {name: getattr(PROXY, name) for name in ("namespace", "addresses", "labels", "workload", "locality")}
    return Snapshot(Proxy("web-0", metadata=metadata, **fields)).bootstrap()


def address(holder: Config) -> tuple[str, int]:
    at = holder["address"]["socket_address"]
    return at["address"], at["port_value"]


def static(config: Config, kind: str, name: str) -> Config:
    return next(item for item in config["static_resources"][kind] if item["name"] == name)


def test_the_node_says_what_istio_says_and_nothing_of_this_machine() -> None:
    node = bootstrap(**METADATA)["node"]
    assert node["id"] == "sidecar~192.0.2.1~web-0.shop~shop.svc.cluster.local"
    assert node["cluster"] == "web.shop"
    assert node["locality"] == {"region": "eu", "zone": "a"}
    assert node["metadata"] == {
        "NAME": "web-0",
        "NAMESPACE": "shop",
        "WORKLOAD_NAME": "web",
        "SERVICE_ACCOUNT": "default",
        "LABELS": {"app": "web"},
        "INSTANCE_IPS": "192.0.2.1",
        "CLUSTER_ID": "west",
        "INTERCEPTION_MODE": "REDIRECT",
    }


def test_everything_comes_over_one_stream_from_the_proxys_own_socket() -> None:
    config = bootstrap(**METADATA)
    dynamic = config["dynamic_resources"]
    assert dynamic["ads_config"]["api_type"] == "DELTA_GRPC"
    assert dynamic["lds_config"] == dynamic["cds_config"]
    assert dynamic["lds_config"]["initial_fetch_timeout"] == "0s"
    hosts = static(config, "clusters", "xds-grpc")["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert hosts == [{"endpoint": {"address": {"pipe": {"path": "/run/lateen/1.sock"}}}}]


def test_fixed_ports_are_istios() -> None:
    config = bootstrap()
    assert address(config["admin"]) == ("127.0.0.1", 15000)
    listeners = [address(listener) for listener in config["static_resources"]["listeners"]]
    assert listeners == [("0.0.0.0", 15021), ("0.0.0.0", 15090)]  # noqa: S104
    assert "cluster_manager" not in config


def test_a_proxy_among_others_binds_its_own_address_alone() -> None:
    config = bootstrap(**METADATA)
    listeners = config["static_resources"]["listeners"]
    assert {address(holder)[0] for holder in (config["admin"], *listeners)} == {"127.25.0.1"}
    assert [listener["enable_reuse_port"] for listener in listeners] == [False, False]
    assert config["cluster_manager"]["upstream_bind_config"]["source_address"]["address"] == "127.25.0.1"


def test_istios_metrics_are_not_filtered_out() -> None:
    stats = bootstrap()["stats_config"]
    assert {"prefix": "wasmcustom."} in stats["stats_matcher"]["inclusion_list"]["patterns"]
    assert stats["use_all_default_tags"] is False


def test_a_real_envoy_takes_it(refusals: Callable[..., dict[str, str]]) -> None:
    assert refusals(plain=bootstrap(), bound=bootstrap(**METADATA)) == {}
