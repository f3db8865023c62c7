"""A map: one call for each input, and how each ended, in the order of the inputs."""

from __future__ import annotations

from typing import Any, Dict, Generator, Iterable, Iterator, Optional, Sized

from ..api.client import MAX_WAIT_MS, Api
from ..api.repeat import patiently
from ..errors import CallError, GleanerError
from .contents import result_of
from .deadline import milliseconds
from .feed import Feed, Part

#: The most inputs that are read and whose results were not taken, if their number is not known.
_DEFAULT_WINDOW = 4_000
_GAVE_UP = "gleanerd did not answer for 10 minutes: the calls stay in its queue (glean queue --me)"


class MapResult:
    """How one call of a map ended."""

    def __init__(self, index: int, id: str, value: Any, error: Optional[Exception]) -> None:
        self.index = index
        self.id = id
        self.value = value
        #: None if the call has a result, which may be None.
        self.error = error

    def result(self) -> Any:
        """The value; raises the error if there is one."""
        if self.error is not None:
            raise self.error
        return self.value


def map_calls(
    api: Api,
    function: str,
    inputs: Iterable[object],
    window: Optional[int],
    time_limit: Optional[float],
) -> Generator[MapResult, None, None]:
    """Leaving the loop early cancels the calls that have not ended."""
    if window is None:
        window = max(1, len(inputs)) if isinstance(inputs, Sized) else _DEFAULT_WINDOW
    feed = Feed(api, function, inputs, window, milliseconds(time_limit))
    part: Optional[Part] = None
    try:
        for part in iter(feed.next_part, None):
            given = 0
            for outcome in _outcomes_of(api, part):
                feed.taken()
                given += 1
                yield _result_in(api, part, outcome)
            # Results that were removed for their age are omitted.
            feed.taken(part.count - given)
            part = None
    finally:
        left = ([] if part is None else [part]) + feed.stop()
        if left:
            api.cancel([each.id for each in left])


def _outcomes_of(api: Api, part: Part) -> Iterator[Dict[str, Any]]:
    after, is_complete = 0, False
    while not is_complete:
        query = {"order": "input", "after": after}
        page = patiently(lambda: api.results(part.id, query, MAX_WAIT_MS), _GAVE_UP)
        yield from page["results"]
        after, is_complete = page["next"], page["isComplete"]


def _result_in(api: Api, part: Part, outcome: Dict[str, Any]) -> MapResult:
    task = outcome["task"]
    id = f"{part.id}_{task}"
    try:
        return MapResult(part.first + task, id, result_of(api, id, outcome), None)
    except (CallError, GleanerError) as error:
        return MapResult(part.first + task, id, None, error)
