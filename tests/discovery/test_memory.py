"""What the clients remember is bounded."""

from datetime import UTC, datetime, timedelta

from yarl import URL

from app.discovery.sources.etag_cache import ETagCache, Missing
from app.discovery.sources.http import SourceResponse


def answer(size: int) -> SourceResponse:
    """An answer with a body of so many bytes."""
    return SourceResponse(URL("http://127.0.0.1"), 200, {}, b"x" * size)


def test_answers_are_bounded_in_bytes() -> None:
    known = ETagCache(10, max_bytes=100)
    for key in "abc":
        known.put(key, answer(40))
    assert [key for key in "abc" if known.get(key)] == ["b", "c"]
    known.get("b")
    known.put("d", answer(40))
    assert [key for key in "abcd" if known.get(key)] == ["b", "d"]
    known.put("b", answer(60))
    assert [key for key in "abcd" if known.get(key)] == ["b", "d"]
    known.put("e", answer(101))
    assert [key for key in "abcde" if known.get(key)] == []
    known.put("f", answer(100))
    assert known.get("f")


def test_what_is_missing_is_bounded_in_number() -> None:
    now = datetime(2026, 3, 11, tzinfo=UTC)
    missing = Missing(60, 2, lambda: now)
    for key in ("a", "b", "a", "c"):
        missing.add(key)
    assert [key for key in "abc" if key in missing] == ["a", "c"]
    now += timedelta(seconds=60)
    assert "a" not in missing
