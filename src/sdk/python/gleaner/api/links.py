"""TCP connections that end within seconds once their peer, or the link to it, is gone."""

from __future__ import annotations

import socket

_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 5),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5_000),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)


def watch_link(connected: socket.socket) -> None:
    for level, option, value in _OPTIONS:
        connected.setsockopt(level, option, value)
