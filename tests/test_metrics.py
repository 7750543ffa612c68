"""What Prometheus reads: every request counted once, in labels that no stranger adds to; private unless asked for."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.main import ROUTES
from app.serving.counters import BUCKET_SECONDS, Histogram
from app.settings import SettingError, Settings
from tests.support.answers import assert_problem
from tests.support.dataset import NOON, Dataset
from tests.support.ecosystem import indexed, running_ecosystem
from tests.support.events import event
from tests.support.load import wait_until
from tests.support.server import run, served, started

ROOT = Path(__file__).parents[1]
PATH = "/api/packages/numpy/recent"
OPERATIONS = {route.operation_id for route in ROUTES}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Samples:
    """Every sample by its name and labels; each there once."""
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, key
            samples[key] = sample.value
    return samples


def metrics(client: Any, base: str = "") -> Samples:
    answer = client.get(f"{base}/metrics")
    assert answer.status_code == 200
    return read(answer.text)


def named(samples: Samples, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a name, by the values of their labels in the order of the labels' names."""
    return {tuple(value for _, value in labels): number for (n, labels), number in samples.items() if n == name}


@pytest.fixture
def client(dataset: Dataset) -> Iterator[TestClient[Any]]:
    dataset.load([event()])
    with dataset.client(metrics="/metrics", rate_limit="1000/hour") as client:
        client.follow_redirects = False
        yield client


def test_requests_are_counted_by_operation_status_and_cache(client: TestClient[Any]) -> None:
    for path in [PATH, PATH, PATH, "/api/packages/NumPy/recent", "/api/top?limit=0", "/nowhere", "/health"]:
        client.get(path)
    client.get(PATH, headers={"If-None-Match": "*"})
    client.get("/api/packages/unheard-of/recent")
    client.get("/api/packages/unheard-of/recent")
    client.post(PATH)

    assert named(metrics(client), "pypistats_requests_total") == {
        ("miss", "get_recent_downloads", "200"): 2,
        ("hit", "get_recent_downloads", "200"): 2,
        ("hit", "get_recent_downloads", "304"): 1,
        ("miss", "get_recent_downloads", "404"): 1,
        ("hit", "get_recent_downloads", "404"): 1,
        ("miss", "get_top_packages", "400"): 1,
        ("miss", "get_health", "200"): 1,
        ("miss", "none", "404"): 1,
        ("miss", "none", "405"): 1,
    }


def test_every_request_has_its_time(client: TestClient[Any]) -> None:
    for path in [PATH, PATH, "/api/top", "/nowhere"]:
        client.get(path)
    samples = metrics(client)
    counts = named(samples, "pypistats_request_duration_seconds_count")
    buckets = named(samples, "pypistats_request_duration_seconds_bucket")

    assert counts == {
        ("miss", "get_recent_downloads"): 1,
        ("hit", "get_recent_downloads"): 1,
        ("miss", "get_top_packages"): 1,
        ("miss", "none"): 1,
    }
    assert all(0 < seconds < 60 for seconds in named(samples, "pypistats_request_duration_seconds_sum").values())
    for cached, operation in counts:
        rising = [buckets[(cached, bound, operation)] for bound in [*map(str, BUCKET_SECONDS), "+Inf"]]
        assert rising == sorted(rising)
        assert rising[-1] == 1


def test_a_histogram() -> None:
    histogram = Histogram()
    for seconds in (0.0, 0.0005, 0.0006, 0.3, 29.9, 31.0):
        histogram.observe(seconds)

    assert (histogram.count, round(histogram.total, 4)) == (6, 61.2011)
    assert histogram.buckets == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1]


def test_strangers_cannot_add_labels(client: TestClient[Any]) -> None:
    """Whatever is asked, by whatever method and under whatever name."""
    before = len(metrics(client))
    for number in range(30):
        client.get(f"/api/packages/package-{number}/recent")
        client.get(f"/{number}")
        client.get(f"/static/{number}/x.css")
        client.request(f"BREW{number}", f"/api/packages/{number}/recent")
        client.get(
            f"/api/packages/numpy/overall?start_date=2026-01-01&x={number}", headers={"X-Request-ID": f"i{number}"}
        )
    samples = metrics(client)
    labels = {operation for _, operation, _ in named(samples, "pypistats_requests_total")}

    assert labels <= OPERATIONS | {"none"}
    assert len(samples) - before < 200
    assert not any("package-" in value for _, pairs in samples for _, value in pairs)


