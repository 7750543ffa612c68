"""The index: an immutable set of entries in memory, with its sort orders and words computed when it is made.

A query is a few operations on sets of entry numbers; it takes well under a millisecond for 10,000 entries.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from datetime import datetime
from itertools import islice
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET

from app.discovery.index.entries import Entry
from app.discovery.index.prefix_index import PrefixIndex, tokenize

Sort = Literal["relevance", "stars", "downloads", "trending", "updated", "newest", "name"]

TOPIC_PREFIX = "topic:"
"""The prefix of a word in a query that names one whole topic."""

SMALL_RESULT_RATIO = 8
"""If fewer than one entry in so many matches, sorting the matches is faster than filtering all entries in order."""


class IndexQuery(msgspec.Struct, frozen=True):
    """A search, its filters and its order. None filters nothing."""

    q: str = ""
    topic: str | None = None
    official: bool | None = None
    verified: bool | None = None
    new: bool | None = None
    sort: Sort = "relevance"


class SearchResult(NamedTuple):
    """One page of the entries that match a query, and the number of all that do."""

    entries: list[Entry]
    total: int


class Index:
    """The entries of packages. They were looked up at `built_at`, their downloads at `counted_at`."""

    def __init__(self, entries: Iterable[Entry], built_at: datetime, counted_at: datetime | None = None) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: entry.name))
        self.built_at = built_at
        self.counted_at = counted_at
        self._numbers = {entry.name: number for number, entry in enumerate(self.entries)}
        self._orders = {sort: self._order(key) for sort, key in _SORT_KEYS.items()}
        self._ranks = {sort: _ranks(order) for sort, order in self._orders.items()}
        self._flags = {
            flag: frozenset(n for n, entry in enumerate(self.entries) if getattr(entry, flag))
            for flag in ("official", "verified", "new")
        }
        self._topics: dict[str, set[int]] = {}
        for number, entry in enumerate(self.entries):
            for topic in entry.topics:
                self._topics.setdefault(topic.lower(), set()).add(number)
        names = [(entry.name, entry.display_name) for entry in self.entries]
        tags = [(*name, *entry.topics, *entry.keywords) for name, entry in zip(names, self.entries, strict=True)]
        self._names = PrefixIndex(names)
        self._tags = PrefixIndex(tags)
        self._words = PrefixIndex([(*tag, entry.summary or "") for tag, entry in zip(tags, self.entries, strict=True)])

    def get(self, name: str) -> Entry | None:
        """The entry of a package, by its normalised name."""
        number = self._numbers.get(name)
        return None if number is None else self.entries[number]

    def find(self, query: IndexQuery, offset: int, limit: int) -> SearchResult:
        """At most `limit` matching entries from `offset` on, in the order of the query."""
        words, topics = _parts(query)
        matches = self._matches(query, words, topics)
        total = len(self.entries) if matches is None else len(matches)
        if matches is not None and words and query.sort == "relevance":
            numbers: Iterable[int] = self._by_relevance(query.q, words, matches)
        else:
            numbers = self._in_order("downloads" if query.sort == "relevance" else query.sort, matches)
        return SearchResult([self.entries[number] for number in islice(numbers, offset, offset + limit)], total)

    def _matches(self, query: IndexQuery, words: Sequence[str], topics: Sequence[str]) -> Set[int] | None:
        """The numbers of the entries that match; None if all do."""
        required: list[Set[int]] = [self._topics.get(topic, frozenset()) for topic in topics]
        excluded: list[Set[int]] = []
        for flag, flagged in self._flags.items():
            wanted = getattr(query, flag)
            if wanted is not None:
                (required if wanted else excluded).append(flagged)
        if words:
            required.append(self._words.find(words))
        if not required and not excluded:
            return None
        # The smallest first: an intersection takes time in proportion to its smaller side.
        required.sort(key=len)
        matches: Set[int] = required[0] if required else set(range(len(self.entries)))
        for numbers in required[1:]:
            matches = matches & numbers
        for numbers in excluded:
            matches = matches - numbers
        return matches

    def _by_relevance(self, q: str, words: Sequence[str], matches: Set[int]) -> Iterator[int]:
        """The package of that name; then matches in names; in names, topics and keywords; in summaries."""
        exact = self._numbers.get("-".join(tokenize(q)))
        if exact is not None and exact in matches:
            yield exact
            matches = matches - {exact}
        for tier in (self._names, self._tags):
            tier_matches = tier.find(words, among=matches)
            yield from self._in_order("downloads", tier_matches)
            matches = matches - tier_matches
        yield from self._in_order("downloads", matches)

    def _in_order(self, sort: str, matches: Set[int] | None) -> Iterable[int]:
        order = self._orders[sort]
        if matches is None:
            return order
        if len(matches) * SMALL_RESULT_RATIO < len(order):
            return sorted(matches, key=self._ranks[sort].__getitem__)
        return filter(matches.__contains__, order)

    def _order(self, key: Callable[[Entry], Any]) -> list[int]:
        # Sorting is stable: entries with equal keys stay in the order of their names.
        return sorted(range(len(self.entries)), key=lambda number: key(self.entries[number]))


def _parts(query: IndexQuery) -> tuple[list[str], list[str]]:
    words: list[str] = []
    topics = [query.topic.lower()] if query.topic is not None else []
    for part in query.q.lower().split():
        if part.startswith(TOPIC_PREFIX):
            topics.append(part.removeprefix(TOPIC_PREFIX))
        else:
            # A part without a letter or digit stays, and matches no entry.
            words += tokenize(part) or [part]
    return words, topics


def _ranks(order: Sequence[int]) -> list[int]:
    ranks = [0] * len(order)
    for rank, number in enumerate(order):
        ranks[number] = rank
    return ranks


def _descending(value: float | None) -> float:
    """A sort key: the largest first, unknown values last."""
    return float("inf") if value is None else -value


def _latest_first(time: datetime | None) -> float:
    return _descending(None if time is None else time.timestamp())


_SORT_KEYS: dict[str, Callable[[Entry], Any]] = {
    "stars": lambda entry: _descending(entry.github.stars if entry.github else None),
    "downloads": lambda entry: _descending(entry.downloads),
    "trending": lambda entry: _descending(None if entry.trend is UNSET else entry.trend),
    "updated": lambda entry: _latest_first(entry.updated_at),
    "newest": lambda entry: _latest_first(entry.created_at),
    "name": lambda entry: entry.name,
}
