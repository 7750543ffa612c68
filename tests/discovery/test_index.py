"""The index: search, filters, orders, pages."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import UNSET

from app.discovery.index.entries import Entry, GitHubMetadata
from app.discovery.index.search import Index, IndexQuery

BUILT_AT = datetime(2026, 3, 11, 12, tzinfo=UTC)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def stars(number: int) -> GitHubMetadata:
    return GitHubMetadata("a/b", number, 0, 0, archived=False, pushed_at=None)


def entry(name: str, **values: Any) -> Entry:
    return Entry(name=name, display_name=name, **values)


INDEX = Index(
    [
        entry("flet", summary="Apps in Python", downloads=900, github=stars(9), official=True, verified=True),
        entry(
            "flet-audio",
            summary="Audio control for apps",
            topics=("flet", "audio"),
            downloads=50,
            trend=2.0,
            github=stars(2),
            created_at=day(3),
            updated_at=day(4),
            official=True,
            verified=True,
        ),
        entry(
            "sound",
            summary="Plays whatever audio there is",
            keywords=("Musik",),
            downloads=800,
            trend=0.5,
            github=stars(5),
            created_at=day(1),
            updated_at=day(5),
            verified=True,
        ),
        entry("tunes", topics=("audio-player",), downloads=None, created_at=day(2), updated_at=day(1), new=True),
        entry("zzz", summary="An aud-io-phile thing", downloads=0, trend=UNSET, new=True),
    ],
    BUILT_AT,
)


def names(query: IndexQuery, offset: int = 0, limit: int = 10) -> list[str]:
    found, total = INDEX.find(query, offset, limit)
    assert offset or limit < 10 or total == len(found)
    return [entry.name for entry in found]


def test_all_are_found_by_downloads_without_words() -> None:
    assert names(IndexQuery()) == ["flet", "sound", "flet-audio", "zzz", "tunes"]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        # in the name; in a topic; in the summary
        ("audio", ["flet-audio", "tunes", "sound"]),
        ("AUDIO", ["flet-audio", "tunes", "sound"]),
        ("aud", ["flet-audio", "tunes", "sound", "zzz"]),
        # exactly this name, then most downloaded first
        ("flet", ["flet", "flet-audio"]),
        ("flet audio", ["flet-audio"]),
        ("flet-audio", ["flet-audio"]),
        ("apps audio", ["flet-audio"]),
        ("musik", ["sound"]),
        ("topic:audio", ["flet-audio"]),
        ("TOPIC:Audio control", ["flet-audio"]),
        ("topic:audio topic:flet", ["flet-audio"]),
        ("topic:aud", []),
        ("topic:", []),
        ("udio", []),
        ("audio nowhere", []),
        ("?!", []),
        ("   ", ["flet", "sound", "flet-audio", "zzz", "tunes"]),
    ],
)
def test_words(q: str, expected: list[str]) -> None:
    assert names(IndexQuery(q=q)) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("stars", ["flet", "sound", "flet-audio", "tunes", "zzz"]),
        ("downloads", ["flet", "sound", "flet-audio", "zzz", "tunes"]),
        ("trending", ["flet-audio", "sound", "flet", "tunes", "zzz"]),
        ("updated", ["sound", "flet-audio", "tunes", "flet", "zzz"]),
        ("newest", ["flet-audio", "tunes", "sound", "flet", "zzz"]),
        ("name", ["flet", "flet-audio", "sound", "tunes", "zzz"]),
    ],
)
def test_orders_have_what_is_not_known_last_and_equals_by_name(sort: Any, expected: list[str]) -> None:
    assert names(IndexQuery(sort=sort)) == expected
    assert names(IndexQuery(q="audio", sort=sort)) == [
        name for name in expected if name in {"flet-audio", "sound", "tunes"}
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (IndexQuery(official=True), ["flet", "flet-audio"]),
        (IndexQuery(official=False), ["sound", "zzz", "tunes"]),
        (IndexQuery(verified=True, official=False), ["sound"]),
        (IndexQuery(new=True), ["zzz", "tunes"]),
        (IndexQuery(new=True, verified=True), []),
        (IndexQuery(topic="audio"), ["flet-audio"]),
        (IndexQuery(topic="AUDIO"), ["flet-audio"]),
        (IndexQuery(topic="nothing"), []),
        (IndexQuery(q="audio", topic="audio-player", new=True, sort="stars"), ["tunes"]),
    ],
)
def test_filters(query: IndexQuery, expected: list[str]) -> None:
    assert names(query) == expected


def test_pages() -> None:
    assert names(IndexQuery(sort="name"), 0, 2) == ["flet", "flet-audio"]
    assert names(IndexQuery(sort="name"), 4, 2) == ["zzz"]
    assert INDEX.find(IndexQuery(q="audio"), 2, 2) == ([INDEX.get("sound")], 3)
    assert INDEX.find(IndexQuery(), 5, 2) == ([], 5)


def test_many_matches_and_few_are_ordered_alike() -> None:
    entries = [entry(f"p-{n:03}", downloads=n % 7, topics=("even",) if n % 2 == 0 else ()) for n in range(200)]
    index = Index(entries, BUILT_AT)
    by_downloads = sorted(entries, key=lambda e: (-(e.downloads or 0), e.name))

    assert index.find(IndexQuery(q="p"), 0, 200)[0] == by_downloads
    assert index.find(IndexQuery(topic="even"), 0, 200)[0] == [e for e in by_downloads if e.topics]
    assert index.find(IndexQuery(q="p-01"), 0, 200)[0] == [e for e in by_downloads if e.name.startswith("p-01")]


def test_an_empty_index() -> None:
    index = Index([], BUILT_AT)

    assert index.find(IndexQuery(q="x", new=False), 0, 10) == ([], 0)
    assert index.get("x") is None