def test_the_cache(client: TestClient[Any]) -> None:
    for path in [PATH, PATH, "/api/top", "/api/packages/unheard-of/recent"]:
        client.get(path)
    samples = metrics(client)

    assert named(samples, "pypistats_cache_entries") == {("answers",): 2, ("errors",): 1}
    assert all(number > 0 for number in named(samples, "pypistats_cache_bytes").values())
    assert sum(named(samples, "pypistats_cache_max_bytes").values()) == 256 << 20
    assert named(samples, "pypistats_cache_evictions_total") == {("answers",): 0, ("errors",): 0}


def test_what_makes_room_for_others(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client(metrics="/metrics", cache_max_entries=2) as client:
        for limit in (1, 2, 3, 4, 5):
            client.get(f"/api/top?limit={limit}")
        samples = metrics(client)

    assert named(samples, "pypistats_cache_entries")[("answers",)] == 2
    assert named(samples, "pypistats_cache_evictions_total")[("answers",)] == 3


def test_queries(client: TestClient[Any], dataset: Dataset) -> None:
    for path in [PATH, PATH, "/api/top"]:
        client.get(path)
    dataset.query("DROP TABLE downloads_daily SYNC")
    client.get("/api/packages/numpy/system")
    samples = metrics(client)
    ended = named(samples, "pypistats_query_duration_seconds_count")

    assert (ended[("recent",)], ended[("top",)], ended[("series",)]) == (1, 1, 1)
    assert named(samples, "pypistats_query_failures_total") == {("series",): 1}
    assert set(named(samples, "pypistats_queries_running").values()) == {0}
    assert named(samples, "pypistats_clickhouse_up") == {(): 1}


def test_limited_requests(dataset: Dataset) -> None:
    dataset.load([event()])
    with dataset.client(metrics="/metrics", rate_limit="2/hour") as client:
        statuses = [client.get(PATH).status_code for _ in range(5)]
        samples = metrics(client)

    assert statuses == [200, 200, 429, 429, 429]
    assert named(samples, "pypistats_requests_limited_total") == {(): 3}
    assert named(samples, "pypistats_requests_total")[("miss", "none", "429")] == 3
    assert named(samples, "pypistats_clients") == {(): 1}


@pytest.mark.parametrize(("later", "behind"), [(0, 0), (1, 1), (30, 30)])
def test_how_old_the_data_are(dataset: Dataset, later: int, behind: int) -> None:
    dataset.load([event("2026-03-10 12:00:00 UTC")])
    with dataset.client(metrics="/metrics", now=NOON + timedelta(days=later)) as client:
        assert named(metrics(client), "pypistats_days_behind") == {(): behind}


def test_what_is_not_known_has_no_value(dataset: Dataset) -> None:
    """Nothing is loaded, and there is no index: 0 would be an answer."""
    with dataset.client(metrics="/metrics") as client:
        names = {name for name, _ in metrics(client)}

    assert "pypistats_clickhouse_up" in names
    assert not names & {"pypistats_days_behind", "pypistats_index_age_seconds", "pypistats_github_quota_remaining"}


def test_the_index(dataset: Dataset) -> None:
    dataset.load([event()])
    with running_ecosystem() as stub, indexed(dataset, stub, metrics="/metrics") as client:
        samples = metrics(client)
        status = client.get("/health?deep=1").json()["index"]

    assert named(samples, "pypistats_index_entries") == {(): status["entries"]}
    assert named(samples, "pypistats_index_age_seconds")[()] >= 0


def test_answers_of_before_are_counted(client: TestClient[Any], dataset: Dataset) -> None:
    """The table that says what is published is gone: it cannot be asked any more."""
    client.get(PATH)
    dataset.query("DROP TABLE loads SYNC")
    wait_until(lambda: "age" in client.get(PATH).headers)
    for _ in range(3):
        client.get(PATH)
    samples = metrics(client)

    assert named(samples, "pypistats_stale_answers_total") == {(): 4}
    assert named(samples, "pypistats_clickhouse_up") == {(): 0}


def test_private_unless_it_is_asked_for(dataset: Dataset) -> None:
    dataset.load([event()])
    for setting in ("off", "127.0.0.1:0"):
        with dataset.client(metrics=setting) as client:
            assert_problem(
                client.get("/metrics"),
                409,
                "Conflict",
                "metrics are not served here: METRICS is not /metrics",
            )


@contextmanager
def free_port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield free.getsockname()[1]


def test_a_port_of_its_own(tmp_path: Path) -> None:
    with free_port() as port:
        pass
    with served(cwd=tmp_path, CLICKHOUSE_URL="chdb://data", METRICS=f"127.0.0.1:{port}") as base:
        httpx.get(f"{base}/nowhere")
        samples = metrics(httpx, f"http://127.0.0.1:{port}")
        assert named(samples, "pypistats_requests_total")[("miss", "none", "404")] == 1
        assert named(samples, "process_resident_memory_bytes")[()] > 10_000_000
        assert httpx.get(f"{base}/metrics").status_code == 409
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")
    assert f'"message":"metrics are at http://127.0.0.1:{port}/metrics"' in (tmp_path / "serve.log").read_text()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("serve", "--port", "0", cwd=tmp_path, CLICKHOUSE_URL="chdb://data", METRICS=address)

    assert result.returncode != 0
    assert f"METRICS: nothing can listen at {address}: Address already in use" in result.stderr


def test_each_worker_has_a_port(tmp_path: Path) -> None:
    with free_port() as port:
        nobody = f"http://127.0.0.1:{port}"
    settings = {"CLICKHOUSE_URL": nobody, "METRICS": f"127.0.0.1:{port + 1}", "GITHUB_API_URL": nobody}
    with started("--workers", "2", cwd=tmp_path, **settings) as server:
        for _ in range(200):
            urls = set(re.findall(r"metrics are at (http://[0-9.:]+)/metrics", server.logged()))
            if len(urls) == 2:
                break
            httpx.get(f"{server.base}/health")
        for _ in range(40):
            httpx.get(f"{server.base}/nowhere")
        counted = [named(metrics(httpx, url), "pypistats_requests_total") for url in urls]

    assert len(urls) == 2
    assert sum(samples.get(("miss", "none", "404"), 0) for samples in counted) == 40


def test_several_workers_do_not_share_a_path(tmp_path: Path) -> None:
    result = run("serve", "--workers", "2", cwd=tmp_path, CLICKHOUSE_URL="http://127.0.0.1:9", METRICS="/metrics")

    assert result.returncode == 1
    assert "METRICS=/metrics: each of several --workers counts for itself" in result.stderr


@pytest.mark.parametrize("value", ["on", "/numbers", "9100", "localhost", "127.0.0.1:", "127.0.0.1:x"])
def test_a_place_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match=r"^METRICS="):
        Settings.from_environment({"METRICS": value})


