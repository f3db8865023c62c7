"""Where clients connect: a TCP port, and an abstract unix socket for those on this node."""

from __future__ import annotations

import os
import socket
import struct
from typing import Optional

from .. import errors, frames
from ..worker import Answer

_BACKLOG = 1024
#: In hex with "gleaner", a name as long as an address may be: node 20 fills shorter ones up with
#: zeros.
_NAME_BYTES = 50
_KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 1),
    (socket.TCP_KEEPINTVL, 1),
    (socket.TCP_KEEPCNT, 5),
    (socket.TCP_USER_TIMEOUT, 5_000),
    (socket.TCP_NODELAY, 1),
)
#: An IPv4 address as one of IPv6.
_MAPPED = bytes(10) + b"\xff\xff"
_CREDENTIALS = struct.Struct("iII")


class Listeners:
    """`ports`: 0 for any, or A-B. Raises OSError."""

    def __init__(self, ports: str) -> None:
        self.tcp = _listen_on(ports)
        self.port = self.tcp.getsockname()[1]
        self.name = f"gleaner{os.urandom(_NAME_BYTES).hex()}"
        self.all = [self.tcp, _listen_at(b"\0" + self.name.encode("ascii"))]
        for each in self.all:
            each.setblocking(False)

    def accept(self, listener: socket.socket) -> Optional[tuple[socket.socket, str]]:
        """A connection and where it comes from; None if there is none any more, or it is another
        user's."""
        try:
            connected, address = listener.accept()
        except OSError:
            return None
        connected.setblocking(False)
        if listener is self.tcp:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                connected.setsockopt(socket.IPPROTO_TCP, option, value)
        elif _user_of(connected) not in (0, os.geteuid()):
            connected.close()
            return None
        return connected, _origin_of(address[0]) if listener is self.tcp else "this host"

    def close(self) -> None:
        for each in self.all:
            each.close()


def _origin_of(host: str) -> str:
    """One host may have all addresses of a network of 64 bits."""
    if ":" not in host:
        return host
    packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return host if packed.startswith(_MAPPED) else packed[:8].hex()


def _user_of(connected: socket.socket) -> int:
    size = _CREDENTIALS.size
    data = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return _CREDENTIALS.unpack(data)[1]


def _listen_at(name: bytes) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(name)
    listener.listen(_BACKLOG)
    return listener


def _listen_on(ports: str) -> socket.socket:
    first, _, last = ports.partition("-")
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    host = "::" if family == socket.AF_INET6 else "0.0.0.0"
    for port in range(int(first), int(last or first) + 1):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
            return listener
        except OSError as error:
            listener.close()
            refused = error
    raise OSError(f"no port of {ports} is free on this node ({refused.strerror})")


def cannot_serve(serve: frames.Frame, error: OSError) -> Answer:
    fields = errors.fields_of("exit", "CannotListen", f"cannot serve: {error}")
    return frames.ERROR, serve.id, frames.encode_fields(fields), b""
