"""What a module may import: each function checks its arguments in Envoy's order and answers Envoy's statuses."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lateen.filterkit.host.abi import IMPORTS, WASI, WASI_MODULES, Buffer, Map, Refused, Status
from lateen.filterkit.host.callouts import Callouts
from lateen.filterkit.host.fields import Fields
from lateen.filterkit.host.foreign import call_foreign_function
from lateen.filterkit.host.local_reply import LocalReply
from lateen.filterkit.host.machine import Import
from lateen.filterkit.host.pairs import parse, serialize
from lateen.filterkit.host.properties import get_property, set_property
from lateen.filterkit.host.vm import Vm
from lateen.filterkit.host.wasi import Wasi

_LEVELS = ("trace", "debug", "info", "warning", "error", "critical")
_HIGHEST_GRPC_STATUS = 16
_WASI_NOT_CAPABLE = 76

Functions = Mapping[tuple[str, str], tuple[str, Import, bool]]


def functions(vm: Vm, without: Collection[str]) -> Functions:
    """By module and name: parameters, the function (or the fault of that name), whether it answers a number."""
    host, callouts, wasi = _Host(vm), Callouts(vm), Wasi(vm)
    found: dict[tuple[str, str], tuple[str, Import, bool]] = {}
    for name, parameters in IMPORTS.items():
        if name not in without:
            function = getattr(host, name, None) or getattr(callouts, name)
            usable = _or_fault(vm, f"proxy_{name}", function) if vm.allows(f"proxy_{name}") else _refused
            found["env", f"proxy_{name}"] = (parameters, usable, True)
    for name, parameters in WASI.items():
        for module in WASI_MODULES:
            function = getattr(wasi, name) if vm.allows(name) else _not_capable
            found[module, name] = (parameters, function, name != "proc_exit")
    found["env", "emscripten_notify_memory_growth"] = ("i", lambda _: None, False)
    found["env", "pthread_equal"] = ("ii", lambda left, right: int(left == right), True)
    return found


def _refused(*_: int) -> int:
    return Status.INTERNAL_FAILURE


def _not_capable(*_: int) -> int:
    return _WASI_NOT_CAPABLE


def _or_fault(vm: Vm, name: str, function: Import) -> Import:
    def call(*arguments: int) -> int | None:
        fault = vm.faults.get(name) if vm.faults else None
        return function(*arguments) if fault is None else fault

    return call


class _Host:
    """The functions but those that call other clusters."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm

    def log(self, level: int, address: int, size: int) -> None:
        if level >= len(_LEVELS):
            raise Refused(Status.BAD_ARGUMENT)
        message = self._vm.machine.read(address, size).decode(errors="replace")
        if level >= self._vm.plugin.log_level:
            self._vm.log(_LEVELS[level], message)

    def get_log_level(self, level_at: int) -> None:
        self._vm.machine.write_number(level_at, self._vm.plugin.log_level)

    def get_current_time_nanoseconds(self, time_at: int) -> None:
        self._vm.machine.write_number(time_at, self._vm.world.now, "<Q")

    def set_tick_period_milliseconds(self, period: int) -> None:
        self._vm.set_tick_period(period)

    def get_property(self, path: int, path_size: int, value_at: int, size_at: int) -> None:
        value = get_property(self._vm, self._vm.machine.read(path, path_size))
        self._vm.machine.give(value, value_at, size_at)

    def set_property(self, path: int, path_size: int, value: int, value_size: int) -> None:
        machine = self._vm.machine
        set_property(self._vm, machine.read(path, path_size), machine.read(value, value_size))

    def get_header_map_value(self, kind: int, name: int, name_size: int, value_at: int, size_at: int) -> None:
        which = _map(kind)
        wanted = self._vm.machine.read(name, name_size)
        fields = self._readable(which)
        if fields is None:
            raise Refused(Status.NOT_FOUND if self._logging else Status.BAD_ARGUMENT)
        value = fields.get(wanted)
        if value is None:
            raise Refused(Status.NOT_FOUND)
        self._vm.machine.give(value, value_at, size_at)

    def add_header_map_value(self, kind: int, name: int, name_size: int, value: int, value_size: int) -> None:
        which, machine = _map(kind), self._vm.machine
        given = machine.read(name, name_size), machine.read(value, value_size)
        self._writable(which).add(*given)

    def replace_header_map_value(self, kind: int, name: int, name_size: int, value: int, value_size: int) -> None:
        which, machine = _map(kind), self._vm.machine
        given = machine.read(name, name_size), machine.read(value, value_size)
        self._writable(which).replace(*given)

    def remove_header_map_value(self, kind: int, name: int, name_size: int) -> None:
        which = _map(kind)
        given = self._vm.machine.read(name, name_size)
        self._writable(which).remove(given)

    def get_header_map_pairs(self, kind: int, pairs_at: int, size_at: int) -> None:
        fields = self._readable(_map(kind))
        pairs = serialize(fields) if fields is not None and len(fields) else b""
        self._vm.machine.give(pairs, pairs_at, size_at)

    def set_header_map_pairs(self, kind: int, pairs: int, size: int) -> None:
        which = _map(kind)
        given = parse(self._vm.machine.read(pairs, size))
        self._writable(which).assign(given)

    def get_header_map_size(self, kind: int, size_at: int) -> None:
        self._vm.machine.write_number(size_at, self._writable(_map(kind)).size)

    def get_buffer_bytes(self, kind: int, start: int, length: int, data_at: int, size_at: int) -> None:
        found = self._buffer(kind)
        if start + length > 0xFFFFFFFF:
            raise Refused(Status.BAD_ARGUMENT)
        self._vm.machine.give(bytes(found[start : start + length]), data_at, size_at)

    def get_buffer_status(self, kind: int, length_at: int, flags_at: int) -> None:
        found = self._buffer(kind)
        self._vm.machine.write_number(length_at, len(found))
        self._vm.machine.write_number(flags_at, 0)

    def set_buffer_bytes(self, kind: int, start: int, length: int, data: int, size: int) -> None:
        found = self._buffer(kind)
        given = self._vm.machine.read(data, size)
        if not isinstance(found, bytearray):
            raise Refused(Status.BAD_ARGUMENT)
        if start == 0 and length == 0:
            found[:0] = given
        elif start == 0 and length >= len(found):
            found[:] = given
        elif start >= len(found):
            found += given
        else:
            raise Refused(Status.BAD_ARGUMENT)

    def continue_stream(self, kind: int) -> None:
        if kind > 3:
            raise Refused(Status.BAD_ARGUMENT)
        if kind == 3:
            raise Refused(Status.UNIMPLEMENTED)
        stream = self._vm.context.stream
        if stream is not None:
            stream.resume(request=kind == 0)

    def close_stream(self, kind: int) -> None:
        if kind > 3:
            raise Refused(Status.BAD_ARGUMENT)
        stream = self._vm.context.stream
        if stream is not None and kind < 2:
            stream.close()

    def send_local_response(
        self,
        status: int,
        details: int,
        details_size: int,
        body: int,
        body_size: int,
        headers: int,
        headers_size: int,
        grpc_status: int,
    ) -> None:
        machine = self._vm.machine
        said, text = machine.read(details, details_size), machine.read(body, body_size)
        more = tuple(parse(machine.read(headers, headers_size)))
        code = grpc_status if grpc_status <= _HIGHEST_GRPC_STATUS else None
        name = "_".join(said.decode(errors="replace").split())
        stream = self._vm.context.stream
        if stream is not None:
            stream.reply(LocalReply(status, text, more, name, code))
        self._vm.replied = True

    def get_shared_data(self, key: int, key_size: int, value_at: int, size_at: int, number_at: int) -> None:
        machine = self._vm.machine
        value, number = self._vm.world.shared.get(self._vm.plugin.vm_id, machine.read(key, key_size))
        machine.give(value, value_at, size_at)
        machine.write_number(number_at, number)

    def set_shared_data(self, key: int, key_size: int, value: int, value_size: int, number: int) -> None:
        machine = self._vm.machine
        given = machine.read(key, key_size), machine.read(value, value_size)
        self._vm.world.shared.set(self._vm.plugin.vm_id, *given, number)

    def register_shared_queue(self, name: int, name_size: int, token_at: int) -> None:
        vm, world = self._vm, self._vm.world

        def ready(token: int) -> None:
            world.later(0, lambda: void(vm.callback(vm.root, "proxy_on_queue_ready", token)))

        token = world.queues.register(vm.plugin.vm_id, vm.machine.read(name, name_size), ready)
        vm.machine.write_number(token_at, token)

    def resolve_shared_queue(self, vm_id: int, vm_id_size: int, name: int, name_size: int, token_at: int) -> None:
        machine = self._vm.machine
        owner = machine.read(vm_id, vm_id_size).decode(errors="replace") or self._vm.plugin.vm_id
        machine.write_number(token_at, self._vm.world.queues.resolve(owner, machine.read(name, name_size)))

    def dequeue_shared_queue(self, token: int, data_at: int, size_at: int) -> None:
        self._vm.machine.give(self._vm.world.queues.take(token), data_at, size_at)

    def enqueue_shared_queue(self, token: int, data: int, size: int) -> None:
        self._vm.world.queues.put(token, self._vm.machine.read(data, size))

    def define_metric(self, kind: int, name: int, name_size: int, number_at: int) -> None:
        named = self._vm.machine.read(name, name_size).decode(errors="replace")
        self._vm.machine.write_number(number_at, self._vm.metrics.define(kind, named))

    def increment_metric(self, number: int, offset: int) -> None:
        self._vm.metrics.increment(number, offset)

    def record_metric(self, number: int, value: int) -> None:
        self._vm.metrics.record(number, value)

    def get_metric(self, number: int, value_at: int) -> None:
        self._vm.machine.write_number(value_at, self._vm.metrics.get(number), "<Q")

    def get_status(self, code_at: int, text_at: int, size_at: int) -> None:
        self._vm.machine.write_number(code_at, self._vm.received.status)
        self._vm.machine.give(self._vm.received.status_text.encode(), text_at, size_at)

    def set_effective_context(self, number: int) -> None:
        if number not in self._vm.contexts:
            raise Refused(Status.BAD_ARGUMENT)
        self._vm.effective = number

    def done(self) -> None:
        raise Refused(Status.NOT_FOUND)  # nothing waits for it: plugins here are not taken away while they run

    def call_foreign_function(
        self, name: int, name_size: int, argument: int, argument_size: int, result_at: int, size_at: int
    ) -> None:
        machine = self._vm.machine
        named = machine.read(name, name_size).decode(errors="replace")
        answer = call_foreign_function(self._vm, named, machine.read(argument, argument_size))
        address = 0
        if answer and result_at:
            address = machine.allocate(len(answer))
            machine.write(address, answer)
        if result_at:
            machine.write_number(result_at, address)
        if size_at:
            machine.write_number(size_at, len(answer))

    @property
    def _logging(self) -> bool:
        stream = self._vm.context.stream
        return stream is not None and stream.logging

    def _readable(self, which: Map) -> Fields | None:
        if which >= Map.GRPC_INITIAL_METADATA:
            return self._vm.received.maps.get(which)
        stream = self._vm.context.stream
        return None if stream is None else stream.readable(which)

    def _writable(self, which: Map) -> Fields:
        stream = self._vm.context.stream
        fields = None if stream is None else stream.writable(which)
        if fields is None:
            raise Refused(Status.BAD_ARGUMENT)
        return fields

    def _buffer(self, kind: int) -> bytes | bytearray:
        if kind > max(Buffer):
            raise Refused(Status.BAD_ARGUMENT)
        vm, stream = self._vm, self._vm.context.stream
        found: bytes | bytearray | None = None
        if kind == Buffer.VM_CONFIGURATION:
            found = vm.plugin.vm_configuration
        elif kind == Buffer.PLUGIN_CONFIGURATION:
            found = vm.plugin.configuration if vm.configuring else None
        elif kind == Buffer.CALL_BODY:
            found = vm.received.body
        elif kind == Buffer.GRPC_MESSAGE:
            found = vm.received.message or b""
        elif kind == Buffer.CALL_DATA:
            found = b""
        elif stream is not None and kind in (Buffer.REQUEST_BODY, Buffer.RESPONSE_BODY):
            found = stream.body(Buffer(kind))
        else:
            found = b""
        if found is None:
            raise Refused(Status.NOT_FOUND)
        return found


def void(_: int) -> None:
    """What a callback answers where nothing depends on it."""


def _map(kind: int) -> Map:
    if kind > max(Map):
        raise Refused(Status.BAD_ARGUMENT)
    return Map(kind)
