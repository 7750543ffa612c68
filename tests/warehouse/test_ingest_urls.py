"""Files on HTTP, which ClickHouse reads by itself."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support import files
from tests.support.dataset import Dataset
from tests.support.events import event
from tests.support.facade import Facade
from tests.support.fixtures import Backend
from tests.support.loading import EVENTS, assert_refused, counts, right

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder, without a word about it."""

    def do_GET(self) -> None:
        """What is asked for under /moved/ is elsewhere."""
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Where the files of the test's folder are on HTTP."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("kind", "compression"),
    [("nested.jsonl", ""), ("nested.jsonl", ".gz"), ("dotted.csv", ".zst"), ("nested.parquet", "")],
)
def test_clickhouse_reads_urls_by_itself(
    dataset: Dataset, tmp_path: Path, url: str, kind: str, compression: str
) -> None:
    path = files.write(tmp_path, kind, EVENTS, compression)

    dataset.load_files(f"{url}/{path.name}")

    assert counts(dataset) == right(EVENTS)


def test_a_url_where_nothing_is(refusing: Dataset, url: str) -> None:
    assert_refused(refusing, f"{url}/nothing.jsonl")


def test_urls_and_files_are_one_call(dataset: Dataset, tmp_path: Path, url: str) -> None:
    here = files.write(tmp_path, "nested.jsonl", EVENTS[:4])
    files.write(tmp_path, "dotted.csv", EVENTS[4:])

    dataset.load_files(here, f"{url}/dotted.csv")

    assert counts(dataset) == right(EVENTS)


@pytest.mark.parametrize("kind", ["nested.jsonl", "dotted.csv", "nested.parquet"])
def test_redirects_are_followed(dataset: Dataset, tmp_path: Path, url: str, kind: str) -> None:
    path = files.write(tmp_path, kind, EVENTS)

    dataset.load_files(f"{url}/moved/{path.name}")

    assert counts(dataset) == right(EVENTS)


@pytest.mark.parametrize("name", ["empty.jsonl", "header.csv", "no-rows.parquet"])
def test_a_url_without_rows_is_passed_over(dataset: Dataset, tmp_path: Path, url: str, name: str) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "header.csv").write_bytes(files.WRITERS["dotted.csv"](EVENTS).splitlines(keepends=True)[0])
    (tmp_path / "no-rows.parquet").write_bytes(files.parquet([], files.NESTED))
    files.write(tmp_path, "nested.jsonl", EVENTS)

    dataset.load_files(f"{url}/{name}", f"{url}/nested.jsonl")

    assert counts(dataset) == right(EVENTS)
    assert dataset.notes == [f"passed over, without a row: {url}/{name}"]


@pytest.mark.only_backend(Backend.HTTP)
def test_the_request_line_does_not_grow_with_the_urls(
    dataset: Dataset, facade: Facade, tmp_path: Path, url: str
) -> None:
    longest = []
    for count in (1, 20):
        path = files.write(tmp_path, "nested.jsonl", [event(f"2026-01-{count:02} 12:00:00 UTC")])
        facade.requests()
        (day,) = dataset.load_files(*[f"{url}/{path.name}?{number:0100}" for number in range(count)])
        assert day.events == count
        longest.append(max(seen["line"] for seen in facade.requests()))

    assert longest[1] - longest[0] < 10
    assert longest[1] < 2_048


@pytest.mark.only_backend(Backend.HTTP)
def test_a_server_stores_the_rows_of_a_url_before_it_looks_at_them(
    dataset: Dataset, facade: Facade, tmp_path: Path, url: str
) -> None:
    """What is at a URL may change: what is checked is what is counted."""
    path = files.write(tmp_path, "dotted.csv", EVENTS)
    facade.requests()

    dataset.load_files(f"{url}/{path.name}")

    reading = [r["sql"] for r in facade.requests() if path.name in json.dumps(r["parameters"])]
    assert [sql.split()[0] for sql in reading if not sql.startswith("DESCRIBE")] == ["--"], reading
    assert "INSERT INTO incoming" in reading[-1]
