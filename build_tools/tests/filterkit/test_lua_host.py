"""The Lua host of this process; `integration_tests/test_lua_host.py` asks Envoy the same."""

from lateen.filterkit.scenarios.run import INPROCESS
from lua_behaviour import LuaHost


class TestInProcess(LuaHost):
    hosts = (INPROCESS,)
