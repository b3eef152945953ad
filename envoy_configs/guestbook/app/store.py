"""A store that speaks as much of Redis's protocol as a guest book needs, with replicas that follow a leader.

PING, SET, GET, RPUSH, LRANGE; and PSYNC, by which a follower gets all that was written and then every further write.
"""

from __future__ import annotations

import asyncio
import os
import sys

Command = list[bytes]

WRITES = (b"SET", b"RPUSH")


class Store:
    """The data of one server, and the followers that hear of every write."""

    def __init__(self) -> None:
        self.texts: dict[bytes, bytes] = {}
        self.lists: dict[bytes, list[bytes]] = {}
        self.followers: list[asyncio.StreamWriter] = []

    def apply(self, command: Command) -> bytes:
        """Carry out a command; returns the reply."""
        match command[0].upper(), *command[1:]:
            case b"PING", *_:
                return b"+PONG\r\n"
            case b"SET", key, value:
                self.texts[key] = value
                return b"+OK\r\n"
            case b"GET", key:
                return bulk(self.texts.get(key))
            case b"RPUSH", key, *values:
                self.lists.setdefault(key, []).extend(values)
                return b":%d\r\n" % len(self.lists[key])
            case b"LRANGE", key, first, last:
                end = int(last) + 1 or None
                return array(self.lists.get(key, [])[int(first) : end])
            case _:
                return b"-ERR unknown command\r\n"

    def everything(self) -> list[Command]:
        """The commands that make an empty store equal to this one."""
        texts = [[b"SET", key, value] for key, value in self.texts.items()]
        return texts + [[b"RPUSH", key, *values] for key, values in self.lists.items()]


def bulk(value: bytes | None) -> bytes:
    """One string, or nil."""
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


def array(values: list[bytes]) -> bytes:
    """A list of strings: a command, or the answer to LRANGE."""
    return b"*%d\r\n" % len(values) + b"".join(bulk(value) for value in values)


async def read_command(reader: asyncio.StreamReader) -> Command:
    """The next command, as an array or a line of words; empty at the end of the stream."""
    line = (await reader.readline()).strip()
    if not line.startswith(b"*"):
        return line.split()
    command = []
    for _ in range(int(line[1:])):
        size = int((await reader.readline())[1:])
        command.append((await reader.readexactly(size + 2))[:-2])
    return command


async def serve(store: Store, leads: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one client."""
    try:
        while command := await read_command(reader):
            name = command[0].upper()
            if name == b"PSYNC":
                writer.write(b"".join(array(known) for known in store.everything()))
                store.followers.append(writer)
            elif name in WRITES and not leads:
                writer.write(b"-READONLY You can't write against a read only replica.\r\n")
            else:
                writer.write(store.apply(command))
                for follower in store.followers if name in WRITES else ():
                    follower.write(array(command))
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, ValueError):
        pass
    finally:
        if writer in store.followers:
            store.followers.remove(writer)
        writer.close()


async def follow(store: Store, host: str, port: int) -> None:
    """Apply what the leader has and writes, for ever; a new connection begins anew."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(array([b"PSYNC"]))
            store.texts.clear()
            store.lists.clear()
            while command := await read_command(reader):
                store.apply(command)
        except (OSError, asyncio.IncompleteReadError):
            pass
        await asyncio.sleep(0.2)


async def main(role: str) -> None:
    """Serve as leader or follower."""
    store = Store()
    server = await asyncio.start_server(
        lambda reader, writer: serve(store, role == "leader", reader, writer), os.environ["POD_IP"], 6379
    )
    if role == "follower":
        host = os.environ.get("REDIS_LEADER_SERVICE_HOST", "redis-leader")
        await follow(store, host, int(os.environ.get("REDIS_LEADER_SERVICE_PORT", "6379")))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
