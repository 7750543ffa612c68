"""Files on HTTP, which ClickHouse reads by itself."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support import files
from tests.support.dataset import Dataset
from tests.support.fixtures import Backend
from tests.support.loading import EVENTS, assert_refused, counts, right

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED, Backend.HTTP)


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder, without a word about it."""

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
