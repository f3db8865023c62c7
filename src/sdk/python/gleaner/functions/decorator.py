"""`@gleaner.function`: a function of a module that can be called here, and where there is room."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, Generic, Iterable, Optional, Tuple, TypeVar
from typing import overload

from .. import forks
from ..checks import check_options
from ..errors import GleanerError
from .bundle import folder_files
from .deploy import SETTINGS, deploy, settings_of

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from ..calls.many import MapResult
    from ..connection import Connection
    from ..direct.lease import Lease

    P = ParamSpec("P")
else:
    P = TypeVar("P")
R = TypeVar("R")


class _Shared:
    """The connection that this process shares."""

    def __init__(self) -> None:
        self.begin_anew()
        forks.watch(self)

    def begin_anew(self) -> None:
        #: Also held while a function is deployed.
        self.lock = threading.Lock()
        self.connection: "Optional[Connection]" = None


_shared = _Shared()


class Function(Generic[P, R]):
    """`f(input)` calls it here; `f.remote(input)` deploys its module if that has changed, and calls
    it on the cluster."""

    def __init__(self, local: "Callable[P, R]", name: Optional[str], settings: Dict[str, Any]):
        #: The function as it was written.
        self.local = local
        self.name = name or local.__name__
        self._settings = settings
        self._deployed: Dict[Any, str] = {}
        functools.update_wrapper(self, local)

    def __call__(self, *args: "P.args", **kwargs: "P.kwargs") -> R:
        return self.local(*args, **kwargs)

    def remote(self, input: object = None, *, timeout: Optional[float] = None) -> R:
        """Calls it on the cluster and returns its result, as Connection.invoke() does."""
        site = shared_connection()
        result: R = site.invoke(self.deploy(site), input, timeout=timeout)
        return result

    def map(self, inputs: Iterable[object]) -> "Iterable[MapResult]":
        """Calls it once for each input, as Connection.map() does."""
        site = shared_connection()
        return site.map(self.deploy(site), inputs)

    def lease(self, workers: int = 1, **options: Any) -> "Lease":
        """Workers that this program calls directly, as Connection.lease() has them."""
        site = shared_connection()
        return site.lease(self.deploy(site), workers, **options)

    def deploy(self, site: "Optional[Connection]" = None) -> str:
        """Deploys the module once and returns what to call: NAME@VERSION."""
        api = (site or shared_connection()).api
        with _shared.lock:
            if api not in self._deployed:
                handler, files = _code_of(self.local)
                settings = settings_of(handler, **self._settings)
                self._deployed[api] = deploy(api, self.name, settings, files)
            return self._deployed[api]


@overload
def function(local: "Callable[P, R]") -> "Function[P, R]": ...


@overload
def function(
    *, name: Optional[str] = None, **settings: Any
) -> "Callable[[Callable[P, R]], Function[P, R]]": ...


def function(
    local: Any = None, *, name: Optional[str] = None, **settings: Any
) -> Any:
    """Makes a function of a module one that can be called on the cluster, too: `@function` or
    `@function(memory_mb=2_000)`. It gets one input, and a context if it has two parameters
    (docs/guide/handlers.md). The bundle is its module's file, or the whole package if the module is
    in one, and this library.

    `name`: the function's name on the cluster, if not its own. `settings`: cores, memory_mb, gpus,
    time_limit, environment, min_warm, idle_timeout, python, setup, image and fork, as settings_of()
    in gleaner.functions.deploy has them.
    """
    check_options("function", settings, SETTINGS)
    settings_of("", **settings)  # refuses here what is invalid

    def wrap(written: "Callable[P, R]") -> "Function[P, R]":
        return Function(written, name, settings)

    if local is None:
        return wrap
    if not callable(local):
        raise TypeError("@function stands above a function, and takes its settings by their names")
    return wrap(local)


def shared_connection() -> "Connection":
    """The one that this process shares; it is opened when it is first needed."""
    from ..connection import connect

    with _shared.lock:
        if _shared.connection is None:
            _shared.connection = connect()
        return _shared.connection


def _code_of(local: Callable[..., Any]) -> Tuple[str, Dict[str, bytes]]:
    """The handler's name in a bundle, and the files of it."""
    module = sys.modules.get(local.__module__)
    file = getattr(module, "__file__", None)
    if file is None or not os.path.isfile(file) or local.__qualname__ != local.__name__:
        raise GleanerError(
            "BAD_REQUEST",
            f"{local.__qualname__} cannot be deployed, since it does not stand at the top of a file:"
            " write it to one (in a notebook with %%writefile) and import it, or run it with"
            " connect().tasks()",
        )
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files = folder_files(ours, "gleaner")
    package = (getattr(module, "__package__", None) or "").partition(".")[0]
    if package:
        top = os.path.dirname(os.path.abspath(inspect.getfile(sys.modules[package])))
        files.update(folder_files(top, package))
        return f"{local.__module__}:{local.__name__}.local", files
    with open(file, "rb") as opened:
        files[os.path.basename(file)] = opened.read()
    return f"{os.path.basename(file)}:{local.__name__}.local", files
