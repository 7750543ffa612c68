"""What was looked up is kept within bounds, the values used last."""

from app.discovery.sources.lookup_cache import LookupCache


def lookups(max_entries: int, max_bytes: int, asked: list[str]) -> LookupCache[str, bytes]:
    """Looks up a name's bytes: as many as it says, none for `nothing`."""

    async def look_up(name: str) -> bytes | None:
        asked.append(name)
        return None if name == "nothing" else bytes(int(name))

    return LookupCache(look_up, max_entries=max_entries, max_bytes=max_bytes, size_of=len, seconds=60, none_seconds=60)


async def test_no_more_bytes_than_so_many() -> None:
    asked: list[str] = []
    kept = lookups(10, 100, asked)
    for name in ("60", "30", "60", "20", "nothing"):
        await kept.get(name)

    assert [name for name in ("60", "30", "20", "nothing") if kept.has(name)] == ["60", "20", "nothing"]
    assert asked == ["60", "30", "20", "nothing"]


async def test_no_more_values_than_so_many() -> None:
    asked: list[str] = []
    kept = lookups(2, 100, asked)
    for name in ("1", "nothing", "1", "2", "nothing"):
        await kept.get(name)

    assert asked == ["1", "nothing", "2", "nothing"]


async def test_one_that_is_too_large_is_given_and_not_kept() -> None:
    kept = lookups(2, 100, [])

    assert await kept.get("101") == bytes(101)
    assert not kept.has("101")


async def test_another_value_takes_the_place_of_one() -> None:
    kept = lookups(2, 100, [])
    await kept.get("90")
    kept.put("90", b"")
    await kept.get("100")

    assert kept.has("90")
    assert kept.has("100")
