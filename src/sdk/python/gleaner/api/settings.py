"""Where gleanerd is and how it knows users: from the site's gleaner.yaml."""

from __future__ import annotations

import os
from typing import Dict, NamedTuple, Optional

from ..errors import GleanerError
from .trusted_path import require_trusted
from .yaml import UnreadableError, Value, read_section

#: Larger than any valid file; keeps a wrong path from filling memory.
_MAX_CONFIG_BYTES = 1024 * 1024
_DEFAULT_PORT = 828


class Tls(NamedTuple):
    #: A PEM file with the authorities to trust.
    ca_file: str
    #: The name that the certificate must contain.
    name: str


class Address(NamedTuple):
    host: str
    port: int
    #: None if the connection is not encrypted.
    tls: Optional[Tls] = None


class Munge(NamedTuple):
    #: munged's socket; None for munge's default.
    socket: Optional[str] = None
    #: The user that gleanerd runs as: munge lets nobody else decode the credential.
    daemon_user: str = "root"


class Settings(NamedTuple):
    config_file: str
    address: Address
    munge: Munge


def config_file_of(given: Optional[str]) -> str:
    named = given or os.environ.get("GLEANER_CONF") or "/etc/gleaner/gleaner.yaml"
    return os.path.abspath(named)


def read_settings(file: str) -> Settings:
    """Raises CONFIG with what to do."""
    # The file decides where root's credentials go, so root trusts only a protected one.
    if os.geteuid() == 0:
        require_trusted(file)
    text = _read(file)
    try:
        listen, munge = read_section(text, "listen"), read_section(text, "munge")
        return Settings(file, _address_of(listen), _munge_of(munge))
    except ValueError as error:
        advice = "write listen and munge as plain keys and values, or pass address and munge"
        raise GleanerError("CONFIG", f"cannot read {file} ({error}): {advice}") from error


def _read(file: str) -> str:
    try:
        with open(file, "rb") as opened:
            data = opened.read(_MAX_CONFIG_BYTES + 1)
        if len(data) > _MAX_CONFIG_BYTES:
            raise OSError(f"it is larger than {_MAX_CONFIG_BYTES} bytes")
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = "ask your administrator for it, and name it with GLEANER_CONF or config_file"
        raise GleanerError("CONFIG", f"cannot read {file} ({error}): {hint}") from error


def _address_of(listen: Dict[str, Value]) -> Address:
    host = _reachable(_text(listen, "host") or "127.0.0.1")
    port = listen.get("apiPort", _DEFAULT_PORT)
    if not isinstance(port, int) or not 0 < port < 65536:
        raise UnreadableError("listen.apiPort is no port")
    tls = listen.get("tls")
    if tls is None:
        return Address(host, port)
    ca = _text(tls, "ca") if isinstance(tls, dict) else None
    if ca is None:
        raise UnreadableError("listen.tls has no ca")
    return Address(host, port, Tls(ca, host))


def _munge_of(munge: Dict[str, Value]) -> Munge:
    daemon_user = munge.get("daemonUser", "root")
    return Munge(_text(munge, "socket"), str(daemon_user))


def _text(values: Dict[str, Value], key: str) -> Optional[str]:
    value = values.get(key)
    if value is not None and not isinstance(value, str):
        raise UnreadableError(f"{key} is no text")
    return value


def _reachable(host: str) -> str:
    """A daemon that listens on all addresses is reached through the loopback address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
