"""TCP connections that end within seconds once their peer, or the link to it, is gone."""

from __future__ import annotations

import socket

_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 5),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
_UNREAD_MS = 5_000


def watch_link(connected: socket.socket, always_reads: bool) -> None:
    """A peer that always reads is also gone if what was sent waits for it. A daemon that writes a
    large input to a busy disk reads nothing meanwhile."""
    for level, option, value in _OPTIONS:
        connected.setsockopt(level, option, value)
    if always_reads:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
