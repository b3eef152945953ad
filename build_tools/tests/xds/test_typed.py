"""Snapshots as messages of envoy-data-plane: complete, also where that library lags or errs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from lateen.diagnostics import Redacted
from lateen.model.proxy import Proxy
from lateen.schema import Schema
from lateen.xds.snapshot import TYPES, Snapshot

T = "type.googleapis.com/envoy."
SCHEMA = Schema.default()
CLUSTER: dict[str, Any] = {
    "name": "outbound|80||web",
    "type": "EDS",
    "connect_timeout": "1.500s",
    "outlier_detection": {"consecutive_5xx": 5, "enforcing_consecutive_5xx": 0, "interval": "10s"},
    "metadata": {"filter_metadata": {"istio": {"services": [{"host": "web", "n": 1.5}]}}},
}
LISTENER: dict[str, Any] = {
    "name": "l",
    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 80}},
    "filter_chains": [
        {
            "filters": [
                {
                    "name": "hcm",
                    "typed_config": {
                        "@type": T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                        "stat_prefix": "s",
                        "http_protocol_options": {"accept_http_10": True},
                        "http_filters": [
                            {"name": "lua", "typed_config": {"@type": T + "extensions.filters.http.lua.v3.Lua"}}
                        ],
                    },
                }
            ]
        }
    ],
}


def snapshot(**resources: Any) -> Snapshot:
    return Snapshot(Proxy("web"), **resources)


def round_trip(given: Snapshot) -> dict[str, dict[str, Any]]:
    typed = given.typed()
    return {
        attribute: {name: SCHEMA.decode(url, bytes(message)) for name, message in getattr(typed, attribute).items()}
        for attribute, url in TYPES.items()
    }


def test_every_resource_comes_back_from_its_message() -> None:
    given = snapshot(clusters={CLUSTER["name"]: CLUSTER}, listeners={"l": LISTENER})
    back = round_trip(given)
    assert back["clusters"] == {CLUSTER["name"]: CLUSTER}
    assert back["listeners"] == {"l": LISTENER}
    assert given.typed().untyped == {}


def test_fields_with_digits_arrive_where_they_belong() -> None:
    detection = snapshot(clusters={"c": CLUSTER}).typed().clusters["c"].outlier_detection
    assert detection is not None
    assert detection.consecutive_5xx == 5
    assert detection.enforcing_consecutive_5xx == 0


def test_an_any_can_be_unpacked() -> None:
    listener = snapshot(listeners={"l": LISTENER}).typed().listeners["l"]
    packed = listener.filter_chains[0].filters[0].typed_config
    assert packed is not None
    manager: Any = packed.unpack()
    assert manager.stat_prefix == "s"
    assert manager.http_filters[0].typed_config.unpack() is not None


def test_what_the_library_does_not_know_is_listed_and_stays_in_the_bytes() -> None:
    struct = {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": T + "x.Y", "value": {"a": "b"}}
    lua = {"@type": T + "extensions.filters.http.lua.v3.Lua", "package_paths": ["/x"], "stat_prefix": "p"}
    given = snapshot(
        extensions={"e": {"name": "e", "typed_config": struct}, "lua": {"name": "lua", "typed_config": lua}},
    )
    typed = given.typed()
    assert typed.untyped == {
        ("extensions", "e"): (("typed_config", struct),),
        ("extensions", "lua"): (("typed_config.package_paths", ["/x"]),),
    }
    assert round_trip(given)["extensions"] == given.extensions


def test_secret_bytes_are_not_in_the_messages() -> None:
    pair = {"private_key": {"inline_bytes": Redacted(b"key material")}}
    secret = snapshot(secrets={"s": {"name": "s", "tls_certificate": pair}}).typed().secrets["s"]
    assert b"key material" not in bytes(secret)
    assert secret.tls_certificate is not None
    assert secret.tls_certificate.private_key is not None
    assert secret.tls_certificate.private_key.inline_bytes == b"[redacted]"


def test_the_library_is_not_imported_before_it_is_asked_for() -> None:
    code = "import sys, lateen.xds.snapshot, lateen.verification; sys.exit('envoy_data_plane' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
