"""Bad input is a 400 or a 404 that names the parameter and what it accepts; never a 500, and no query if avoidable.

What is refused before ClickHouse is asked is refused whichever it is: only what reaches it is asked of every backend.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from litestar.testing import TestClient

from tests.support import raw_http
from tests.support.answers import assert_bad, assert_unknown, body, series
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.queries import counted

NAME_RULE = "1 to 200 ASCII letters, digits, '.', '-' and '_', beginning and ending with a letter or digit, or __all__"
OF_A_PACKAGE = [
    "recent",
    "overall",
    "python_major",
    "python_minor",
    "system",
    "installer",
    "version",
    "country",
    "file_type",
    "summary",
]
SERIES = OF_A_PACKAGE[1:-1]
REAL_NAMES = ["null", "recent", "select", "0"]


@pytest.fixture(scope="module")
def loaded(make_dataset: Callable[[], Dataset]) -> Dataset:
    dataset = make_dataset()
    dataset.load(event(project=name) for name in ["numpy", *REAL_NAMES])
    return dataset


@pytest.fixture(scope="module")
def client(loaded: Dataset) -> Iterator[TestClient[Any]]:
    with loaded.client() as client:
        yield client


@pytest.fixture(scope="module")
def port(loaded: Dataset) -> Iterator[int]:
    with raw_http.served(loaded.app()) as port:
        yield port


IMPOSSIBLE = [
    " ",
    "a b",
    " numpy",
    "numpy ",
    ".",
    "..",
    "...",
    "-numpy",
    "numpy-",
    "_",
    "\0",
    "numpy\0",
    "numpy\n",
    "n\u00fcmpy",
    "\u212aeras",  # Kelvin sign: lower-cased, it is a k
    "\u0130nstall",
    "\u017fcipy",  # long s: upper-cased, it is an S
    "\U0001f40d",
    "a" * 201,
    "a" * 300,
    "-" * 300,
    "a,b",
    "a;b",
    "a'b",
    'a"b',
    "a\\b",
    "a%b",
    "*",
    "__ALL__",
    "__all",
    "_all_",
    "numpy'; DROP TABLE downloads_daily; --",
    "' OR 1=1 --",
    "{project:String}",
]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_name_is_400_and_costs_no_query(client: TestClient[Any], name: str) -> None:
    with counted(client.app) as queries:
        for endpoint in OF_A_PACKAGE:
            answer = client.get(f"/api/packages/{quote(name, safe='').replace('.', '%2E')}/{endpoint}")

            assert_bad(answer, f"package: {name[:80]!r} cannot be a package's name; accepted is {NAME_RULE}")
        batch = client.get("/api/recent", params={"package": ["numpy", name]})
        assert_bad(batch, f"package: {name[:80]!r} cannot be a package's name; accepted is {NAME_RULE}")
    assert set(queries) <= {"published"}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/api/packages//recent", 404),
        (b"/api/packages/ /recent", 400),
        (b"/api/packages/%20/recent", 400),
        (b"/api/packages/+/recent", 400),
        (b"/api/packages/../recent", 400),
        (b"/api/packages/%2e%2e/recent", 400),
        (b"/api/packages/../../health", 404),
        (b"/api/packages/%00/recent", 400),
        (b"/api/packages/numpy%00/recent", 400),
        (b"/api/packages/a%2fb/recent", 404),
        (b"/api/packages/a/b/recent", 404),
        (b"/api/packages/a%5cb/recent", 400),
        (b"/api/packages/" + b"a" * 300 + b"/recent", 400),
        (b"/api/packages/" + b"%61" * 300 + b"/recent", 400),
        (b"/api/packages/" + b"a" * 60_000 + b"/recent", 400),
        (b"/api/packages/n\xc3\xbcmpy/recent", 400),
        (b"/api/packages/n%C3%BCmpy/recent", 400),
        (b"/api/packages/\xff/recent", 400),
        (b"/api/packages/%ff/recent", 400),
        (b"/api/packages/%/recent", 400),
        (b"/api/packages/%zz/recent", 400),
        (b"/api/packages/%0d%0aX:%20y/recent", 400),
        (b"/api/packages/%2frecent", 404),
        (b"//api/packages/numpy", 404),
        (b"/api/packages//", 404),
        (b"*", 404),
        (b"/api/recent?package=%00", 400),
        (b"/api/recent?package=%ff", 400),
        (b"/api/recent?package=\xff", 400),
        (b"/api/recent?package=", 400),
        (b"/api/recent?package", 400),
        (b"/api/packages/numpy/system?os=%ff", 400),
        (b"/api/packages/numpy/system?os=%00", 400),
        (b"/api/packages/numpy/installer?installer=%00", 400),
        (b"/api/top?limit=%D9%A3%D9%A3", 400),
    ],
)
def test_raw_targets(port: int, target: bytes, status: int) -> None:
    answered, headers, content = raw_http.get(port, target)

    assert answered == status
    assert headers["content-type"] == "application/problem+json"
    problem = json.loads(content)
    assert (set(problem), problem["status"]) == ({"status", "title", "detail"}, status)
    named = ("package: ", "os: ", "installer: ", "limit: ", "package is required", "the request is not HTTP/1.1")
    assert problem["detail"].startswith(named if status == 400 else "there is nothing at this path")


@pytest.mark.parametrize(
    "target",
    [
        b"/api/packages/NumPy/recent",
        b"/api/packages/n%75mpy/recent",
        b"/api/packages/numpy/recent?&mirrors=false",
        b"/api/packages/numpy/recent?",
        b"/api/packages/numpy/recent?&&&",
        b"/api/packages/numpy/recent?=",
        b"/api/packages/numpy/recent?%00=%00&x=%ff",
    ],
)
def test_raw_targets_that_are_good(port: int, target: bytes) -> None:
    status, _, content = raw_http.get(port, target)

    assert (status, json.loads(content)) == (
        200,
        {"data": {"last_day": 1, "last_week": 1, "last_month": 1}, "package": "numpy", "type": "recent_downloads"},
    )


@pytest.mark.every_backend
@pytest.mark.parametrize("endpoint", OF_A_PACKAGE)
def test_an_unknown_name_is_404(client: TestClient[Any], endpoint: str) -> None:
    assert_unknown(client.get(f"/api/packages/No_Such.Package/{endpoint}"), "no-such-package")


@pytest.mark.every_backend
def test_names_at_the_limit_are_possible(client: TestClient[Any]) -> None:
    for name in ("a" * 200, "a" + "-" * 198 + "b"):
        assert client.get(f"/api/packages/{name}/recent").status_code == 404


@pytest.mark.every_backend
@pytest.mark.parametrize("name", REAL_NAMES)
def test_a_name_that_looks_reserved_is_real(client: TestClient[Any], name: str) -> None:
    path = f"/api/packages/{name}"
    recent = {"last_day": 1, "last_week": 1, "last_month": 1}

    assert body(client.get(f"{path}/recent")) == {"data": recent, "package": name, "type": "recent_downloads"}
    assert body(client.get(f"{path}/overall?mirrors=false")) == series("overall", name, "without_mirrors 2026-03-10 1")
    assert body(client.get(f"{path}/system")) == series("system", name, "Linux 2026-03-10 1")
    assert body(client.get(f"{path}/summary"))["totals"]["overall"] == 1
    assert body(client.get(f"/api/recent?package={name}"))["data"] == {name: recent}
    assert body(client.get(f"/api/search?q={name}"))["data"] == [{"package": name, "downloads": 1}]


RECENT = "/api/packages/numpy/recent"
OVERALL = "/api/packages/numpy/overall"
SYSTEM = "/api/packages/numpy/system"
PERIODS = "accepted is one of day, month, week"
SWITCH = "accepted is one of false, true"
SYSTEMS = "accepted is one of Darwin, Linux, Windows, null, other"
A_DATE = "accepted is a date that exists, written YYYY-MM-DD"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (f"{RECENT}?period=year", f"period: 'year' is not accepted; {PERIODS}"),
        (f"{RECENT}?period=", f"period: '' is not accepted; {PERIODS}"),
        (f"{RECENT}?period=day&period=week", f"period: 2 values is not accepted; {PERIODS}"),
        (f"{RECENT}?period=day&period=day", f"period: 2 values is not accepted; {PERIODS}"),
        (f"{RECENT}?mirrors=maybe", f"mirrors: 'maybe' is not accepted; {SWITCH}"),
        (f"{RECENT}?mirrors=1", f"mirrors: '1' is not accepted; {SWITCH}"),
        (f"{OVERALL}?mirrors=maybe", f"mirrors: 'maybe' is not accepted; {SWITCH}"),
        (f"{OVERALL}?mirrors=with_mirrors", f"mirrors: 'with_mirrors' is not accepted; {SWITCH}"),
        (f"{OVERALL}?mirrors=true&mirrors=false", f"mirrors: 2 values is not accepted; {SWITCH}"),
        (f"{SYSTEM}?os=BeOS", f"os: 'BeOS' is not accepted; {SYSTEMS}"),
        (f"{SYSTEM}?os=", f"os: '' is not accepted; {SYSTEMS}"),
        (f"{SYSTEM}?os=%20linux", f"os: ' linux' is not accepted; {SYSTEMS}"),
        (f"{SYSTEM}?os=' OR 1=1--", f'os: "\' OR 1=1--" is not accepted; {SYSTEMS}'),
        (f"{SYSTEM}?os={'x' * 300}", f"os: '{'x' * 79} is not accepted; {SYSTEMS}"),
    ],
)
def test_a_choice_that_there_is_not(client: TestClient[Any], path: str, detail: str) -> None:
    assert_bad(client.get(path), detail)


BAD_DATES = [
    "2026-02-30",
    "2025-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-1-1",
    "20260101",
    "2026-W10-1",
    "01.02.2026",
    "2026-03-01T00:00:00",
    "2026-03-01 ",
    "-2026-03-01",
    "10000-01-01",
    "0000-01-01",
    "today",
    "",
    "\u0662\u0660\u0662\u0666-03-01",
    "2026-03-01'",
    "\0",
]


@pytest.mark.parametrize("parameter", ["start_date", "end_date"])
@pytest.mark.parametrize("value", BAD_DATES)
def test_a_date_that_there_is_not(client: TestClient[Any], parameter: str, value: str) -> None:
    for dimension in SERIES:
        answer = client.get(f"/api/packages/numpy/{dimension}", params={parameter: value})

        assert_bad(answer, f"{parameter}: {value!r} is not accepted; {A_DATE}")


@pytest.mark.parametrize("dimension", SERIES)
def test_parameters_of_every_series(client: TestClient[Any], dimension: str) -> None:
    path = f"/api/packages/numpy/{dimension}"

    assert_bad(
        client.get(f"{path}?start_date=2026-03-10&end_date=2026-03-09"),
        "start_date: 2026-03-10 is after end_date, 2026-03-09",
    )
    assert_bad(
        client.get(f"{path}?granularity=year"),
        "granularity: 'year' is not accepted; accepted is one of day, month, week",
    )
    assert_bad(
        client.get(f"{path}?format=xml"), "format: 'xml' is not accepted; accepted is one of csv, json, spreadsheet"
    )
    assert_bad(
        client.get(f"{path}?start_date=2026-03-01&start_date=2026-03-02"),
        f"start_date: 2 values is not accepted; {A_DATE}",
    )


TEXTS = {
    "python_major": "version",
    "python_minor": "version",
    "installer": "installer",
    "version": "version",
    "country": "country",
    "file_type": "type",
}


@pytest.mark.parametrize(("dimension", "parameter"), TEXTS.items())
@pytest.mark.parametrize("value", ["", "\0", "3\n", "\n", "a\tb", "\x7f", "x" * 201])
def test_a_text_that_no_category_is(client: TestClient[Any], dimension: str, parameter: str, value: str) -> None:
    answer = client.get(f"/api/packages/numpy/{dimension}", params={parameter: value})

    assert_bad(answer, f"{parameter}: {repr(value)[:80]} is not accepted; accepted is 1 to 200 printable characters")


@pytest.mark.every_backend
@pytest.mark.parametrize(("dimension", "parameter"), TEXTS.items())
@pytest.mark.parametrize(
    "value",
    [
        "' OR 1=1 --",
        "'; DROP TABLE downloads_daily; --",
        "\\'",
        "\\",
        "%",
        "%s",
        "{project:String}",
        "']) OR 1 --",
        "\U0001f40d",
        "x" * 200,
    ],
)
def test_sql_in_a_filter_is_a_value_like_any_other(
    client: TestClient[Any], dimension: str, parameter: str, value: str
) -> None:
    answer = client.get(f"/api/packages/numpy/{dimension}", params={parameter: value})

    assert body(answer) == series(dimension, "numpy")
    assert len(body(client.get(f"/api/packages/numpy/{dimension}"))["data"]) == 1


@pytest.mark.every_backend
def test_a_category_with_an_odd_name_is_found(dataset: Dataset) -> None:
    values = ["\\", "tab\\tb", "it's", 'say "x"', "{a:String}", "%(x)s", "\u00fc\U0001f40d", "null\\N", "--", "1.0'"]
    dataset.load(event(project="odd", version=value, installer=value) for value in values)
    with dataset.client() as client:
        for value in values:
            for dimension in ("version", "installer"):
                answer = client.get(f"/api/packages/odd/{dimension}", params={dimension: value})

                assert body(answer) == series(dimension, "odd", f"{value} 2026-03-10 1")


@pytest.mark.parametrize("endpoint", OF_A_PACKAGE)
def test_an_unknown_parameter_is_ignored(client: TestClient[Any], endpoint: str) -> None:
    path = f"/api/packages/numpy/{endpoint}"

    assert client.get(f"{path}?nonsense=1&Period=year&nonsense=2&%27=%00").text == client.get(path).text


def test_a_parameter_of_another_endpoint_is_ignored(client: TestClient[Any]) -> None:
    assert client.get(f"{RECENT}?os=BeOS&start_date=x").text == client.get(RECENT).text
    assert client.get(f"{OVERALL}?os=BeOS&period=year&version=").text == client.get(OVERALL).text


def test_600_packages_in_one_batch(client: TestClient[Any]) -> None:
    with counted(client.app) as queries:
        answer = client.get("/api/recent", params={"package": [f"p{number}" for number in range(600)]})

    assert_bad(answer, "package: 600 values is not accepted; accepted is 1 to 500 of them")
    assert queries == []


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/api/nowhere", "/api/packages//", "/api/packages//numpy", f"{RECENT}/x", "/API/top", "/schema"],
)
def test_a_path_that_there_is_not(client: TestClient[Any], path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json() == {
        "status": 404,
        "title": "Not Found",
        "detail": "there is nothing at this path; openapi.yaml lists what there is",
    }
