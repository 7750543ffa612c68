"""The arrows between the rooms of the house run one way, as docs/architecture.md draws them."""

import ast
from functools import cache
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "app"
MODULES = {
    ".".join(path.relative_to(APP.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(APP.rglob("*.py"))
}

# What each room may import of the others. The modules at the top are rooms of their own.
MAY_IMPORT = {
    "app.names": set[str](),
    "app.windows": set[str](),
    "app.public_url": set[str](),
    "app.environment": set[str](),
    "app.settings": {"app.environment", "app.public_url"},
    "app.serving": {"app.settings"},
    "app.warehouse": {"app.names", "app.serving", "app.settings", "app.windows"},
    "app.stats": {"app.names", "app.warehouse", "app.windows"},
    "app.charts": {"app.names", "app.serving", "app.stats", "app.windows"},
    "app.discovery": {"app", "app.names", "app.serving", "app.settings", "app.stats", "app.warehouse", "app.windows"},
    "app.cache": {"app.public_url", "app.serving", "app.settings", "app.warehouse", "app.windows"},
    "app.metrics": {"app.cache", "app.charts", "app.discovery", "app.serving", "app.settings", "app.windows"},
    "app.api": {
        "app.cache",
        "app.charts",
        "app.discovery",
        "app.metrics",
        "app.names",
        "app.public_url",
        "app.serving",
        "app.settings",
        "app.stats",
        "app.warehouse",
        "app.windows",
    },
    "app.pages": {
        "app.api",
        "app.cache",
        "app.charts",
        "app.discovery",
        "app.names",
        "app.public_url",
        "app.serving",
        "app.stats",
        "app.warehouse",
        "app.windows",
    },
    "app.main": {
        "app.api",
        "app.cache",
        "app.charts",
        "app.discovery",
        "app.metrics",
        "app.pages",
        "app.serving",
        "app.settings",
        "app.warehouse",
        "app.windows",
    },
    "app.cli": {"app", "app.main", "app.serving", "app.settings", "app.warehouse", "app.windows"},
    "app": set[str](),
}
# Where a library may be imported; the border to it is there.
ONLY_IN = {
    "clickhouse_connect": {"app.warehouse"},
    "chdb": {"app.warehouse"},
    "google": {"app.warehouse"},
    "prometheus_client": {"app.metrics"},
    "brotli": {"app.cache"},
    "backports.zstd": {"app.cache", "app.warehouse"},
    "litestar": {"app.api", "app.cli", "app.main", "app.pages"},
    "uvicorn": {"app.cli", "app.serving"},
    "httptools": {"app.serving"},
    "click": {"app.cli"},
    "rich": {"app.cli"},
    "aiohttp": {"app.discovery"},
    "matplotlib": {"app.charts"},
    "jinja2": {"app.pages"},
    "markdown_it": {"app.pages"},
    "nh3": {"app.pages"},
    "httpx": set[str](),
    "requests": set[str](),
    "urllib.request": set[str](),
    "http.client": set[str](),
}


@cache
def imports(path: Path) -> set[str]:
    """The modules that a file imports anywhere, with the names taken from them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(name: str) -> str:
    """The room that a module, or a name in it, belongs to."""
    room = ".".join(name.split(".")[:2])
    return room if room in MODULES else "app"


def is_of(name: str, library: str) -> bool:
    return name == library or name.startswith(f"{library}.")


def test_every_room_has_its_rule() -> None:
    assert {room_of(module) for module in MODULES} == set(MAY_IMPORT)


def test_the_rules_have_no_circle() -> None:
    allowed: set[str] = set()
    rules = dict(MAY_IMPORT)
    while rules:
        ground = {room for room, others in rules.items() if others <= allowed}
        assert ground, f"a circle among {sorted(rules)}"
        allowed |= ground
        rules = {room: others for room, others in rules.items() if room not in ground}


@pytest.mark.parametrize("module", MODULES)
def test_rooms_are_imported_one_way(module: str) -> None:
    room = room_of(module)
    others = {room_of(name) for name in imports(MODULES[module]) if is_of(name, "app")} - {room}

    assert others <= MAY_IMPORT[room]


@pytest.mark.parametrize("module", MODULES)
def test_libraries_are_imported_where_their_border_is(module: str) -> None:
    for library, rooms in ONLY_IN.items():
        if any(is_of(name, library) for name in imports(MODULES[module])):
            assert room_of(module) in rooms, library


def test_what_the_rules_are_about_is_there() -> None:
    """A rule about a library that no module imports would test nothing."""
    used = {
        library for library in ONLY_IN if any(is_of(n, library) for path in MODULES.values() for n in imports(path))
    }

    assert used == {library for library, rooms in ONLY_IN.items() if rooms} - {"chdb"}


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)
def test_sql_lives_in_the_warehouse(path: Path) -> None:
    if room_of(next(name for name, p in MODULES.items() if p == path)) == "app.warehouse":
        return
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]

    assert not [
        text for text in texts if text.lstrip().upper().startswith(("SELECT ", "INSERT ", "DELETE ", "CREATE "))
    ]


def test_the_index_imports_the_sources_and_not_the_reverse() -> None:
    importing = [
        module
        for module, path in MODULES.items()
        if is_of(module, "app.discovery.sources")
        and any(is_of(name, "app.discovery") and not is_of(name, "app.discovery.sources") for name in imports(path))
    ]

    assert importing == []
