from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from lateen.deliver.encoding import Encoder, Identity, origin_of, references
from lateen.deliver.protocol import CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE, SECRET
from lateen.diagnostics import MeshError, Origin, Redacted
from lateen.identity import Authority
from lateen.model.proxy import Proxy
from lateen.schema import Schema
from lateen.xds.snapshot import Snapshot

ADS = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
PROXY = Proxy("web-0")


class CountingSchema(Schema):
    """Counts what is really encoded."""

    def __init__(self) -> None:
        super().__init__(Schema.default().descriptor_set)
        self.encoded: list[str] = []

    def encode(self, type_url: str, config: Any) -> bytes:
        self.encoded.append(config["name"] if "name" in config else config["cluster_name"])
        return super().encode(type_url, config)


@pytest.fixture(scope="module")
def identity() -> Identity:
    authority = Authority.create("cluster.local")
    return Identity(authority.issue("spiffe://cluster.local/ns/default/sa/web"), authority.root_pem)


def snapshot(**resources: Any) -> Snapshot:
    return Snapshot(PROXY, **resources)


def cluster(name: str, timeout: str = "1s") -> dict[str, Any]:
    return {"name": name, "type": "STATIC", "connect_timeout": timeout}


def test_versions_are_hashes_of_the_content(identity: Identity) -> None:
    def version(encoder: Encoder, config: dict[str, Any]) -> str:
        found = encoder.encode({"p": (snapshot(clusters={"a": config}), identity)})
        return found["p"][CLUSTER]["a"].version

    encoder = Encoder(Schema.default())
    first = version(encoder, cluster("a"))
    reordered = dict(reversed(cluster("a").items()))
    assert version(encoder, cluster("a", "2s")) != first
    assert version(Encoder(Schema.default()), reordered) == first


def test_a_resource_is_encoded_once_for_all_proxies_and_generations(identity: Identity) -> None:
    schema = CountingSchema()
    encoder = Encoder(schema)
    mesh = {key: (snapshot(clusters={n: cluster(n) for n in "abc"}), identity) for key in ("p", "q")}
    encoder.encode(mesh)
    assert sorted(schema.encoded) == ["ROOTCA", "a", "b", "c", "default"]
    schema.encoded.clear()
    changed = copy.deepcopy(mesh["p"][0].clusters) | {"b": cluster("b", "2s")}
    encoder.encode(mesh | {"p": (snapshot(clusters=changed), identity)})
    assert schema.encoded == ["b"]


def test_workload_secrets_are_added_and_revealed_only_in_the_bytes(identity: Identity) -> None:
    resources = Encoder(Schema.default()).encode({"p": (snapshot(), identity)})["p"]
    default = Schema.default().decode(SECRET, resources[SECRET]["default"].body)
    root = Schema.default().decode(SECRET, resources[SECRET]["ROOTCA"].body)
    assert set(default["tls_certificate"]) == {"certificate_chain", "private_key"}
    assert set(root["validation_context"]) == {"trusted_ca"}
    assert identity.certificate.key.reveal() in resources[SECRET]["default"].body
    assert "PRIVATE" not in repr(resources) + repr(identity)


def test_a_secret_of_the_mesh_is_revealed(identity: Identity) -> None:
    config = {"name": "kubernetes://shop", "validation_context": {"trusted_ca": {"inline_bytes": Redacted(b"PEM")}}}
    made = Encoder(Schema.default()).encode({"p": (snapshot(secrets={"kubernetes://shop": config}), identity)})
    assert b"PEM" in made["p"][SECRET]["kubernetes://shop"].body


def test_a_secret_and_the_same_text_in_clear_are_two_things(identity: Identity) -> None:
    def secret(value: object) -> dict[str, Any]:
        return {"s": {"name": "s", "generic_secret": {"secret": {"inline_string": value}}}}

    encoder = Encoder(Schema.default())
    found = encoder.encode(
        {
            "clear": (snapshot(secrets=secret("YWJj")), identity),
            "redacted": (snapshot(secrets=secret(Redacted(b"abc"))), identity),
        }
    )
    assert found["clear"][SECRET]["s"].version != found["redacted"][SECRET]["s"].version


