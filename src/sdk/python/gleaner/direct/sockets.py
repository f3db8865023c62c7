"""Blocking sockets to a worker whose waits the kernel limits: Python's own time limits cost a second
system call for each read."""

from __future__ import annotations

import socket
import struct
from typing import Any, Dict, List, Optional

from ..api.links import watch_link
from .addresses import Addresses

#: No limit at all is spelled 0.
SHORTEST_S = 0.001
_TIMEVAL = struct.Struct("ll")
_addresses = Addresses()


def connect(endpoint: Dict[str, Any], limit_s: float) -> socket.socket:
    """By the unix socket if the worker is on this host and can be reached so, else by TCP."""
    is_here = endpoint["hostId"] == _host_id()
    local = _connect_here(endpoint["socket"], limit_s) if is_here else None
    connected = local or _connect_there(endpoint["host"], endpoint["port"], limit_s)
    connected.settimeout(None)
    return connected


def limit_waits(connected: socket.socket, seconds: Optional[float]) -> None:
    """Reads and writes that take longer raise BlockingIOError. None: they may take forever."""
    microseconds = 0 if seconds is None else max(1, int(seconds * 1e6))
    limit = _TIMEVAL.pack(*divmod(microseconds, 1_000_000))
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def is_quiet(connected: socket.socket) -> bool:
    """False if something has arrived, be it the connection's end."""
    try:
        connected.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _connect_there(host: str, port: int, limit_s: float) -> socket.socket:
    connected = _first_of(_addresses.of(host), port, limit_s)
    watch_link(connected, always_reads=True)
    return connected


def _first_of(addresses: List[str], port: int, limit_s: float) -> socket.socket:
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), limit_s)
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), limit_s)


def _connect_here(name: str, limit_s: float) -> Optional[socket.socket]:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(limit_s)
    try:
        connected.connect(b"\0" + name.encode("ascii"))
        return connected
    except OSError:
        connected.close()
        return None


def _host_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
