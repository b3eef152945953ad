"""Numbers and names of the proxy-wasm ABI."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """What a function of the host answers."""

    OK = 0
    NOT_FOUND = 1
    BAD_ARGUMENT = 2
    SERIALIZATION_FAILURE = 3
    PARSE_FAILURE = 4
    BAD_EXPRESSION = 5
    INVALID_MEMORY_ACCESS = 6
    EMPTY = 7
    CAS_MISMATCH = 8
    RESULT_MISMATCH = 9
    INTERNAL_FAILURE = 10
    BROKEN_CONNECTION = 11
    UNIMPLEMENTED = 12


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """A function of the host answers with another status than OK."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


class Map(IntEnum):
    """Which header map a function means."""

    REQUEST_HEADERS = 0
    REQUEST_TRAILERS = 1
    RESPONSE_HEADERS = 2
    RESPONSE_TRAILERS = 3
    GRPC_INITIAL_METADATA = 4
    GRPC_TRAILING_METADATA = 5
    CALL_HEADERS = 6
    CALL_TRAILERS = 7


class Buffer(IntEnum):
    """Which buffer a function means."""

    REQUEST_BODY = 0
    RESPONSE_BODY = 1
    DOWNSTREAM_DATA = 2
    UPSTREAM_DATA = 3
    CALL_BODY = 4
    GRPC_MESSAGE = 5
    VM_CONFIGURATION = 6
    PLUGIN_CONFIGURATION = 7
    CALL_DATA = 8


VERSIONS = ("proxy_abi_version_0_2_1", "proxy_abi_version_0_2_0")
"""The exports that say which ABI a module has, newest first."""

IMPORTS = {
    "log": "iii",
    "get_log_level": "i",
    "get_current_time_nanoseconds": "i",
    "set_tick_period_milliseconds": "i",
    "get_property": "iiii",
    "set_property": "iiii",
    "get_header_map_value": "iiiii",
    "add_header_map_value": "iiiii",
    "replace_header_map_value": "iiiii",
    "remove_header_map_value": "iii",
    "get_header_map_pairs": "iii",
    "set_header_map_pairs": "iii",
    "get_header_map_size": "ii",
    "get_buffer_bytes": "iiiii",
    "get_buffer_status": "iii",
    "set_buffer_bytes": "iiiii",
    "continue_stream": "i",
    "close_stream": "i",
    "send_local_response": "iiiiiiii",
    "get_shared_data": "iiiii",
    "set_shared_data": "iiiii",
    "register_shared_queue": "iii",
    "resolve_shared_queue": "iiiii",
    "dequeue_shared_queue": "iii",
    "enqueue_shared_queue": "iii",
    "define_metric": "iiii",
    "increment_metric": "iI",
    "record_metric": "iI",
    "get_metric": "ii",
    "http_call": "iiiiiiiiii",
    "grpc_call": "iiiiiiiiiiii",
    "grpc_stream": "iiiiiiiii",
    "grpc_send": "iiii",
    "grpc_close": "i",
    "grpc_cancel": "i",
    "get_status": "iii",
    "set_effective_context": "i",
    "done": "",
    "call_foreign_function": "iiiiii",
}
"""What a module may import from `env` as `proxy_NAME`: its parameters (i is 32 bits, I 64). All answer a status."""

NEWER = ("get_log_level",)
"""What ABI 0.2.0 does not have."""

WASI = {
    "fd_write": "iiii",
    "fd_read": "iiii",
    "fd_seek": "iIii",
    "fd_close": "i",
    "fd_fdstat_get": "ii",
    "fd_fdstat_set_flags": "ii",
    "environ_get": "ii",
    "environ_sizes_get": "ii",
    "args_get": "ii",
    "args_sizes_get": "ii",
    "clock_time_get": "iIi",
    "random_get": "ii",
    "sched_yield": "",
    "poll_oneoff": "iiii",
    "path_open": "iiiiiIIii",
    "fd_prestat_get": "ii",
    "fd_prestat_dir_name": "iii",
    "path_filestat_get": "iiiii",
    "proc_exit": "i",
}
"""The same of WASI; `proc_exit` alone answers nothing."""

WASI_MODULES = ("wasi_snapshot_preview1", "wasi_unstable")
