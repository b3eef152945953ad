"""A proxy-wasm host and a Lua host in this process: filters run without Envoy, and behave as they do in it.

| module | part |
|---|---|
| `abi`, `pairs` | numbers, names and forms of the proxy-wasm ABI 0.2.0 and 0.2.1 |
| `fields` | header maps as Envoy keeps them |
| `machine` | one instance of a module on wasmtime: memory, calls, limits |
| `vm` | its contexts, timers, and what it does behind a callback |
| `imports`, `wasi` | what a module may import, each function by name |
| `properties`, `shared`, `metrics`, `foreign`, `wire`, `callouts` | the state behind those functions |
| `world` | clock, other clusters, shared data: what streams have in common |
| `stream`, `filter_chain`, `local_reply`, `edge` | one HTTP request, by Envoy's rules of pause and resume |
| `wasm_filter`, `lua_filter`, `lua_api` | the two kinds of filter |
| `driver` | client and upstream around a filter: the library for tests |

What is observable follows Envoy 1.40 (`source/extensions/common/wasm`, `source/extensions/filters/http/lua`,
`source/common/http/filter_manager`) and proxy-wasm-cpp-host. Scenarios that run here and on a real Envoy hold it to
that.
"""
