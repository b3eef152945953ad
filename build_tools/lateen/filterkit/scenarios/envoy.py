"""A real Envoy with one filter: a listener for each way in which the scenarios configure it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import orjson
import requests

from lateen.diagnostics import MeshError, Origin
from lateen.diagnostics.codes import filterkit as codes
from lateen.filterkit.catalog import Filter
from lateen.filterkit.scenarios.upstream import LOOPBACK
from lateen.model.proxy import Proxy
from lateen.runtime.child import Child
from lateen.runtime.direct import get
from lateen.runtime.supervision import stop
from lateen.xds.filters.wasm import lua_extension, wasm_extension

Config = dict[str, Any]

_TYPES = "type.googleapis.com/envoy"
_START_SECONDS = 30.0
_STEP = 0.02
_OPTIONS = ("--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "50", "--log-level", "warning")
_HTTP1 = {"enable_trailers": True}
_REASON = re.compile(r"error `(.*?)` initializing config ", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Setting:
    """One configuration of the filter, and what is wanted of its log."""

    config: Any
    direction: str
    attributes: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


class Envoy:
    """An Envoy that runs a filter while the block lasts, all of it on free loopback ports.

    `ports` are those of the settings, in their order; `log` is where Envoy writes what it has to say, `calls` its
    access log. Nothing of it survives the block but the files in the folder.
    """

    def __init__(self, binary: Path, suite: Filter, settings: Iterable[Setting], upstream: int, folder: Path) -> None:
        """Start it. Raises MeshError (LAT0607) if it does not run with that configuration."""
        self.log, self.calls = folder / "envoy.log", folder / "calls.json"
        self._suite, self._admin = suite, folder / "admin"
        settings = tuple(settings)
        bootstrap = folder / "envoy.json"
        bootstrap.write_bytes(orjson.dumps(_bootstrap(suite, settings, upstream, folder)))
        arguments = ("--config-path", str(bootstrap), "--admin-address-path", str(self._admin), *_OPTIONS)
        self._process = Child((str(binary), *arguments), self.log)
        try:
            self.ports = self._ready()
        except BaseException:
            stop([self._process])
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        stop([self._process])

    def _ready(self) -> list[int]:
        """Wait until it serves; gives the ports of its listeners."""
        deadline = monotonic() + _START_SECONDS
        while monotonic() < deadline and self._process.running:
            if self._admin.exists() and (address := self._admin.read_text()):
                try:
                    if get(f"http://{address}/ready", 1).ok:
                        return _ports(get(f"http://{address}/listeners?format=json", 5).json())
                except requests.ConnectionError:  # it is about to serve, or to end
                    pass
            sleep(_STEP)
        reason = f"it is not ready after {_START_SECONDS:.0f} s" if self._process.running else self._last_words()
        hint = f"Envoy's log: {self.log}"
        raise MeshError((codes.NOT_STARTED.at(Origin(), name=self._suite.name, reason=reason, hint=hint),))

    def _last_words(self) -> str:
        """Why it refused its configuration, else the last line of its log, else how it ended."""
        refused = _REASON.search(self._process.tail(40))
        reason = refused[1] if refused else self._process.tail(1)
        return " ".join(reason.split()) or self._process.status


def _ports(listeners: Config) -> list[int]:
    statuses = sorted(listeners["listener_statuses"], key=lambda status: int(status["name"]))
    return [int(status["local_address"]["socket_address"]["port_value"]) for status in statuses]


def _bootstrap(suite: Filter, settings: tuple[Setting, ...], upstream: int, folder: Path) -> Config:
    proxy = Proxy("scenario", metadata={"LATEEN_MODULE_DIR": str(folder)})
    if suite.kind == "wasm":
        (folder / suite.module_name).write_bytes(suite.module())
    return {
        "node": {"id": "scenario", "cluster": "scenario"},
        "admin": {"address": _address(0)},
        "static_resources": {
            "listeners": [_listener(index, suite, proxy, setting, folder) for index, setting in enumerate(settings)],
            "clusters": [_cluster(upstream)],
        },
    }


def _listener(index: int, suite: Filter, proxy: Proxy, setting: Setting, folder: Path) -> Config:
    name = str(index)
    http_filter = (
        lua_extension(name, suite.lua(setting.config))
        if suite.kind == "lua"
        else wasm_extension(proxy, name, suite, setting.config)
    )
    router = {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router", "suppress_envoy_headers": True}
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "HTTP1",
        "http_protocol_options": _HTTP1,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": "5s",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "upstream",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": ""}, "route": {"cluster": "upstream", "timeout": "5s"}}],
                }
            ]
        },
        "access_log": [_access_log(setting, folder)],
        "http_filters": [http_filter, {"name": "envoy.filters.http.router", "typed_config": router}],
    }
    return {
        "name": name,
        "address": _address(0),
        "traffic_direction": setting.direction.upper(),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _access_log(setting: Setting, folder: Path) -> Config:
    """A line of JSON for each request, found again by the address that the client called from."""
    record = {
        "client": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "attributes": {name: f"%FILTER_STATE({name}:PLAIN)%" for name in setting.attributes},
        "metadata": {name: f"%DYNAMIC_METADATA({name})%" for name in setting.namespaces},
    }
    file = {
        "@type": f"{_TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(folder / "calls.json"),
        "log_format": {"json_format": record},
    }
    return {"name": "envoy.access_loggers.file", "typed_config": file}


def _cluster(port: int) -> Config:
    options = {
        "@type": f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": _HTTP1},
        "common_http_protocol_options": {"max_requests_per_connection": 1},
    }
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": "upstream",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "upstream", "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
    }


def _address(port: int) -> Config:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}
