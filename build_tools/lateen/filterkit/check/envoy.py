"""A real Envoy's verdict on a filter: it loads the code and lets it read its configuration."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from lateen.diagnostics import Diagnostic, Origin
from lateen.diagnostics.codes import workbench
from lateen.filterkit.catalog import Filter
from lateen.model.proxy import Proxy
from lateen.schema import Schema
from lateen.verification.envoy import ask
from lateen.verification.sandbox import Sandbox
from lateen.xds.filters.chain import TYPES
from lateen.xds.filters.wasm import suite_extension

Config = dict[str, Any]

_SECONDS = 120
_MODULE_LOG = re.compile(r"\[error\]\[wasm\] \[[^]]*\] wasm log [^:]*: (.*)")


def check_in_envoy(suite: Filter, configs: Iterable[Any], envoy: Path, version: str) -> Iterator[Diagnostic]:
    """A finding if this Envoy does not take the filter with each of these configurations.

    Raises MeshError (LAT0502) if Envoy cannot be asked.
    """
    with tempfile.TemporaryDirectory(prefix=f"lateen-{suite.name}-") as folder:
        sandbox = Sandbox(Path(folder), Schema.default())
        config = sandbox.adapt(bootstrap(suite, configs, Path(folder)))
        if reason := ask(envoy, config, Path(folder)):
            origin = Origin(str(suite.directory / "filter.yaml"))
            reason = "; ".join((reason.replace(f"{folder}/", ""), *_said(envoy, config, Path(folder))))
            yield workbench.ENVOY_REFUSES.at(origin, envoy=f"Envoy {version}", name=suite.name, reason=reason)


def _said(envoy: Path, config: Config, folder: Path) -> list[str]:
    """What modules log as an error while Envoy refuses a bootstrap; its own reason only says that they refuse."""
    file = folder / "envoy.json"
    file.write_bytes(orjson.dumps(config))
    command = [str(envoy), "--mode", "validate", "-c", str(file), "--log-level", "error"]
    answer = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    return list(dict.fromkeys(_MODULE_LOG.findall(answer.stderr)))


def bootstrap(suite: Filter, configs: Iterable[Any], folder: Path) -> Config:
    """A bootstrap with a listener for each configuration; the module is put into `folder`."""
    if suite.kind == "wasm":
        (folder / suite.module_name).write_bytes(suite.module())
    proxy = Proxy("check", metadata={"LATEEN_MODULE_DIR": str(folder)})
    listeners = [
        listener(str(index), suite_extension(proxy, suite.name, suite, config)) for index, config in enumerate(configs)
    ]
    return {"static_resources": {"listeners": listeners}}


def listener(name: str, tested: Config) -> Config:
    """A listener whose connection manager has that entry of `http_filters`, and answers everything itself."""
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{TYPES}.extensions.filters.http.router.v3.Router"},
    }
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    manager = {
        "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]},
        "http_filters": [tested, router],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    return {"name": name, "address": address, "filter_chains": [chain]}
