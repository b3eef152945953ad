"""The proxy-wasm host of this process; `integration_tests/test_wasm_host.py` asks Envoy the same."""

from lateen.filterkit.scenarios.run import INPROCESS
from wasm_behaviour import WasmHost


class TestInProcess(WasmHost):
    hosts = (INPROCESS,)
