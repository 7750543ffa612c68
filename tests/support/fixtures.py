"""One ClickHouse of each kind for the whole run; a database of its own, and an app on it, for each data set.

The embedded engine has one folder per process, so tests do not share a database but an engine. Tests by URL, and those
of a module marked `every_backend`, run on each Backend, all others on the embedded one.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from app.settings import Secret, Settings
from app.warehouse.engines.connection import Engine
from app.warehouse.engines.embedded import EmbeddedEngine
from app.warehouse.engines.server import ServerEngine, server_address
from tests.discovery.stub import Stub, running_stub
from tests.support.clickhouse_users import USERS
from tests.support.clickpy import PublicServer
from tests.support.dataset import Dataset
from tests.support.facade import Facade, running_facade
from tests.support.scale import ALL
from tests.support.zygote import end_zygote

_numbers = itertools.count()


class Backend(Enum):
    """The ways in which an app gets at its data."""

    EMBEDDED = "embedded"
    HTTP = "http"


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this process's engine."""
    return tmp_path_factory.mktemp("clickhouse")


@pytest.fixture(scope="session")
def engine_stays_open(data_folder: Path) -> Iterator[None]:
    """One client that is open throughout: the engine starts once, not once a test."""
    engine = EmbeddedEngine(data_folder, "stays_open")
    with engine.client():
        yield
    engine.close()


@pytest.fixture(scope="session")
def outside() -> Iterator[Stub]:
    """A GitHub and a PyPI without content, for tests that are not about them: none sends requests to the real ones."""
    with running_stub() as stub:
        yield stub


@pytest.fixture(scope="session")
def facade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    """A ClickHouse server. A test that breaks it repairs it."""
    with running_facade(tmp_path_factory.mktemp("server")) as facade:
        yield facade


def pytest_unconfigure() -> None:
    end_zygote()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for several backends on the first of them or on the others, as tests/support/scale.py says.

    A test that is marked `large` runs on all its backends both times.
    """
    if "backend" in metafunc.fixturenames:
        test = metafunc.definition
        is_by_url = test.path.parent.name == "api"
        every = is_by_url or test.get_closest_marker("every_backend")
        only = test.get_closest_marker("only_backend")
        kinds = list(only.args) if only else list(Backend) if every else [Backend.EMBEDDED]
        if not test.get_closest_marker("large"):
            kinds = kinds[1:] if ALL else kinds[:1]
        metafunc.parametrize("backend", kinds, ids=[kind.value for kind in kinds], indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select what TEST_ALL runs."""
    if ALL:
        chosen = [item for item in items if item.get_closest_marker("large") or _runs_on_another_clickhouse(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen


def _runs_on_another_clickhouse(item: pytest.Item) -> bool:
    """Whether it has a Backend, or asks the server of contract_tests/conftest.py."""
    return _backend_of(item) is not None or "base_url" in getattr(item, "fixturenames", ())


def _backend_of(item: pytest.Item) -> Backend | None:
    parameters = getattr(item, "callspec", None)
    kind = parameters.params.get("backend") if parameters else None
    return kind if isinstance(kind, Backend) else None


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
        return lambda name: (EmbeddedEngine(folder, name), {"clickhouse_url": f"chdb://{folder}"})
    facade = request.getfixturevalue("facade")
    where = {
        "clickhouse_url": facade.url,
        "clickhouse_user": "api",
        "clickhouse_password": Secret(USERS["api"].password),
    }

    def on_server(name: str) -> tuple[Engine, dict[str, Any]]:
        engine = ServerEngine(server_address(facade.url), "ingest", Secret(USERS["ingest"].password), name)
        with engine.client(database=None) as client:
            client.command(f"CREATE DATABASE {name}")
        return engine, where

    return on_server


@pytest.fixture(scope="session")
def make_dataset(
    backend: Backend,
    new_engine: Callable[[str], tuple[Engine, dict[str, Any]]],
    outside: Stub,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Dataset]]:
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
        if backend is not Backend.EMBEDDED:
            made[-1].make_tables()
        return made[-1]

    yield make
    for dataset in made:
        dataset.close()


@pytest.fixture(scope="session")
def make_public(facade: Facade) -> Iterator[Callable[[], PublicServer]]:
    """Makes databases with ClickPy's tables, empty."""
    made = []

    def make() -> PublicServer:
        made.append(PublicServer(facade, f"public_{next(_numbers)}"))
        return made[-1]

    yield make
    for public in made:
        public.close()


@pytest.fixture
def dataset(make_dataset: Callable[[], Dataset]) -> Dataset:
    """An empty data set for one test."""
    return make_dataset()


@pytest.fixture(scope="module")
def client_of(
    make_dataset: Callable[[], Dataset],
) -> Iterator[Callable[..., TestClient[Any]]]:
    """Makes a client of an app that answers from some events; it stays open for the module's tests."""
    with ExitStack() as stack:

        def client_of(events: Iterable[Mapping[str, Any]], **options: Any) -> TestClient[Any]:
            dataset = make_dataset()
            dataset.load(events)
            return stack.enter_context(dataset.client(**options))

        yield client_of
