"""Serves clients in the thread that runs the calls, for handlers that run one call at a time."""

from __future__ import annotations

from .. import frames
from ..connection import Connection
from ..exits import Alarms
from ..handler import Handler
from ..prints import Prints
from ..worker import Answer, Call, Settings, run_alone
from .listeners import cannot_serve
from .server import Server


def serve(
    connection: Connection,
    handler: Handler,
    settings: Settings,
    prints: Prints,
    frame: frames.Frame,
) -> bool:
    """False if the executor is gone, or has said bye."""
    alarms = Alarms()

    def run_here(call: Call) -> Answer:
        answer = run_alone(handler, settings, call)
        alarms.clear()
        return answer

    try:
        server = Server(frame, settings, prints, connection.send, run_here=run_here)
    except OSError as error:
        connection.send(*cannot_serve(frame, error))
        return True
    is_gone = False

    def listen_to_executor(_: int) -> None:
        nonlocal is_gone
        said = connection.read()
        if said is None or said.type == frames.BYE:
            is_gone = True
            server.close()
        elif said.type == frames.TERMINATING:
            server.terminate(said)
        elif said.type == frames.CANCEL:
            server.end()

    server.watch(connection.socket, listen_to_executor)
    prints.only = server.log
    try:
        server.run()
    finally:
        prints.only = None
    return not is_gone
