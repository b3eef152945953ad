"""LAT0620 to LAT0629, LAT0650, LAT0690 to LAT0699: filters as their authors work on them."""

from __future__ import annotations

from lateen.diagnostics.code import Code
from lateen.diagnostics.finding import Severity

BAD_NAME = Code(
    "LAT0620",
    Severity.ERROR,
    "Name that no filter can have",
    "{name!r} cannot be the name of a filter",
    "The name is that of the folder, the module, a Rust crate and of attributes; it has to be fit for all of them.",
    example="lateen filters new my-filter --kind wasm",
    fix="lateen filters new my_filter --kind wasm",
)
FOLDER_TAKEN = Code(
    "LAT0621",
    Severity.ERROR,
    "Folder of the new filter is taken",
    "there is something here already",
    "`lateen filters new` overwrites nothing and adds nothing to what is there.",
    example="lateen filters new gate --kind lua  # where gate/filter.yaml exists",
    fix="lateen filters new gate --kind lua --out elsewhere",
)
BROKEN_MODULE = Code(
    "LAT0622",
    Severity.ERROR,
    "Module is broken",
    "the module of {name} is no Wasm module: {reason}",
    "No host can load it.",
    example="a download that ended early; a text file with the name of a module",
    fix="build it again, or fetch it again: lateen filters build NAME --rebuild",
)
WRONG_ABI = Code(
    "LAT0623",
    Severity.ERROR,
    "Module does not follow an ABI of Envoy",
    "the module of {name} {problem}",
    "Envoy tells by an exported function `proxy_abi_version_...` how to speak with a module, and refuses any other.",
    example="a Wasm module that was not written for a proxy, such as one for a browser",
    fix="export proxy_abi_version_0_2_1, as the SDK's export! does",
)
MISSING_EXPORT = Code(
    "LAT0624",
    Severity.ERROR,
    "Module lacks an export",
    "the module of {name} does not export {export}",
    "Without it Envoy cannot hand anything to the module, or never starts it.",
    example="a module without proxy_on_memory_allocate or malloc",
    fix="export it, as the SDK's export! does",
)
UNKNOWN_IMPORT = Code(
    "LAT0625",
    Severity.ERROR,
    "Module imports what Envoy does not offer",
    "the module of {name} imports {module}.{function}, which {envoy} does not offer",
    "Envoy refuses the module when it is loaded.",
    example="wbg.__wbindgen_throw, which comes with crates that are made for browsers",
    fix="leave out the dependency that brings it along, or its feature",
)
MEMORY_BUDGET = Code(
    "LAT0626",
    Severity.ERROR,
    "Module begins with more memory than its budget",
    "the module of {name} begins with {size} bytes of memory, {budget} are its budget",
    "Each worker of each proxy holds it, used or not.",
    example="a large static array; linker options that set the initial memory",
    fix="make it smaller, or raise budget.memory_bytes in filter.yaml",
)
LUA_SYNTAX = Code(
    "LAT0627",
    Severity.ERROR,
    "Lua does not compile",
    "{problem}",
    "Envoy refuses the filter when it is configured.",
    example="function envoy_on_request(handle)   -- without its end",
    fix="mend what LuaJIT names",
)
LUA_FORBIDDEN = Code(
    "LAT0628",
    Severity.ERROR,
    "Lua reaches beyond its request",
    "{what} is used: {reason}",
    "Lua runs inside the proxy with all rights of its process; nothing keeps it from files, commands or raw memory.",
    example='local f = io.open("/etc/passwd")',
    fix="do it in a Wasm filter, or outside of the proxy",
)
LUA_FAILS_OPEN = Code(
    "LAT0629",
    Severity.ERROR,
    "Lua policy lets requests pass when it fails",
    "a filter of phase {phase} {problem}",
    "After an error of Lua, Envoy lets the request pass as if the filter were not there.",
    example="function envoy_on_request(handle) decide(handle) end",
    fix="local ok, refusal = pcall(decide, handle); if not ok then refusal = 'error' end; "
    "if refusal then handle:respond({[':status'] = '403'}, refusal) end",
)
NOTHING_TO_DO = Code(
    "LAT0650",
    Severity.INFO,
    "Nothing to do for a filter of this kind",
    "{name} has nothing to {verb}: a filter of kind {kind} has no {lacks}",
    "Only Wasm filters have a module to build or serve, and a native filter is Envoy's own code, configured. It is "
    "told of filters that were named. A server that would have nothing at all does not start: there it is an error.",
    example="lateen filters fuzz quota",
    fix="name a filter of another kind; lateen filters list tells the kinds",
)
ENVOY_REFUSES = Code(
    "LAT0690",
    Severity.ERROR,
    "Envoy refuses the filter",
    "{envoy} refuses {name}: {reason}",
    "It was given the filter with a configuration that its schema accepts; so it would be in a mesh.",
    example="a module whose own check of its configuration is stricter than the schema in filter.yaml",
    fix="mend what the reason names; Envoy's log has what the module said",
)
BAD_CONFIG_SCHEMA = Code(
    "LAT0691",
    Severity.ERROR,
    "Schema of the configuration is none",
    "config is no JSON Schema: {problem}",
    "No configuration can be checked against it.",
    example="config: {type: objekt}",
    fix="config: {type: object}",
)
REFUSED_CONFIGURATION = Code(
    "LAT0692",
    Severity.ERROR,
    "Configuration breaks the filter's schema",
    "{problem}",
    "The filter would refuse it, or do something else than was meant.",
    example="header: X-Version   # where the schema demands lower case",
    fix="header: x-version",
)
NO_CONFIGURATION = Code(
    "LAT0693",
    Severity.ERROR,
    "No configuration to check the filter with",
    "there is no configuration with which {name} can be given to Envoy",
    "Whether a filter starts depends on its configuration; without one nothing is known.",
    example="lateen filters check NAME  # without scenarios, and its schema does not accept {}",
    fix="add scenarios, or name a file: lateen filters check NAME --config FILE",
)
CANNOT_EXPORT = Code(
    "LAT0694",
    Severity.ERROR,
    "Filter cannot be exported to that",
    "{name} cannot be exported as {target}: {reason}",
    "The target has no field for it.",
    example="lateen filters export tenant_context --as wasmplugin",
    fix="lateen filters export tenant_context --as trafficextension",
)
