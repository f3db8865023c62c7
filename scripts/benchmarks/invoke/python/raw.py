"""A bare ping-pong between two processes over the kind of socket that is the argument: what a call
costs at least in this language."""

import os
import socket
import struct
import subprocess
import sys

from plan import measure

LENGTH = struct.Struct("<I")
COPIED_BYTES = 16 * 1024
#: What arrives is never copied, and no memory is made for it.
ROOM = memoryview(bytearray(8 * 1024 * 1024))


def receive(connected):
    """The next message, whose length comes first, as it lies in the room."""
    filled = connected.recv_into(ROOM)
    if filled == 0:
        sys.exit()
    whole = LENGTH.unpack_from(ROOM)[0] + LENGTH.size
    while filled < whole:
        filled += connected.recv_into(ROOM[filled:])
    return ROOM[:whole]


def send(connected, data):
    head = LENGTH.pack(len(data))
    if len(data) <= COPIED_BYTES:
        connected.sendall(head + data)
    else:
        connected.sendall(head)
        connected.sendall(data)


def serve(kind):
    listener = socket.socket(socket.AF_INET if kind == "tcp" else socket.AF_UNIX)
    listener.bind(("127.0.0.1", 0) if kind == "tcp" else f"\0gleaner-raw-{os.getpid()}")
    listener.listen()
    name = listener.getsockname()
    print(name[1] if kind == "tcp" else name[1:].decode(), flush=True)
    connected, _ = listener.accept()
    if kind == "tcp":
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        connected.sendall(receive(connected))


def ping(kind):
    cpu = os.environ.get("SERVER_CPU")
    pinned = ["taskset", "-c", cpu] if cpu else []
    command = [*pinned, sys.executable, __file__, kind, "server"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    name = server.stdout.readline().strip()
    connected = socket.socket(socket.AF_INET if kind == "tcp" else socket.AF_UNIX)
    connected.connect(("127.0.0.1", int(name)) if kind == "tcp" else f"\0{name}")
    if kind == "tcp":
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(data):
        send(connected, data)
        return receive(connected)

    measure(call)
    connected.close()
    server.wait()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        serve(sys.argv[1])
    else:
        ping(sys.argv[1])