def families(samples: Samples) -> set[str]:
    return {name for name, _ in samples}


@pytest.fixture
def everything(dataset: Dataset) -> set[str]:
    """The names of all samples of a server that has seen everything once, but GitHub's quota."""
    dataset.load([event()])
    with running_ecosystem() as stub, indexed(dataset, stub, metrics="/metrics") as client:
        client.get(PATH)
        client.get("/api/top")
        dataset.query("DROP TABLE downloads_daily SYNC")
        client.get("/api/packages/numpy/system")
        return families(metrics(client)) | {"pypistats_github_quota_remaining"}


def test_the_alarms_and_the_page_about_operations_name_what_there_is(everything: set[str]) -> None:
    rules = yaml.safe_load((ROOT / "examples" / "alerts.yaml").read_text())["groups"][0]["rules"]
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    in_alarms = set(re.findall(r"pypistats_\w+", " ".join(rule["expr"] for rule in rules)))
    on_page = set(re.findall(r"`(pypistats_\w+)`", page.split("\n## Metrics\n")[1].split("\n## ")[0]))
    base = {re.sub(r"_(bucket|count|sum)$", "", name) for name in everything if name.startswith("pypistats_")}

    assert in_alarms <= everything
    assert on_page == base
    assert set(re.findall(r"^\| `(Pypistats\w+)` \|", page, re.MULTILINE)) == {rule["alert"] for rule in rules}
