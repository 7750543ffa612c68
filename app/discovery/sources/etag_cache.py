"""What GitHub and PyPI answered before: bodies by their ETags, so that a 304 is enough; and what is not there."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta

from app.discovery.sources.http import SourceResponse

MAX_BYTES = 64 * 1024 * 1024


class ETagCache:
    """Answers that have an ETag, bounded in number and in bytes of their bodies; least recently used out first."""

    def __init__(self, max_entries: int, max_bytes: int = MAX_BYTES) -> None:
        self._answers: OrderedDict[Hashable, SourceResponse] = OrderedDict()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0

    def get(self, key: Hashable) -> SourceResponse | None:
        """What was put last, unless it had to go."""
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def put(self, key: Hashable, answer: SourceResponse) -> None:
        """Keep an answer, in place of an older one."""
        self.forget(key)
        self._answers[key] = answer
        self._bytes += len(answer.body)
        while len(self._answers) > self._max_entries or self._bytes > self._max_bytes:
            self.forget(next(iter(self._answers)))

    def forget(self, key: Hashable) -> None:
        """Drop an answer, if there is one."""
        if answer := self._answers.pop(key, None):
            self._bytes -= len(answer.body)


class Missing:
    """What was not there when we asked, for so many seconds; bounded, oldest out first."""

    def __init__(self, seconds: float, max_entries: int, now: Callable[[], datetime]) -> None:
        self._until: OrderedDict[Hashable, datetime] = OrderedDict()
        self._span = timedelta(seconds=seconds)
        self._max_entries = max_entries
        self._now = now

    def add(self, key: Hashable) -> None:
        """Remember that there is no such thing."""
        self._until[key] = self._now() + self._span
        self._until.move_to_end(key)
        if len(self._until) > self._max_entries:
            self._until.popitem(last=False)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._until and self._until[key] > self._now()
