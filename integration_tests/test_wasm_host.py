"""The proxy-wasm host of this process does what Envoy does, of which both are asked."""

from lateen.filterkit.scenarios.run import HOSTS
from wasm_behaviour import WasmHost


class TestBothHosts(WasmHost):
    hosts = HOSTS
