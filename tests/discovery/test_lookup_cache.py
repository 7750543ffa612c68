"""The cache of look-ups: its bounds and lifetimes, concurrent callers, failures."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.discovery.sources.errors import DiscoveryError, SourceUnavailableError
from app.discovery.sources.lookup_cache import LookupCache
from tests.discovery.conftest import TEST_SECONDS, Clock


def cache(
    max_entries: int = 10, max_bytes: int = 100, *, now: Clock | None = None, lifetime: float = 60, negative: float = 60
) -> LookupCache[str, bytes]:
    return LookupCache(
        lifetime=timedelta(seconds=lifetime),
        negative_lifetime=timedelta(seconds=negative),
        max_entries=max_entries,
        max_bytes=max_bytes,
        size_of=len,
        now=now or (lambda: datetime(2026, 3, 11, tzinfo=UTC)),
    )


class Source:
    """Gives a name's bytes: as many as it says, none for `nothing`. Fails with `error` while there is one."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: Exception | None = None

    async def __call__(self, name: str) -> bytes | None:
        self.asked.append(name)
        if self.error:
            raise self.error
        return None if name == "nothing" else bytes(int(name))


async def test_no_more_bytes_than_so_many() -> None:
    source, values = Source(), cache(10, 100)
    for name in ("60", "30", "60", "20", "nothing"):
        await values.get(name, source)

    assert [name for name in ("60", "30", "20", "nothing") if values.is_fresh(name)] == ["60", "20", "nothing"]
    assert source.asked == ["60", "30", "20", "nothing"]


async def test_no_more_values_than_so_many() -> None:
    source, values = Source(), cache(2, 100)
    for name in ("1", "nothing", "1", "2", "nothing"):
        await values.get(name, source)

    assert source.asked == ["1", "nothing", "2", "nothing"]


async def test_one_that_is_too_large_is_given_and_not_cached() -> None:
    values = cache(2, 100)

    assert await values.get("101", Source()) == bytes(101)
    assert not values.is_fresh("101")


async def test_another_value_takes_the_place_of_one() -> None:
    values = cache(2, 100)
    await values.get("90", Source())
    values.put("90", b"")
    await values.get("100", Source())

    assert values.is_fresh("90")
    assert values.is_fresh("100")


def test_a_value_that_is_peeked_at_is_used() -> None:
    values = cache(10, 100)
    for key in "abc":
        values.put(key, bytes(40))
    assert [key for key in "abc" if values.peek(key)] == ["b", "c"]
    values.peek("b")
    values.put("d", bytes(40))
    assert [key for key in "abcd" if values.peek(key)] == ["b", "d"]
    values.put("b", bytes(60))
    assert [key for key in "abcd" if values.peek(key)] == ["b", "d"]
    values.put("e", bytes(101))
    assert [key for key in "abcde" if values.peek(key)] == []
    values.put("f", bytes(100))
    assert values.peek("f")


def test_what_does_not_exist_is_bounded_in_number() -> None:
    clock = Clock()
    values = cache(2, now=clock)
    for key in ("a", "b", "a", "c"):
        values.put(key, None)
    assert [key for key in "abc" if values.is_fresh(key)] == ["a", "c"]
    clock.time += timedelta(seconds=60)
    assert not values.is_fresh("a")


@pytest.mark.parametrize(("name", "lifetime"), [("1", 20), ("nothing", 5)])
async def test_lifetimes(name: str, lifetime: int) -> None:
    clock, source = Clock(), Source()
    values = cache(now=clock, lifetime=20, negative=5)
    await values.get(name, source)
    clock.time += timedelta(seconds=lifetime - 1)
    await values.get(name, source)
    assert source.asked == [name]
    clock.time += timedelta(seconds=1)
    await values.get(name, source)
    assert source.asked == [name, name]


async def test_a_failure_gives_the_expired_value_and_is_not_cached() -> None:
    clock, source, values = Clock(), Source(), cache()
    source.error = SourceUnavailableError("away")
    with pytest.raises(DiscoveryError, match="away"):
        await values.get("1", source)
    source.error = None
    values = cache(now=clock)
    await values.get("1", source)
    clock.time += timedelta(seconds=60)
    source.error = SourceUnavailableError("away")

    assert await values.get("1", source) == bytes(1)
    assert not values.is_fresh("1")


async def test_one_look_up_for_all_that_ask_at_once_outlives_those_that_leave() -> None:
    values, go_on, asked = cache(), asyncio.Event(), 0

    async def look_up(_: str) -> bytes:
        nonlocal asked
        asked += 1
        await go_on.wait()
        return b"found"

    waiting = [asyncio.create_task(values.get("a", look_up)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    go_on.set()
    async with asyncio.timeout(TEST_SECONDS):
        results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [isinstance(results[0], asyncio.CancelledError), *results[1:]] == [True, b"found", b"found"]
    assert (asked, values.peek("a")) == (1, b"found")


async def test_closing_cancels_look_ups() -> None:
    values = cache()
    waiting = asyncio.create_task(values.get("a", lambda _: asyncio.Future()))
    await asyncio.sleep(0)
    await values.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
