"""Deploys a version of a function: its settings, and the bundle that gleanerd gets."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Dict, Mapping, Optional

from ..api.client import Api
from ..calls.deadline import milliseconds
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
    if python is not None and not os.path.isabs(python):
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


def deploy(api: Api, name: str, settings: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """NAME@VERSION, once the version is durable. The same content is the same version."""
    bundle = pack(settings, files)
    version = hashlib.sha256(bundle).hexdigest()
    api.put_blob(version, [bundle])
    api.deploy(name, version)
    return f"{name}@{version}"
