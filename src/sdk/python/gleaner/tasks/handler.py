"""What workers of tasks run; this file is their bundle, with the package that pickles functions."""

import pickle
import traceback
from typing import Any, Tuple


def run(payload: bytes) -> bytes:
    """A task is a function with its arguments, its outcome a value or an exception, all pickled."""
    function, args, kwargs = pickle.loads(payload)
    outcome: Tuple[Any, Any, str]
    try:
        outcome = (function(*args, **kwargs), None, "")
    except Exception as error:
        beyond_here = error.__traceback__.tb_next if error.__traceback__ else None
        trace = traceback.format_exception(type(error), error, beyond_here)
        outcome = (None, error, "".join(trace))
        try:
            pickle.loads(pickle.dumps(outcome))
        except Exception:
            # What cannot be made again at the other end is told as any function's exception is.
            raise error from None
    return pickle.dumps(outcome, protocol=pickle.HIGHEST_PROTOCOL)
