"""Serves the snapshot in a JSON file to one Envoy, as the control plane serves a compiled one, and tells what happens.

`python serve_snapshot.py FOLDER`: FOLDER/snapshot.json is `{attribute: {name: configuration}}`, read again whenever it
is replaced; the socket is FOLDER/xds.sock; authority and certificates are kept in FOLDER.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from lateen.deliver.ads import ProxyServer
from lateen.deliver.encoding import Encoder, Identity
from lateen.deliver.messages import Messages
from lateen.deliver.protocol import Rejection
from lateen.deliver.verdicts import Verdicts
from lateen.deliver.watch import Watch
from lateen.identity import Authority, CertificateStore
from lateen.model.proxy import Proxy
from lateen.schema import Schema
from lateen.xds.snapshot import Snapshot


class Printer:
    def connected(self, proxy: str) -> None:
        report(event="connected")

    def acknowledged(self, proxy: str, generation: int) -> None:
        report(event="acked", generation=generation)

    def rejected(self, proxy: str, rejection: Rejection) -> None:
        kind = rejection.type_url.rpartition(".")[2]
        report(event="nack", type=kind, name=rejection.name, message=rejection.message)


class CountingMessages(Messages):
    """Tells of each resource that is sent."""

    def serialize(self, response: Any) -> bytes:
        for name in response.resources:
            report(event="sent", type=response.type_url.rpartition(".")[2], name=name)
        return super().serialize(response)


def report(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def main(folder: Path) -> None:
    watch = Watch(folder / "snapshot.json")
    schema, generation = Schema.default(), 0
    encoder = Encoder(schema)
    messages, verdicts = CountingMessages(schema), Verdicts(folder / "verdicts.json")
    server = ProxyServer("web-0.default", folder / "xds.sock", messages, verdicts, Printer())
    await server.start()
    while True:
        given = json.loads((folder / "snapshot.json").read_text())
        life = timedelta(seconds=given.pop("certificate_life", 3600))
        store = CertificateStore(Authority.load(folder / "ca"), folder / "certificates", life)
        identity = Identity(store.workload("spiffe://cluster.local/ns/default/sa/web"), store.authority.root_pem)
        generation += 1
        resources = encoder.encode({"web": (Snapshot(Proxy("web-0"), **given), identity)})["web"]
        report(event="offered", generation=generation)
        server.offer(resources, generation)
        while not watch.changed():
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
