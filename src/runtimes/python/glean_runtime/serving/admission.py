"""Who becomes a client: strangers prove that they know the lease's key. Few may try at a time, of
whom each address has its share."""

from __future__ import annotations

from .. import frames
from .client import Client
from .handshake import Handshake, Refusal
from .usage import Usage

MAX_IN_FLIGHT = 256
_MAX_STRANGERS = 256


class Admission:
    def __init__(self, serve: dict[str, str], concurrency: int, usage: Usage) -> None:
        self._worker, self._key = serve["worker"], bytes.fromhex(serve["key"])
        self._max_clients = int(serve.get("maxClients", "64"))
        self._hot_ms = int(serve["hotMs"])
        self._concurrency, self._usage = concurrency, usage
        #: By their address, the oldest first.
        self._strangers: dict[str, dict[Client, None]] = {}

    def handshake(self) -> Handshake:
        return Handshake(self._worker, self._key)

    def arrived(self, client: Client) -> list[Client]:
        """Those who go for it: the oldest of the address that has the most."""
        crowded = []
        if sum(map(len, self._strangers.values())) >= _MAX_STRANGERS:
            crowded.append(next(iter(max(self._strangers.values(), key=len))))
        self._strangers.setdefault(client.origin, {})[client] = None
        return crowded

    def left(self, client: Client) -> None:
        if client.is_proven:
            self._usage.change_clients(-1)
        else:
            self._leave_strangers(client)

    def hello(self, client: Client, payload: bytes) -> None:
        answer = client.handshake.hello(frames.decode_fields(payload))
        client.send_fields(frames.WORKER_HELLO, 0, answer)

    def prove(self, client: Client, payload: bytes, is_ending: bool) -> None:
        """Raises Refusal."""
        client.handshake.check(frames.decode_fields(payload))
        if is_ending:
            raise Refusal("ENDED", "this worker serves no more")
        if self._usage.clients >= self._max_clients:
            raise Refusal("FULL", f"{self._max_clients} clients are connected, which is the limit")
        self._leave_strangers(client)
        client.is_proven = True
        self._usage.change_clients(1)
        accepted = {
            "concurrency": self._concurrency,
            "maxInFlight": MAX_IN_FLIGHT,
            "hotMs": self._hot_ms,
            "runtime": "python",
        }
        client.send_fields(frames.ACCEPTED, 0, accepted)

    def _leave_strangers(self, client: Client) -> None:
        of_address = self._strangers[client.origin]
        del of_address[client]
        if not of_address:
            del self._strangers[client.origin]
