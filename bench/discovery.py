"""Queries of an index of 10,000 packages: search, filter, sort and page, from memory. Runs in a process of its own."""

import random
import string
import time
from datetime import UTC, datetime, timedelta
from statistics import median

from app.discovery.index.entries import Entry, GitHubMetadata
from app.discovery.index.search import Index, IndexQuery

BUILT_AT = datetime(2026, 3, 1, tzinfo=UTC)
REPEAT = 200

# Query, and how many entries are passed over: the first page is the easiest.
QUERIES = {
    "first page of all": (IndexQuery(), 0),
    "verified, by stars, deep page": (IndexQuery(verified=True, sort="stars"), 3000),
    "a rare word": (IndexQuery(q="zebra"), 0),
    "a word that all have": (IndexQuery(q="flet"), 0),
    "a word that all have, last page": (IndexQuery(q="flet"), 9990),
    "two beginnings of many words": (IndexQuery(q="s a"), 0),
    "word, topic, two flags, by trend": (
        IndexQuery(q="s", topic="topic-3", verified=True, new=False, sort="trending"),
        50,
    ),
    "nothing but exclusions": (IndexQuery(official=False, verified=False, new=False, sort="name"), 0),
}


def make_index(entries: int) -> Index:
    """An index of made-up packages; the same number gives the same ones."""
    rng = random.Random(3)
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 9))) for _ in range(5000)] + ["zebra"]

    def entry(number: int) -> Entry:
        return Entry(
            name=f"flet-{rng.choice(words)}-{number}",
            display_name=f"package {number}",
            summary=" ".join(["flet", *rng.choices(words, k=10)]),
            topics=["flet", *(f"topic-{n}" for n in rng.choices(range(50), k=3))],
            keywords=rng.choices(words, k=4),
            github=GitHubMetadata("a/b", rng.randrange(10_000), 1, 1, archived=False, pushed_at=BUILT_AT),
            downloads=rng.randrange(1_000_000),
            trend=rng.random() * 3,
            created_at=BUILT_AT - timedelta(hours=rng.randrange(50_000)),
            updated_at=BUILT_AT - timedelta(hours=rng.randrange(5_000)),
            official=number % 50 == 0,
            verified=number % 3 == 0,
            new=number % 20 == 0,
        )

    return Index(map(entry, range(entries)), BUILT_AT)


def measure(entries: int) -> dict[str, float]:
    """The median seconds of each query."""
    index = make_index(entries)
    return {name: _median_seconds(index, query, offset) for name, (query, offset) in QUERIES.items()}


def _median_seconds(index: Index, query: IndexQuery, offset: int) -> float:
    times = []
    for _ in range(REPEAT):
        started = time.perf_counter()
        index.find(query, offset, 10)
        times.append(time.perf_counter() - started)
    return median(times)
