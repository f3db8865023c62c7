"""The addresses of hosts, looked up in threads: the resolver may take long to answer, or never do."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from typing import Dict, List

from .. import forks

#: Most resolvers have answered by then.
_PATIENCE_S = 2.0


class Addresses:
    def __init__(self) -> None:
        self.begin_anew()
        forks.watch(self)

    def of(self, host: str) -> List[str]:
        """In the order in which to try them. Raises OSError, after 2 s if there is no answer."""
        try:
            return _look_up(host, socket.AI_NUMERICHOST)
        except socket.gaierror:
            pass
        with self._lock:
            asked = self._asked.get(host)
            if asked is None:
                asked = Future()
                threading.Thread(target=self._ask, args=(host, asked), daemon=True).start()
                # It is there only now: where there is no thread, the next one asks again.
                self._asked[host] = asked
        try:
            return asked.result(_PATIENCE_S)
        except LateError:
            raise OSError(f"no address of {host} is known after {_PATIENCE_S} s") from None

    def begin_anew(self) -> None:
        """In a forked process, which does not have the threads of its parent."""
        self._lock = threading.Lock()
        self._asked: Dict[str, Future[List[str]]] = {}

    def _ask(self, host: str, asked: Future[List[str]]) -> None:
        try:
            asked.set_result(_look_up(host, 0))
        except (OSError, UnicodeError) as error:
            asked.set_exception(OSError(str(error)))
        finally:
            with self._lock:
                self._asked.pop(host, None)


def _look_up(host: str, flags: int) -> List[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return [str(address[0]) for _, _, _, _, address in found]
