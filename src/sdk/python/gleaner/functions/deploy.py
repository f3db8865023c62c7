"""Deploys a version of a function: its settings, and the bundle that gleanerd gets."""

from __future__ import annotations

import hashlib
import inspect
import os
from typing import Any, Dict, Mapping, Optional

from ..api.client import Api
from ..calls.deadline import milliseconds
from ..checks import check_count, check_environment, check_time_limit
from ..errors import GleanerError
from .bundle import pack


def settings_of(
    handler: str,
    *,
    cores: int = 1,
    memory_mb: Optional[int] = None,
    gpus: int = 0,
    time_limit: Optional[float] = None,
    environment: Optional[Mapping[str, str]] = None,
    min_warm: int = 0,
    idle_timeout: Optional[float] = None,
    python: Optional[str] = None,
    setup: Optional[str] = None,
    image: Optional[str] = None,
    fork: bool = True,
) -> Dict[str, Any]:
    """As function.yaml has them (docs/reference/function-yaml.md), with times in seconds. None: the
    site's default. `python`: the interpreter of workers."""
    check_count("cores", cores, 1, 65_536)
    if memory_mb is not None:
        check_count("memory_mb", memory_mb, 1, 2**31 - 1)
    check_count("gpus", gpus, 0)
    check_count("min_warm", min_warm, 0)
    check_time_limit("time_limit", time_limit)
    check_time_limit("idle_timeout", idle_timeout)
    check_environment(environment)
    if python is not None and not (isinstance(python, str) and os.path.isabs(python)):
        raise GleanerError("BAD_REQUEST", f"invalid python {python!r}: expected an absolute path")
    return {
        "runtime": "python",
        "handler": handler,
        "cores": cores,
        "memoryMb": memory_mb,
        "gpus": gpus,
        "timeLimitMs": milliseconds(time_limit),
        "concurrency": 1,
        "environment": dict(environment or {}),
        "minWarm": min_warm,
        "idleTimeoutMs": milliseconds(idle_timeout),
        "python": python,
        "setup": setup,
        "image": image,
        "fork": fork,
    }


#: Their names.
SETTINGS = tuple(name for name in inspect.signature(settings_of).parameters if name != "handler")


def deploy(api: Api, name: str, settings: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """NAME@VERSION, once the version is durable. The same content is the same version."""
    bundle = pack(settings, files)
    version = hashlib.sha256(bundle).hexdigest()
    api.put_blob(version, [bundle])
    api.deploy(name, version)
    return f"{name}@{version}"
