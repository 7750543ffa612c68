"""One ClickHouse of each kind for the whole run; a database of its own, and an app on it, for each data set.

The embedded engine has one folder per process, so tests do not share a database but an engine. Tests by URL, and those
of a module marked `every_backend`, run on each Backend; all others on the embedded one.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.main import create_app
from app.settings import Secret, Settings
from app.warehouse.connection import Engine
from app.warehouse.embedded import Embedded
from app.warehouse.ingest import ingest
from app.warehouse.journal import LoadedDay
from app.warehouse.server import Server, server_address
from app.warehouse.tables import create_tables
from tests.discovery.stub import Stub, running_stub
from tests.support.clickhouse_engine import USERS
from tests.support.contract import validate_answer
from tests.support.events import write_jsonl
from tests.support.facade import Facade, running_facade

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)
"""The clock of apps under test, unless a test sets another."""

_numbers = itertools.count()


class Backend(Enum):
    """The ways in which an app gets at its data."""

    EMBEDDED = "embedded"
    HTTP = "http"


class Dataset:
    """A database, what fills it, and apps that answer from it."""

    def __init__(self, folder: Path, engine: Engine, settings: Settings) -> None:
        self.folder = folder
        self.engine = engine
        """With a user that may write. Apps have one that may not, where there are users."""
        self.settings = settings

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
def facade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    """A ClickHouse server. Whoever breaks it mends it."""
    with running_facade(tmp_path_factory.mktemp("server")) as facade:
        yield facade


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that are for it on each backend."""
    if "backend" in metafunc.fixturenames:
        is_by_url = metafunc.definition.path.parent.name == "api"
        every = is_by_url or metafunc.definition.get_closest_marker("every_backend")
        kinds = list(Backend) if every else [Backend.EMBEDDED]
        metafunc.parametrize("backend", kinds, ids=[kind.value for kind in kinds], indirect=True, scope="session")


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """The backend of a test."""
    kind: Backend = request.param
    return kind


@pytest.fixture(scope="session")
def new_engine(backend: Backend, request: pytest.FixtureRequest) -> Callable[[str], tuple[Engine, dict[str, Any]]]:
    """Makes a database of a name: the engine to fill it by, and the settings of an app that answers from it."""
    if backend is Backend.EMBEDDED:
        folder = request.getfixturevalue("data_folder")
        request.getfixturevalue("engine_stays_open")
        return lambda name: (Embedded(folder, name), {"clickhouse_url": f"chdb://{folder}"})
    facade = request.getfixturevalue("facade")

    def on_server(name: str) -> tuple[Engine, dict[str, Any]]:
        engine = Server(server_address(facade.url), "ingest", Secret(USERS["ingest"].password), name)
        with engine.client(database=None) as client:
            client.command(f"CREATE DATABASE {name}")
        with engine.client() as client:
            create_tables(client)
        password = Secret(USERS["api"].password)
        return engine, {"clickhouse_url": facade.url, "clickhouse_user": "api", "clickhouse_password": password}

    return on_server


@pytest.fixture(scope="session")
def make_dataset(
    new_engine: Callable[[str], tuple[Engine, dict[str, Any]]],
    outside: Stub,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], Dataset]]:
    """Makes empty data sets, for tests of any scope; all are closed at the end."""
    made = []

    def make() -> Dataset:
        name = f"test_{next(_numbers)}"
        engine, where = new_engine(name)
        folder = tmp_path_factory.mktemp("files")
        settings = Settings(
            **where,
            clickhouse_database=name,
            github_api_url=outside.github_url,
            pypi_api_url=outside.pypi_url,
            local_index_cache_dir=str(folder / "index"),
        )
        made.append(Dataset(folder, engine, settings))
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
