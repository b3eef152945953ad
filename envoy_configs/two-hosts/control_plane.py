"""A control plane that knows nothing of Istio: it serves what `lateen compile --bundle resources` wrote.

    python3 control_plane.py FOLDER ADDRESS

State-of-the-world ADS as go-control-plane and java-control-plane speak it. FOLDER has NAME.NAMESPACE.json of each proxy
and its certificate in certs/NAME.NAMESPACE/. A file that changes is served at once. `lateen.schema` stands in for the
generated Protobuf classes that yours has.
"""

from __future__ import annotations

import base64
import json
import queue
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format

from lateen.schema import Schema

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
SDS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
LDS = "type.googleapis.com/envoy.config.listener.v3.Listener"
CDS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
EDS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
Request = Schema.default().message_class("envoy.service.discovery.v3.DiscoveryRequest")
Response = Schema.default().message_class("envoy.service.discovery.v3.DiscoveryResponse")


class Folder:
    """The newest configuration of each node."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._streams: set[queue.Queue[Any]] = set()
        self._seen: dict[str, bytes] = {}
        self.nodes: dict[str, list[dict[str, Any]]] = {}

    def follow(self) -> None:
        while True:
            files = {path.name: path.read_bytes() for path in self._path.glob("*.json")}
            if files != self._seen:
                self._seen = files
                contents = {name: json.loads(text) for name, text in files.items() if ".bootstrap." not in name}
                self.nodes = {c["node_id"]: self._complete(c, name) for name, c in contents.items()}
                for stream in tuple(self._streams):
                    stream.put(None)
            time.sleep(0.05)

    def stream(self) -> queue.Queue[Any]:
        found: queue.Queue[Any] = queue.Queue()
        self._streams.add(found)
        return found

    def end(self, stream: queue.Queue[Any]) -> None:
        self._streams.discard(stream)
        stream.put(None)

    def _complete(self, content: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """The responses, with the secrets that lateen leaves to whoever has the keys."""
        certs = self._path / "certs" / name.removesuffix(".json")

        def inline(file: str) -> dict[str, str]:
            return {"inline_bytes": base64.b64encode((certs / file).read_bytes()).decode()}

        pair = {"certificate_chain": inline("cert-chain.pem"), "private_key": inline("key.pem")}
        own = [
            {"@type": SDS, "name": "default", "tls_certificate": pair},
            {"@type": SDS, "name": "ROOTCA", "validation_context": {"trusted_ca": inline("root-cert.pem")}},
        ]
        before = {response["type_url"]: response for response in self.nodes.get(content["node_id"], ())}
        for response in content["responses"]:
            if response["type_url"] == SDS:
                response["resources"] += own
            elif response["type_url"] in (CDS, EDS) and before:
                keep(response, before[response["type_url"]])
        return list(content["responses"])


def keep(response: dict[str, Any], before: dict[str, Any]) -> None:
    """What is missing from the state of the world is gone at once; routes to it may still be on their way out."""
    names = set(map(name_of, response["resources"]))
    kept = [found for found in before["resources"] if name_of(found) not in names]
    response["resources"] += kept
    response["version_info"] += f"+{len(kept)}" if kept else ""


def name_of(resource: dict[str, Any]) -> str:
    return str(resource.get("name") or resource["cluster_name"])


def serve(folder: Folder, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    """One Envoy: clusters and what belongs to them before listeners and what belongs to those."""
    events = folder.stream()

    def read() -> None:
        with suppress(grpc.RpcError):  # the stream ended
            for request in requests:
                events.put(request)
        folder.end(events)

    threading.Thread(target=read, daemon=True).start()
    node, names, sent, waiting = "", {}, {}, set()
    while context.is_active():
        request = events.get()
        if request is not None:
            node, kind = node or request.node.id, request.type_url
            if request.HasField("error_detail"):
                sys.stderr.write(f"{node}: {request.error_detail.message}\n")
            if names.get(kind) != (wanted := set(request.resource_names)):
                names[kind] = wanted
                sent.pop(kind, None)
            elif request.response_nonce == sent.get(kind):
                waiting.discard(kind)
        for response in folder.nodes.get(node, ()):
            kind = response["type_url"]
            if kind == LDS and waiting & {CDS, EDS, SDS}:
                break  # until Envoy has acknowledged where these lead
            version = response["version_info"]
            if kind in names and sent.get(kind) != version:
                sent[kind] = version
                waiting.add(kind)
                if kind == CDS:
                    sent.pop(EDS, None)  # a changed cluster warms until its endpoints come again
                yield answer(response, names[kind])


def answer(response: dict[str, Any], names: set[str]) -> Any:
    """All resources of the type, or those that were asked for; the version is the nonce too."""
    chosen = [found for found in response["resources"] if not names or name_of(found) in names]
    pool = Response.DESCRIPTOR.file.pool
    content = response | {"resources": chosen, "nonce": response["version_info"]}
    return json_format.ParseDict(content, Response(), descriptor_pool=pool)


def main(path: str, address: str) -> None:
    folder = Folder(Path(path))
    threading.Thread(target=folder.follow, daemon=True).start()
    handler = grpc.stream_stream_rpc_method_handler(
        lambda requests, context: serve(folder, requests, context), Request.FromString, Response.SerializeToString
    )
    service, _, method = METHOD.strip("/").partition("/")
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
