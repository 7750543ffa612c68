"""The demo's synthetic data, and the README's examples, which show them."""

import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from app.warehouse.loading.demo import load_demo
from tests.support.dataset import Dataset
from tests.support.ecosystem import SETTINGS, running_ecosystem, urls_of, wait_for_index
from tests.support.load import wait_until
from tests.support.scale import sized
from tests.support.server import NOWHERE, served

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
TODAY = date(2026, 11, 21)
"""The README's examples were made on this day."""
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo(make_dataset: Callable[[], Dataset]) -> Dataset:
    """The demo's data on TODAY."""
    dataset = make_dataset()
    load_demo(dataset.engine.client, TODAY)
    return dataset


def answer(client: TestClient[Any], path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["x-dataset"] == "demo"
    return response.json()


def test_it_looks_like_the_real_thing(demo: Dataset) -> None:
    with demo.client(now=NOW) as client:
        health = answer(client, "/health?deep=1")
        assert (health["dataset"], health["newest_day"], health["days_behind"]) == ("demo", "2026-11-20", 0)
        assert health["missing_days"] == []

        overall = answer(client, "/api/packages/numpy/overall?mirrors=false")["data"]
        assert (len(overall), overall[0]["date"], overall[-1]["date"]) == (180, "2026-05-25", "2026-11-20")
        by_day = {date.fromisoformat(row["date"]): row["downloads"] for row in overall}
        weekdays = [downloads for day, downloads in by_day.items() if day.weekday() < 5]
        weekends = [downloads for day, downloads in by_day.items() if day.weekday() >= 5]
        assert max(weekends) < min(weekdays)

        minors = answer(client, "/api/packages/__all__/python_minor?granularity=month")["data"]
        share = {(row["category"], row["date"]): row["downloads"] for row in minors}
        assert share["3.14", "2026-10-01"] > 1.3 * share["3.14", "2026-06-01"]
        assert share["3.10", "2026-10-01"] < 0.8 * share["3.10", "2026-06-01"]
        assert ("2.7", "2026-10-01") in share

        installers = {row["category"] for row in answer(client, "/api/packages/numpy/installer")["data"]}
        assert installers >= {"pip", "uv", "poetry", "bandersnatch", "Artifactory", "devpi", "z3c.pypimirror", "null"}
        systems = {row["category"] for row in answer(client, "/api/packages/numpy/system")["data"]}
        assert systems == {"Darwin", "Linux", "Windows", "null", "other"}

        top = answer(client, "/api/top?limit=1000")["data"]
        assert len(top) == 213
        young = answer(client, "/api/packages/demo-first-week/overall?mirrors=false")["data"]
        assert [row["date"] for row in young] == [str(TODAY - timedelta(days=back)) for back in range(6, 0, -1)]


@pytest.mark.parametrize("dimension", ["python_minor", "system", "installer", "country"])
def test_no_category_jumps_from_day_to_day(demo: Dataset, dimension: str) -> None:
    """Among weekdays, a category's share changes by a twentieth at most, or by a slice: a 64th of all downloads, once
    in a while, where one category takes it over from another."""
    with demo.client(now=NOW) as client:
        rows = answer(client, f"/api/packages/numpy/{dimension}")["data"]
        totals = {
            row["date"]: row["downloads"] for row in answer(client, "/api/packages/numpy/overall?mirrors=false")["data"]
        }
    days = sorted(totals)
    for category in {row["category"] for row in rows}:
        by_day = {row["date"]: row["downloads"] / totals[row["date"]] for row in rows if row["category"] == category}
        shares = [by_day.get(day, 0) for day in days]
        jumps = [(old, new) for old, new in pairwise(shares) if abs(new - old) > 0.05 * max(old, new) + 0.0005]
        assert len(jumps) <= len(days) / 10, (category, jumps[:5])
        if dimension == "python_minor":
            assert max((abs(new - old) for old, new in jumps), default=0) < 0.01, (category, jumps[:5])


def test_its_index_is_synthetic_and_says_so(demo: Dataset) -> None:
    """Without a token; nobody is asked for it, and nothing is written to the folder of the index."""
    with demo.client(now=NOW, pypi_api_url=NOWHERE, github_api_url=NOWHERE) as client:
        wait_until(lambda: client.get("/api/packages").status_code == 200, what="the index")
        listed = answer(client, "/api/packages?q=numpy&per_page=1")
        (entry,) = listed["data"]
        assert (entry["name"], entry["summary"]) == ("numpy", "Synthetic metadata of the demo, not the real numpy")
        assert entry["downloads"] == answer(client, "/api/packages/numpy/recent")["data"]["last_month"]
        assert answer(client, "/api/packages")["total"] == 213
        for document in ("readme", "changelog"):
            assert "This text is synthetic" in answer(client, f"/api/packages/numpy/{document}")["content"]
        assert answer(client, "/api/packages/numpy/summary")["metadata"]["summary"] == entry["summary"]
        index = answer(client, "/health?deep=1")["index"]
        assert (index["state"], index["reason"], index["last_error"]) == (
            "ready",
            "GITHUB_TOKEN is not set: the demo's metadata are synthetic",
            None,
        )
        explore = client.get("/explore").text
        assert explore.count("Synthetic metadata of the demo") == 20
        assert "All numbers are made up." in explore
        assert "This text is synthetic" in client.get("/packages/numpy/about").text
        assert client.get("/api/packages/no-such-package/readme").status_code == 404


def test_with_a_token_the_index_is_the_real_one(demo: Dataset) -> None:
    with running_ecosystem() as stub, demo.client(now=NOW, **SETTINGS | urls_of(stub)) as client:
        wait_for_index(client)
        assert answer(client, "/api/packages/numpy/readme")["content"] == "# NumPy\n"


def test_errors_say_that_the_data_are_synthetic(demo: Dataset) -> None:
    with demo.client(now=NOW) as client:
        for path in ("/api/packages/nope/recent", "/nope", "/api/packages/-/recent"):
            assert client.get(path).headers["x-dataset"] == "demo"


def test_the_readme_s_answer_is_the_demo_s(demo: Dataset) -> None:
    request, expected = re.search(r"\$ (curl '.*')\n(\{.*\})\n", README).groups()  # type: ignore[union-attr]
    path = httpx.URL(shlex.split(request)[1]).raw_path.decode()
    with demo.client(now=NOW) as client:
        assert answer(client, path) == json.loads(expected)


@pytest.mark.large
def test_a_day_is_the_same_whenever_it_is_made(demo: Dataset, make_dataset: Callable[[], Dataset]) -> None:
    """Compares a demo that was loaded a day earlier and extended with one that is loaded at once."""
    days = sized(8, 180)
    path = f"/api/packages/numpy/version?start_date={TODAY - timedelta(days=days)}&end_date=2026-11-20"

    def numpy_releases(dataset: Dataset) -> Any:
        with dataset.client(now=NOW) as client:
            return answer(client, path)

    grown = make_dataset()
    assert len(load_demo(grown.engine.client, TODAY - timedelta(days=1), days=days)) == days
    assert [day.date for day in load_demo(grown.engine.client, TODAY, days=days)] == [date(2026, 11, 20)]
    assert load_demo(grown.engine.client, TODAY, days=days) == []

    assert numpy_releases(grown) == numpy_releases(demo)


def test_a_second_start_loads_nothing_again(tmp_path: Path) -> None:
    with served("--demo", cwd=tmp_path) as base:
        first = httpx.get(f"{base}/api/packages/numpy/python_minor")
        assert first.headers["x-dataset"] == "demo"
        for command in re.findall(r"curl '(.*)'", (tmp_path / "serve.log").read_text()):
            assert httpx.get(command.replace("'", "")).status_code == 200
    log = (tmp_path / "serve.log").read_text()
    assert log.count("checking sums") == 1
    with served("--demo", cwd=tmp_path) as base:
        assert httpx.get(f"{base}/api/packages/numpy/python_minor").content == first.content
    assert (tmp_path / "serve.log").read_text().count("checking sums") == 1