def test_equal_configurations_of_two_types_are_two_things(identity: Identity) -> None:
    config = {"name": "x", "metadata": {"filter_metadata": {"istio": {"a": "b"}}}}
    made = snapshot(clusters={"x": config}, listeners={"x": config})
    found = Encoder(Schema.default()).encode({"p": (made, identity)})["p"]
    assert found[CLUSTER]["x"].body != found[LISTENER]["x"].body


def test_what_does_not_fit_the_schema_is_one_finding_at_its_origin(identity: Identity) -> None:
    origin = Origin("mesh/filter.yaml", 7, 3)
    bad = {"a": cluster("a", "soon"), "b": cluster("b"), "c": {"name": "c", "colour": "red"}}
    made = snapshot(clusters=bad)
    placed = Snapshot(PROXY, clusters=bad, origins={("clusters", "a", ""): origin})
    with pytest.raises(MeshError) as caught:
        Encoder(Schema.default()).encode({"p": (placed, identity), "q": (made, identity)})
    first, second = caught.value.diagnostics
    assert (first.code, first.origin) == ("LAT0801", origin)
    assert "Cluster a of proxy p" in first.message
    assert "connect_timeout" in first.message
    assert "colour" in second.message


def test_a_failed_generation_leaves_the_known_encodings_alone(identity: Identity) -> None:
    schema = CountingSchema()
    encoder = Encoder(schema)
    good = {"p": (snapshot(clusters={"a": cluster("a")}), identity)}
    encoder.encode(good)
    with pytest.raises(MeshError):
        encoder.encode({"p": (snapshot(clusters={"a": cluster("a", "soon")}), identity)})
    schema.encoded.clear()
    encoder.encode(good)
    assert schema.encoded == []


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"name": "a", "type": "EDS", "eds_cluster_config": {"eds_config": ADS}}, {(ENDPOINT, "a")}),
        (
            {"name": "a", "type": "EDS", "eds_cluster_config": {"eds_config": ADS, "service_name": "b"}},
            {(ENDPOINT, "b")},
        ),
        ({"name": "a", "eds_cluster_config": {"eds_config": {"path_config_source": {"path": "/x"}}}}, set()),
        (
            {
                "transport_socket_matches": [
                    {"c": {"tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": ADS}]}},
                    {"c": {"validation_context_sds_secret_config": {"name": "ROOTCA", "sds_config": ADS}}},
                ]
            },
            {(SECRET, "default"), (SECRET, "ROOTCA")},
        ),
        (
            {
                "filter_chains": [
                    {
                        "typed_config": {
                            "rds": {"route_config_name": "80", "config_source": ADS},
                            "http_filters": [
                                {"name": "note", "config_discovery": {"config_source": ADS}},
                                {"name": "router", "typed_config": {"name": "x"}},
                            ],
                        }
                    }
                ]
            },
            {(ROUTE, "80"), (EXTENSION, "note")},
        ),
        ({"name": "static", "secret": {"name": "x"}}, set()),
    ],
)
def test_references_are_what_envoy_will_ask_for(config: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert set(references(config)) == expected


def test_origins_are_found_for_whole_resources_parts_of_them_and_the_cluster_of_endpoints() -> None:
    whole, part, of_cluster = Origin("a.yaml", 1, 1), Origin("b.yaml", 2, 2), Origin("c.yaml", 3, 3)
    made = Snapshot(
        PROXY,
        origins={
            ("listeners", "l", "filter_chains[0]"): part,
            ("listeners", "l", ""): whole,
            ("routes", "r", "virtual_hosts[0]"): part,
            ("clusters", "c", ""): of_cluster,
        },
    )
    assert origin_of(made, LISTENER, "l") == whole
    assert origin_of(made, ROUTE, "r") == part
    assert origin_of(made, ENDPOINT, "c") == of_cluster
    assert origin_of(made, SECRET, "default") == Origin()


def test_a_renewed_certificate_changes_one_secret(identity: Identity) -> None:
    authority = Authority.create("cluster.local")
    name = "spiffe://cluster.local/ns/default/sa/web"
    before, after = (Identity(authority.issue(name, timedelta(hours=n)), authority.root_pem) for n in (1, 2))
    encoder = Encoder(Schema.default())
    old = encoder.encode({"p": (snapshot(), before)})["p"][SECRET]
    new = encoder.encode({"p": (snapshot(), after)})["p"][SECRET]
    assert {name for name in old if old[name] != new[name]} == {"default"}
