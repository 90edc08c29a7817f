"""`python -m rivals.echo PATH BYTES`: a raw unix socket that sends back what it gets; nothing is decoded or checked."""

from __future__ import annotations

import socket
import sys


def main() -> None:
    """Connects to PATH and echoes messages of BYTES until the other side closes."""
    path, size = sys.argv[1], int(sys.argv[2])
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    buffer = memoryview(bytearray(size))
    while True:
        got = 0
        while got < size:
            count = connection.recv_into(buffer[got:])
            if count == 0:
                return
            got += count
        connection.sendall(buffer)


if __name__ == '__main__':
    main()
