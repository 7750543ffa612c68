"""Random events go in through a file, and an oracle that shares no code with the app must agree with every answer."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.dataset import NOON, Dataset
from tests.support.events import event
from tests.support.oracle import FILTERS, Answer, Oracle, published, usable, utc_day
from tests.support.scale import sized

Events = list[dict[str, Any]]
Query = dict[str, str]

# A Monday that is the first of a month; a day of the week and the month like any other; the first days of a year, so
# that a window has parts of two; a leap day.
NEWEST_DAYS = [date(2025, 9, 1), date(2026, 3, 11), date(2026, 1, 2), date(2024, 2, 29)]
# Days back from the newest: the edges of the day, the week, the month and the window, and the days outside each.
DAYS_BACK = [0, 1, 5, 6, 7, 28, 29, 30, 178, 179, 180, 400]
TIMES = [timedelta(0), timedelta(microseconds=1), timedelta(hours=12), timedelta(days=1, microseconds=-1)]
ZONES = [timezone(timedelta(hours=hours)) for hours in (-8, 0, 5.5, 14)]

SPELLINGS = {"numpy": ["numpy", "NumPy"], "a-b": ["a-b", "A.b", "a_-_B"], "null": ["null"], "0": ["0"]}
PROJECTS = [
    *(spelling for spellings in SPELLINGS.values() for spelling in spellings),
    "-bad",
    "bad_",
    "b d",
    "n\u00fcmpy",
    "",
    None,
]
INSTALLERS = [
    "pip",
    "uv",
    "pip",
    "Browser",
    "requests",
    "Nexus",
    "pep381client",
    "bandersnatch",
    "z3c.pypimirror",
    "Artifactory",
    "devpi",
    "Devpi",
    None,
    "",
]
PYTHONS = ["3.13.1", "3.9.1", "3.10", "2.7", "3.13.0rc1", None, "", "3", "3.", "abc", "10.1", " 3.8", "3.x", "9.99.9"]
SYSTEMS = ["Linux", "Windows", "Darwin", "linux", "FreeBSD", "null", "other", "", None]
COUNTRIES = ["US", "us", "de", "DE", None, ""]
VERSIONS = ["1.0", "2.0rc1", "1.0+local", 'ü, "1"', None, ""]
FILE_TYPES = ["bdist_wheel", "sdist", "bdist_egg", None]
FILENAMES = [
    "numpy-1.0-py3-none-any.whl",
    "numpy-1.0-cp313-cp313t-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "numpy-1.0-1-cp313-ABI3.none-win_amd64.whl",
    "numpy-1.0-any.whl",
    "numpy-1.0.tar.gz",
    "numpy-1.0.exe",
    "",
    None,
]
PROCESSORS = ["x86_64", "AMD64", "aarch64", "arm64", "i586", "s390x", "", None]
LIBCS = [
    ("glibc", "2.39"),
    ("glibc", "2.17.1"),
    ("musl", "1"),
    ("musl", None),
    ("glibc", ""),
    (None, "2.1"),
    (None, None),
]
DISTROS = [
    ("Ubuntu", "24.04.1"),
    ("macOS", "15.1"),
    ("Alpine Linux", "3.20.3"),
    ("Debian GNU/Linux", "12"),
    ("x", None),
]
DISTROS += [("", "1"), (None, "1"), (None, None)]
ORIGINS = ["mirror", "ci", "installer", "browser", "other", "null"]
IMPLEMENTATIONS = ["CPython", "PyPy", "", None]


def written(instant: datetime, style: str, zone: timezone) -> str:
    """A timestamp as one exporter or another writes it."""
    if style == "bigquery":
        return instant.strftime("%Y-%m-%d %H:%M:%S.%f UTC" if instant.microsecond else "%Y-%m-%d %H:%M:%S UTC")
    if style == "z":
        return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return instant.astimezone(zone).isoformat()


@st.composite
def timestamps(draw: st.DrawFn, newest: date) -> str:
    """An instant on a day that matters."""
    day = newest - timedelta(days=draw(st.sampled_from(DAYS_BACK)))
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC) + draw(st.sampled_from(TIMES))
    return written(instant, draw(st.sampled_from(["bigquery", "z", "offset"])), draw(st.sampled_from(ZONES)))


def events_until(newest: date) -> st.SearchStrategy[Events]:
    """One file's events; one of them, at least, counts somewhere, as a file without any is refused."""
    one = st.builds(
        event,
        timestamps(newest),
        st.sampled_from(PROJECTS),
        installer=st.sampled_from(INSTALLERS),
        python=st.sampled_from(PYTHONS),
        system=st.sampled_from(SYSTEMS),
        country=st.sampled_from(COUNTRIES),
        version=st.sampled_from(VERSIONS),
        file_type=st.sampled_from(FILE_TYPES),
        filename=st.sampled_from(FILENAMES),
        installer_version=st.sampled_from(["25.3", "25.3.1", "25", "", None]),
        ci=st.sampled_from([True, False, None]),
        cpu=st.sampled_from(PROCESSORS),
        libc=st.sampled_from(LIBCS),
        distro=st.sampled_from(DISTROS),
        implementation=st.sampled_from(IMPLEMENTATIONS),
    )
    return st.lists(one, min_size=1, max_size=60).map(
        lambda events: events if any(map(usable, events)) else [*events, event(events[0]["timestamp"])]
    )


