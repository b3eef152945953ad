"""What one cluster costs in each representation: the figures of decisions 001 and 003."""

from __future__ import annotations

import copy
import timeit
import warnings
from typing import Any

import orjson
from google.protobuf import json_format

from lateen.schema import Schema
from lateen.schema.codec import MessageClasses

warnings.simplefilter("ignore")  # envoy-data-plane's own use of pydantic
TYPE = "envoy.config.cluster.v3.Cluster"
CLUSTER: dict[str, Any] = {
    "name": "outbound|80||web.default.svc.cluster.local",
    "type": "EDS",
    "eds_cluster_config": {"eds_config": {"ads": {}, "resource_api_version": "V3"}},
    "connect_timeout": "10s",
    "circuit_breakers": {"thresholds": [{"max_connections": 100, "max_retries": 3}]},
    "outlier_detection": {"consecutive_5xx": 5, "interval": "10s"},
    "metadata": {"filter_metadata": {"istio": {"services": [{"host": "web", "name": "web", "namespace": "default"}]}}},
}


def main() -> None:
    """Print microseconds per cluster."""
    from lateen.xds.typed import message_class  # noqa: PLC0415

    schema = Schema.default()
    classes = MessageClasses(schema.descriptor_set)
    data = schema.encode(TYPE, CLUSTER)
    message, typed = classes.of(TYPE), message_class(TYPE)
    given = copy.deepcopy(CLUSTER)

    def protobuf() -> bytes:
        parsed = json_format.ParseDict(given, message(), descriptor_pool=classes.pool)
        return parsed.SerializeToString(deterministic=True)

    cases = {
        "validate": lambda: schema.validate(TYPE, CLUSTER),
        "encode": lambda: schema.encode(TYPE, CLUSTER),
        "protobuf: ParseDict and serialize": protobuf,
        "decode": lambda: schema.decode(TYPE, data),
        "orjson.dumps": lambda: orjson.dumps(CLUSTER),
        "envoy-data-plane: parse": lambda: typed.parse(data),
        "envoy-data-plane: to_json": typed.parse(data).to_json,
    }
    for name, run in cases.items():
        run()
        count = max(5, int(0.2 / timeit.timeit(run, number=3) * 3))
        best = min(timeit.repeat(run, number=count, repeat=3)) / count
        print(f"{name:<36}{best * 1e6:>10.1f} us")


if __name__ == "__main__":
    main()
