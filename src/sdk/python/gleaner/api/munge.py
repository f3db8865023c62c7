"""Proves the user's identity: a munge credential, created by the munge program and decoded by the
daemon."""

from __future__ import annotations

import re
import subprocess

from ..errors import GleanerError
from .settings import Munge

#: munge answers within a few milliseconds; its client gives up on a dead munged after about 3 s.
_TIMEOUT_S = 10.0
#: Prevents the use of credentials made for another service or for an older release.
_PURPOSE = "gleaner-token-request-2"


def make_credential(munge: Munge, payload: str) -> str:
    """Raises NOT_IDENTIFIED if munge is missing or munged does not answer."""
    command = ["munge", f"--restrict-uid={munge.daemon_user}"]
    if munge.socket is not None:
        command.append(f"--socket={munge.socket}")
    try:
        done = subprocess.run(
            command, input=payload.encode(), capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except FileNotFoundError as error:
        message = "munge is not in PATH: install the package munge, which proves who you are"
        raise GleanerError("NOT_IDENTIFIED", message) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _none(str(error)) from error
    credential = done.stdout.decode("ascii", "replace").strip()
    if done.returncode != 0 or not credential.startswith("MUNGE:"):
        said = done.stderr.decode("utf-8", "replace").strip().split("\n")[0]
        raise _none(said or "it printed nothing")
    return credential


def credential_payload(host: str, port: int, instance: str, nonce: str) -> str:
    """`host` is the address to which the client connected, so that nobody can relay it."""
    return "\n".join([_PURPOSE, _shown(host, port), instance, nonce])


def _shown(host: str, port: int) -> str:
    """The same text on both ends: without a zone, and with IPv4 addresses as such on dual-stack
    sockets."""
    bare = re.sub(r"%.*$", "", host)
    bare = re.sub(r"^::ffff:(?=\d+\.)", "", bare, flags=re.IGNORECASE)
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def _none(why: str) -> GleanerError:
    return GleanerError(
        "NOT_IDENTIFIED",
        f"munge created no credential ({why}): ask your administrator to check that munged runs on"
        " this machine",
    )
