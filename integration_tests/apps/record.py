"""Takes requests on its pod IP and prints their heads."""

from __future__ import annotations

import os
import socket

with socket.create_server((os.environ["POD_IP"], int(os.environ["PORT"]))) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            head = b""
            while b"\r\n\r\n" not in head and (more := connection.recv(65536)):
                head += more
            if head:  # a probe connects and says nothing
                os.write(1, head)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