@st.composite
def loads(draw: st.DrawFn) -> list[Events]:
    """The calls of `ingest`: one, or a second one for other days, or a second one that replaces some."""
    newest = draw(st.sampled_from(NEWEST_DAYS))
    first = draw(events_until(newest))
    kind = draw(st.sampled_from(["one", "two", "replace"]))
    if kind == "one":
        return [first]
    second = draw(events_until(newest))
    if kind == "replace":
        return [first, second]
    taken = {utc_day(e["timestamp"]) for e in first}
    others = [e for e in second if utc_day(e["timestamp"]) not in taken]
    return [first, others] if any(map(usable, others)) else [first]


def queries(oracle: Oracle, dimension: str) -> st.SearchStrategy[Query]:
    """What one can ask of a series: a filter, a window about its edges, a granularity, a format."""
    values = {category for _, d, category, _ in oracle.counts if d == dimension and category} | {"nosuch", "null"}
    fixed = {
        "overall": ["true", "false"],
        "origin": ["mirror", "CI", "installer", "Browser", "other", "null"],
        "system": ["Windows", "LINUX", "darwin", "Other", "null", "NULL"],
        "country": [*values, "us", "Us"],
    }
    days = st.sampled_from(DAYS_BACK).map(lambda back: (oracle.newest - timedelta(days=back - 1)).isoformat())
    query = st.fixed_dictionaries(
        {},
        optional={
            FILTERS[dimension]: st.sampled_from(sorted(fixed.get(dimension, values))),
            "start_date": days,
            "end_date": days,
            "granularity": st.sampled_from(["day", "week", "month"]),
            "format": st.sampled_from(["json", "csv"]),
        },
    )
    return query.filter(lambda q: q.get("start_date", "") <= q.get("end_date", "9"))


@pytest.mark.large
@settings(
    max_examples=sized(10, 40),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(calls=loads(), data=st.data())
def test_every_answer_is_the_oracles(
    make_dataset: Callable[[], Dataset], calls: list[Events], data: st.DataObject
) -> None:
    dataset = make_dataset()
    for call in calls:
        dataset.load(call, replace=True)
    oracle = Oracle(published(*calls))
    with dataset.client(now=NOON + timedelta(days=1)) as client:

        def check(path: str, query: Mapping[str, str | list[str] | int], expected: Answer) -> None:
            url = f"{path}?{urlencode(query, doseq=True)}"
            assert outcome(client.get(url)) == expected, url

        names = [data.draw(st.sampled_from(spellings)) for spellings in SPELLINGS.values()]
        names += ["__all__", "unknown"]
        check_packages(check, oracle, ["__all__", *data.draw(st.lists(st.sampled_from(names), max_size=2))])
        check_series(check, oracle, names, data)
        check_rankings(check, oracle, data)


def outcome(response: httpx.Response) -> Answer:
    """An answer in the oracle's form."""
    if response.status_code != 200:
        return response.status_code, None
    is_json = response.headers["content-type"] == "application/json"
    return 200, response.json() if is_json else response.content.decode()


Check = Callable[[str, Mapping[str, str | list[str] | int], Answer], None]


def check_packages(check: Check, oracle: Oracle, names: Iterable[str]) -> None:
    """Everything that is asked of a package without a choice: both kinds of recent, every period, the summary."""
    for name in names:
        path = f"/api/packages/{quote(name)}"
        for mirrors in ("true", "false"):
            check(f"{path}/recent", {"mirrors": mirrors}, oracle.recent(name, mirrors=mirrors))
        for period in ("day", "week", "month"):
            check(f"{path}/recent", {"period": period}, oracle.recent(name, period))
        for origin in ORIGINS:
            check(f"{path}/recent", {"origin": origin}, oracle.recent(name, origin=origin))
            check(f"{path}/overall", {"origin": origin}, oracle.series(name, "overall", {"origin": origin}))
        check(f"{path}/summary", {}, oracle.summary(name))
        check(f"{path}/profile", {}, oracle.profile(name))
        for dimension in FILTERS:
            check(f"{path}/{dimension}", {}, oracle.series(name, dimension, {}))


def check_series(check: Check, oracle: Oracle, names: list[str], data: st.DataObject) -> None:
    """Every series, with choices of filter, window, granularity and format."""
    for dimension in FILTERS:
        for query in data.draw(st.lists(queries(oracle, dimension), min_size=4, max_size=4)):
            name = data.draw(st.sampled_from([*names, "__all__", "__all__"]))
            check(f"/api/packages/{name}/{dimension}", query, oracle.series(name, dimension, query))


def check_rankings(check: Check, oracle: Oracle, data: st.DataObject) -> None:
    """What is asked of many packages."""
    for period in ("day", "week", "month"):
        limit, offset = data.draw(st.integers(1, 5)), data.draw(st.integers(0, 3))
        check("/api/top", {"period": period}, oracle.top(period))
        origin = data.draw(st.sampled_from(ORIGINS))
        check("/api/top", {"period": period, "origin": origin}, oracle.top(period, origin=origin))
        check("/api/top", {"period": period, "limit": limit, "offset": offset}, oracle.top(period, limit, offset))
    for prefix in ("n", "A_", "0", "zzz"):
        check("/api/search", {"q": prefix}, oracle.search(prefix))
    check("/api/search", {"q": "n", "limit": 1}, oracle.search("n", 1))
    batch = data.draw(st.lists(st.sampled_from(["NumPy", "numpy", "a.b", "0", "null", "nope", "__all__"]), min_size=1))
    check("/api/recent", {"package": batch}, oracle.recent_of_many(batch))
    for origin in ORIGINS:
        check("/api/recent", {"package": batch, "origin": origin}, oracle.recent_of_many(batch, origin))
