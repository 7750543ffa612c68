"""An embedded ClickHouse for the whole run; a database of its own, and an app on it, for each data set.

The engine has one folder per process, so tests do not share a database but an engine.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.main import create_app
from app.settings import Settings
from app.warehouse.embedded import Embedded
from app.warehouse.ingest import ingest
from app.warehouse.journal import LoadedDay
from tests.discovery.stub import Stub, running_stub
from tests.support.contract import validate_answer
from tests.support.events import write_jsonl

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)
"""The clock of apps under test, unless a test sets another."""

_numbers = itertools.count()


class Dataset:
    """A database, what fills it, and apps that answer from it."""

    def __init__(self, folder: Path, data_folder: Path, outside: Stub) -> None:
        self.folder = folder
        self.settings = Settings(
            clickhouse_url=f"chdb://{data_folder}",
            clickhouse_database=f"test_{next(_numbers)}",
            github_api_url=outside.github_url,
            pypi_api_url=outside.pypi_url,
            local_index_cache_dir=str(folder / "index"),
        )
        self.engine = Embedded(data_folder, self.settings.clickhouse_database)

    def load(self, events: Iterable[Mapping[str, Any]], *, replace: bool = False) -> list[LoadedDay]:
        """Load events by way of a JSON Lines file, as a user would."""
        return self.load_files(write_jsonl(self.folder / f"events-{next(_numbers)}.jsonl", events), replace=replace)

    def load_files(self, *names: str | Path, replace: bool = False) -> list[LoadedDay]:
        """Load what is named: files, folders, patterns, URLs."""
        return ingest(self.engine.client, [str(name) for name in names], replace=replace)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Look straight into the database."""
        with self.engine.client() as client:
            return [tuple(row) for row in client.query(sql).result_rows]

    def app(self, *, now: datetime = NOON, **changes: Any) -> Litestar:
        """An app on this database, not yet started; `changes` are of its settings."""
        return create_app(msgspec.structs.replace(self.settings, **changes), now=lambda: now)

    @contextmanager
    def client(self, *, now: datetime = NOON, **changes: Any) -> Iterator[TestClient[Any]]:
        """A client of an app on this database. Each of its answers is held against openapi.yaml."""
        with TestClient(self.app(now=now, **changes), raise_server_exceptions=False) as client:
            client.event_hooks = {"response": [validate_answer]}
            yield client

    def close(self) -> None:
        """Let go of the engine. The database stays: to drop some hundreds takes longer than to fill them."""
        self.engine.close()


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this process's engine."""
    return tmp_path_factory.mktemp("clickhouse")


@pytest.fixture(scope="session")
def engine_stays_open(data_folder: Path) -> Iterator[None]:
    """One client that is open throughout: the engine starts once, not once a test."""
    engine = Embedded(data_folder, "stays_open")
    with engine.client():
        yield
    engine.close()


@pytest.fixture(scope="session")
def outside() -> Iterator[Stub]:
    """A GitHub and a PyPI that know nothing, for apps under test that are not about them: nobody asks the real ones."""
    with running_stub() as stub:
        yield stub


@pytest.fixture(scope="session")
def make_dataset(
    data_folder: Path, engine_stays_open: None, outside: Stub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Dataset]]:
    """Makes empty data sets, for tests of any scope; all are closed at the end."""
    made = []

    def make(kind: type[Dataset] = Dataset) -> Dataset:
        made.append(kind(tmp_path_factory.mktemp("files"), data_folder, outside))
        return made[-1]

    yield make
    for dataset in made:
        dataset.close()


@pytest.fixture
def dataset(make_dataset: Callable[[], Dataset]) -> Dataset:
    """An empty data set for one test."""
    return make_dataset()


@pytest.fixture(scope="module")
def client_of(
    make_dataset: Callable[[], Dataset],
) -> Iterator[Callable[[Iterable[Mapping[str, Any]]], TestClient[Any]]]:
    """Makes a client of an app that answers from some events; it stays open for the module's tests."""
    with ExitStack() as stack:

        def client_of(events: Iterable[Mapping[str, Any]]) -> TestClient[Any]:
            dataset = make_dataset()
            dataset.load(events)
            return stack.enter_context(dataset.client())

        yield client_of
