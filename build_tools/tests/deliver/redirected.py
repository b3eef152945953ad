"""A pod in the network namespace that runs this: RULES CALLS PEER prints which port answered each call, a line each.

Listeners stand for the sidecar (15001, 15006), its health port and the application (8080); each says which one it is.
PEER is a process in the namespace of another host, 192.0.2.9 and 2001:db8::9, which listens nowhere.
"""

from __future__ import annotations

import codecs
import os
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path

USERS = {"app": 1000, "sidecar": 1337}
ASK = "import runpy, sys; runpy.run_path(sys.argv[1])['ask'](*sys.argv[2:])"


def run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def connect(rules: str, peer: str) -> None:
    """The pod's addresses and the link between it and the peer, then the rules, twice as after a restart."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "pod", "type", "veth", "peer", "name", "far", "netns", peer)
    for host, device, prefix in ((1, "pod", ()), (9, "far", ("nsenter", "-t", peer, "-n"))):
        run(*prefix, "ip", "addr", "add", f"192.0.2.{host}/24", "dev", device)
        run(*prefix, "ip", "-6", "addr", "add", f"2001:db8::{host}/64", "dev", device, "nodad")
        run(*prefix, "ip", "link", "set", device, "up")
    run("ip", "route", "add", "default", "via", "192.0.2.9")
    run("ip", "-6", "route", "add", "default", "via", "2001:db8::9")
    run("ip", "-6", "addr", "add", "::6/128", "dev", "lo")
    for _ in range(2):
        run("nft", "-f", rules)


def serve(port: int) -> None:
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)

    def answer() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(str(port).encode())

    threading.Thread(target=answer, daemon=True).start()


def ask(address: str, port: str, source: str = "") -> None:
    """Print what `address` answers on `port`."""
    try:
        origin = (source, 0) if source else None
        with socket.create_connection((address, int(port)), timeout=5, source_address=origin) as connection:
            answer = connection.recv(16).decode()
    except ConnectionRefusedError:
        answer = "refused"
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


def ask_as(user: int, address: str, port: str, source: str = "") -> None:
    """`ask` as that user, who may not enter the folder of this interpreter: a fork, not a new process."""
    codecs.lookup("idna")  # loaded by the first connect, which that user could not
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            raise ChildProcessError(f"user {user} to {address}:{port}")
        return
    try:
        os.setuid(user)
        ask(address, port, source)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def main(rules: str, calls: str, peer: str) -> None:
    connect(rules, peer)
    for port in (15001, 15006, 15021, 8080):
        serve(port)
    for line in Path(calls).read_text().splitlines():
        who, address, port = line.split()
        if who == "peer":
            run("nsenter", "-t", peer, "-n", sys.executable, "-c", ASK, __file__, address, port)
        elif who in USERS:
            ask_as(USERS[who], address, port)
        else:
            ask_as(USERS["sidecar"], address, port, source=who)


if __name__ == "__main__":
    main(*sys.argv[1:])
