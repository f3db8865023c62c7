"""What this package raises: refusals of the platform, and calls that have no result."""

from __future__ import annotations

from typing import Optional


class GleanerError(Exception):
    """One sentence that says what to do, and a code for programs, such as `NOT_ALLOWED`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RefusedForNowError(GleanerError):
    """gleanerd did not carry out the request, and says when to send it again."""

    def __init__(self, code: str, message: str, retry_after_s: float) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class BrokenOffError(GleanerError):
    """gleanerd may have carried out the request: the connection broke after it was sent."""

    def __init__(self, message: str) -> None:
        super().__init__("UNREACHABLE", message)


class DeadlineError(GleanerError, TimeoutError):
    """The time that the caller gave is over."""

    def __init__(self, message: str) -> None:
        super().__init__("DEADLINE", message)


class LeaseLostError(GleanerError):
    """The connection to a worker broke while it had the call, which may have run."""

    def __init__(self, message: str) -> None:
        super().__init__("LEASE_LOST", message)


class CallError(Exception):
    """An accepted call that has no result.

    Codes: FUNCTION (the handler raised), NOT_LOADED (its code could not be loaded), TIMEOUT,
    OUT_OF_MEMORY, CANCELLED, FAILED (the platform could not run it, as `message` says) and
    RESULT_REMOVED (it completed, and its result was removed for its age).
    """

    def __init__(self, code: str, id: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        #: The call's id, such as 42 or 42_7.
        self.id = id
        self.message = message


#: What a result raises that is not what its content type says.
UNREADABLE = (ValueError, ArithmeticError, RecursionError)


def unreadable(id: str, why: Exception) -> CallError:
    return CallError("FAILED", id, f"call {id}: its result cannot be read ({why})")


class FunctionError(CallError):
    """An exception of the function's code; its traceback there is the cause of this one."""

    def __init__(
        self, id: str, type: str, message: str, stack: Optional[str], code: str = "FUNCTION"
    ) -> None:
        super().__init__(code, id, message)
        #: The class of the exception in its own language.
        self.type = type
        #: Frames of the function's code; None if its language gave none.
        self.remote_stack = stack
        if stack:
            self.__cause__ = RemoteTraceback(stack)

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


class NotLoadedError(FunctionError):
    """The function's code could not be loaded, so that no handler ran."""

    def __init__(self, id: str, type: str, message: str, stack: Optional[str]) -> None:
        super().__init__(id, type, message, stack, "NOT_LOADED")


class RemoteTraceback(Exception):
    """Shows the frames of the function's code above those of the caller."""

    def __init__(self, stack: str) -> None:
        super().__init__(stack)
        self.stack = stack

    def __str__(self) -> str:
        return f'\n"""\n{self.stack.rstrip()}\n"""'
