"""The functions of WASI that Envoy offers: output becomes log lines; there are no files."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from lateen.filterkit.host.machine import Trap

if TYPE_CHECKING:
    from lateen.filterkit.host.vm import Vm

_BAD_FILE, _NOT_SUPPORTED, _NO_SUCH_FUNCTION = 8, 58, 52
_LEVELS = {1: "info", 2: "error"}
_WRITABLE = 64


class Wasi:
    """They answer numbers of WASI's own; addresses beyond the memory are refused."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm

    def fd_write(self, file: int, vectors: int, count: int, written_at: int) -> int:
        if file not in _LEVELS:
            return _BAD_FILE
        machine = self._vm.machine
        parts = [struct.unpack("<II", machine.read(vectors + 8 * index, 8)) for index in range(count)]
        text = b"".join(machine.read(address, size) for address, size in parts)
        if text:
            self._vm.log(_LEVELS[file], text.decode(errors="replace").removesuffix("\n"))
        machine.write_number(written_at, len(text))
        return 0

    def fd_read(self, _file: int, _vectors: int, _count: int, _read_at: int) -> int:
        return _NO_SUCH_FUNCTION

    def fd_seek(self, _file: int, _offset: int, _whence: int, _position_at: int) -> int:
        return 0

    def fd_close(self, _file: int) -> int:
        return 0

    def fd_fdstat_get(self, file: int, stat_at: int) -> int:
        if file not in _LEVELS:
            return _BAD_FILE
        self._vm.machine.write(stat_at, struct.pack("<QQQ", 0, _WRITABLE, 0))
        return 0

    def fd_fdstat_set_flags(self, _file: int, _flags: int) -> int:
        return _NO_SUCH_FUNCTION

    def environ_get(self, pointers: int, text: int) -> int:
        machine = self._vm.machine
        for entry in self._environment():
            machine.write_number(pointers, text)
            machine.write(text, entry)
            pointers, text = pointers + 4, text + len(entry)
        return 0

    def environ_sizes_get(self, count_at: int, size_at: int) -> int:
        entries = self._environment()
        self._vm.machine.write_number(count_at, len(entries))
        self._vm.machine.write_number(size_at, sum(map(len, entries)))
        return 0

    def args_get(self, _pointers: int, _text: int) -> int:
        return 0

    def args_sizes_get(self, count_at: int, size_at: int) -> int:
        self._vm.machine.write_number(count_at, 0)
        self._vm.machine.write_number(size_at, 0)
        return 0

    def clock_time_get(self, clock: int, _precision: int, time_at: int) -> int:
        if clock not in (0, 1):
            return _NOT_SUPPORTED
        self._vm.machine.write_number(time_at, self._vm.world.now, "<Q")
        return 0

    def random_get(self, address: int, size: int) -> int:
        self._vm.machine.write(address, os.urandom(size))
        return 0

    def sched_yield(self) -> int:
        return 0

    def poll_oneoff(self, _in: int, _out: int, _count: int, _events_at: int) -> int:
        return _NO_SUCH_FUNCTION

    def path_open(self, *_: int) -> int:
        return _NO_SUCH_FUNCTION

    def fd_prestat_get(self, _file: int, _at: int) -> int:
        return _BAD_FILE

    def fd_prestat_dir_name(self, _file: int, _at: int, _size: int) -> int:
        return _BAD_FILE

    def path_filestat_get(self, *_: int) -> int:
        return _NO_SUCH_FUNCTION

    def proc_exit(self, code: int) -> None:
        raise Trap(f"the module exits with {code}")

    def _environment(self) -> list[bytes]:
        return [f"{name}={value}\0".encode() for name, value in self._vm.plugin.environment.items()]
