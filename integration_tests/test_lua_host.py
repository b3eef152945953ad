"""The Lua host of this process does what Envoy does, of which both are asked."""

from lateen.filterkit.scenarios.run import HOSTS
from lua_behaviour import LuaHost


class TestBothHosts(LuaHost):
    hosts = HOSTS
