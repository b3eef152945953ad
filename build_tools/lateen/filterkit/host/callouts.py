"""Calls to other clusters, by HTTP and by gRPC; what comes of them is told to the plugin's root context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lateen.filterkit.host import wire
from lateen.filterkit.host.abi import Map, Refused, Status
from lateen.filterkit.host.fields import Fields
from lateen.filterkit.host.pairs import parse
from lateen.filterkit.host.world import HttpAnswer
from lateen.filterkit.scenarios.scenario import GrpcReply

if TYPE_CHECKING:
    from lateen.filterkit.host.vm import Vm

_HTTP, _GRPC, _GRPC_STREAM = 0, 1, 2
_UNAVAILABLE, _INTERNAL = 14, 13
_NEEDED = (b":path", b":method", b":authority")


class Callouts:
    """The functions by which a module calls other clusters."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._open: dict[int, tuple[str, str, Fields] | None] = {}

    def http_call(  # noqa: PLR0913, PLR0917 - the ABI's own
        self,
        cluster: int,
        cluster_size: int,
        headers: int,
        headers_size: int,
        body: int,
        body_size: int,
        trailers: int,
        trailers_size: int,
        timeout: int,
        token_at: int,
    ) -> None:
        machine, world = self._vm.machine, self._vm.world
        name = machine.read(cluster, cluster_size).decode(errors="replace")
        content = machine.read(body, body_size)
        fields = Fields(parse(machine.read(headers, headers_size)), "request")
        ends = Fields(parse(machine.read(trailers, trailers_size)))
        machine.write_number(token_at, 0)
        known = name in world.clusters and timeout < 2**31
        if not known or any(fields.get(needed) is None for needed in _NEEDED):
            raise Refused(Status.BAD_ARGUMENT)
        if content:
            fields.replace(b"content-length", b"%d" % len(content))
        token = self._begin(_HTTP)
        machine.write_number(token_at, token)
        world.http_call(name, fields, content, ends, timeout / 1000, lambda answer: self._http_answer(token, answer))

    def grpc_call(  # noqa: PLR0913, PLR0917 - the ABI's own
        self,
        service: int,
        service_size: int,
        name: int,
        name_size: int,
        method: int,
        method_size: int,
        metadata: int,
        metadata_size: int,
        message: int,
        message_size: int,
        timeout: int,
        token_at: int,
    ) -> None:
        machine, world = self._vm.machine, self._vm.world
        cluster, path = self._method(service, service_size, name, name_size, method, method_size)
        fields = Fields(parse(machine.read(metadata, metadata_size)))
        content = machine.read(message, message_size)
        token = self._begin(_GRPC)
        if cluster not in world.clusters:
            self._vm.defer(lambda: self._grpc_closed(token, GrpcReply(_UNAVAILABLE, None, "Cluster not available")))
            raise Refused(Status.INTERNAL_FAILURE)
        machine.write_number(token_at, token)
        world.grpc_call(cluster, path, fields, content, timeout / 1000, lambda reply: self._grpc_reply(token, reply))

    def grpc_stream(  # noqa: PLR0913, PLR0917 - the ABI's own
        self,
        service: int,
        service_size: int,
        name: int,
        name_size: int,
        method: int,
        method_size: int,
        metadata: int,
        metadata_size: int,
        token_at: int,
    ) -> None:
        machine = self._vm.machine
        cluster, path = self._method(service, service_size, name, name_size, method, method_size)
        fields = Fields(parse(machine.read(metadata, metadata_size)))
        token = self._begin(_GRPC_STREAM)
        if cluster not in self._vm.world.clusters:
            self._vm.defer(lambda: self._grpc_closed(token, GrpcReply(_UNAVAILABLE, None, "Cluster not available")))
            raise Refused(Status.INTERNAL_FAILURE)
        self._open[token] = (cluster, path, fields)
        machine.write_number(token_at, token)

    def grpc_send(self, token: int, message: int, size: int, _end: int) -> None:
        if token & 3 != _GRPC_STREAM:
            raise Refused(Status.BAD_ARGUMENT)
        content = self._vm.machine.read(message, size)
        if token not in self._open:
            raise Refused(Status.NOT_FOUND)
        opened, self._open[token] = self._open[token], None  # only the first message of a stream is answered
        if opened is not None:
            cluster, path, fields = opened
            self._vm.world.grpc_call(cluster, path, fields, content, 0, lambda reply: self._stream_reply(token, reply))

    def grpc_close(self, token: int) -> None:
        self._end(token, (_GRPC, _GRPC_STREAM))

    def grpc_cancel(self, token: int) -> None:
        self._end(token, (_GRPC, _GRPC_STREAM))
        self._open.pop(token, None)

    def _method(
        self, service: int, service_size: int, name: int, name_size: int, method: int, method_size: int
    ) -> tuple[str, str]:
        """Cluster and path; the service is Envoy's GrpcService message, or the name of a cluster."""
        machine = self._vm.machine
        given = machine.read(service, service_size)
        path = b"/%s/%s" % (machine.read(name, name_size), machine.read(method, method_size))
        try:
            cluster = wire.text(wire.read(wire.text(wire.read(given), 1)), 1)
        except ValueError:
            cluster = given
            if given.decode(errors="replace") not in self._vm.world.clusters:
                raise Refused(Status.PARSE_FAILURE) from None
        if not cluster:
            raise Refused(Status.BAD_ARGUMENT)
        return cluster.decode(errors="replace"), path.decode(errors="replace")

    def _begin(self, kind: int) -> int:
        token = self._vm.new_call(kind)
        self._vm.calls.add(token)
        return token

    def _end(self, token: int, kinds: tuple[int, ...]) -> None:
        if token & 3 not in kinds:
            raise Refused(Status.BAD_ARGUMENT)
        if token not in self._vm.calls:
            raise Refused(Status.NOT_FOUND)
        self._vm.calls.discard(token)

    def _http_answer(self, token: int, answer: HttpAnswer) -> None:
        if token not in self._vm.calls:
            return
        self._vm.calls.discard(token)
        received = self._vm.received
        received.maps |= {Map.CALL_HEADERS: answer.headers, Map.CALL_TRAILERS: answer.trailers}
        received.body = answer.body
        sizes = (len(answer.headers), len(answer.body), len(answer.trailers))
        self._vm.callback(self._vm.root, "proxy_on_http_call_response", token, *sizes, before_deferred=received.clear)

    def _grpc_reply(self, token: int, reply: GrpcReply) -> None:
        if token not in self._vm.calls:
            return
        if reply.status:
            self._grpc_closed(token, reply)
        elif reply.message is None:
            self._grpc_closed(token, GrpcReply(_INTERNAL))
        else:
            self._vm.calls.discard(token)
            self._message(token, reply.message)

    def _stream_reply(self, token: int, reply: GrpcReply) -> None:
        vm = self._vm
        if token not in vm.calls:
            return
        if reply.message is not None:
            vm.callback(vm.root, "proxy_on_grpc_receive_initial_metadata", token, 0)
            self._message(token, reply.message)
        vm.callback(vm.root, "proxy_on_grpc_receive_trailing_metadata", token, 0)
        self._grpc_closed(token, reply)

    def _message(self, token: int, message: bytes) -> None:
        received = self._vm.received
        received.message = message
        self._vm.callback(self._vm.root, "proxy_on_grpc_receive", token, len(message), before_deferred=received.clear)

    def _grpc_closed(self, token: int, reply: GrpcReply) -> None:
        self._vm.calls.discard(token)
        received = self._vm.received
        received.status, received.status_text = reply.status, reply.details
        self._vm.callback(self._vm.root, "proxy_on_grpc_close", token, reply.status, before_deferred=received.clear)
