"""The README and the other pages list the endpoints, settings, commands and columns that exist."""

import re
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import fields

from app.cli.commands import main
from app.main import ROUTES
from app.settings import Secret, Settings
from app.warehouse.loading.shapes import FIELDS, TIMES, WEIGHTS, shape_of

STATIC = "/static/"
"""Static files are not listed as endpoints."""

ROOT = Path(__file__).parents[1]
PAGES = {
    path: path.read_text(encoding="utf-8")
    for folder in (ROOT, ROOT / "docs", ROOT / "bench", ROOT / "examples")
    for path in sorted(folder.glob("*.md"))
}
README = PAGES[ROOT / "README.md"]


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def pages_in(folder: str) -> str:
    return "\n".join(text for path, text in PAGES.items() if path.parent == ROOT / folder)


def test_endpoints() -> None:
    listed = re.findall(r"^\| `(/[^`]*)`", section("Endpoints"), re.MULTILINE)
    routes = {re.sub(r":\w+}", "}", path) for route in ROUTES for path in route.paths if not path.startswith(STATIC)}
    assert len(listed) == len(set(listed))
    assert set(listed) == routes


def test_parameters_of_endpoints() -> None:
    for path, parameters in re.findall(
        r"^\| `(/[^`]*)` \| (.*?) \| ", section("Endpoints").replace(r"\|", "¦"), re.MULTILINE
    ):
        (route,) = (r for r in ROUTES if path in {re.sub(r":\w+}", "}", p) for p in r.paths})
        of_every_series = {"start_date", "end_date", "granularity", "partial", "format"}
        known = set(route.opt["query"].__struct_fields__)
        listed = set(re.findall(r"`(\w+)(?:=[^`]*)?`", parameters))
        assert listed == (known - of_every_series if known >= of_every_series else known), path


def test_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = "\n".join(PAGES.values())
    for target in re.findall(r"(?:`|\$ )make (\w+)", pages):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert set(re.findall(r"pypistats-server (\w+)", README)) == set(main.commands)
    for command, option in re.findall(r"pypistats-server (\w+) --([\w-]+)", pages):
        assert f"--{option}" in {o for parameter in main.commands[command].params for o in parameter.opts}


def test_settings_that_are_named_are_there() -> None:
    known = {name.upper() for name in Settings.__struct_fields__}
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`", README + pages_in("docs") + pages_in("examples")))

    of_others = {"SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "GOOGLE_APPLICATION_CREDENTIALS"}
    of_files = {f"{field.name.upper()}_FILE" for field in fields(Settings) if isinstance(field.default, Secret)}
    assert named - known == of_others | of_files


def test_settings_are_described_as_in_the_code() -> None:
    described = dict(re.findall(r"^\| `([A-Z_]+)` \|.*?\| (.*) \|$", section("Settings"), re.MULTILINE))
    fields = msgspec.structs.fields(Settings)

    assert described == {
        field.name.upper(): next(part.description for part in field.type.__metadata__ if part.description)
        for field in fields
    }


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", PAGES[page]):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(PAGES[there]), f"{target}#{anchor}"


def test_columns_of_input() -> None:
    page = PAGES[ROOT / "docs" / "loading.md"]

    for name in (*TIMES, *WEIGHTS, *(name for field in FIELDS for name in field.names)):
        assert f"`{name}`" in page, name


def test_bigquerys_export_has_the_columns_that_are_read() -> None:
    """What stands last in each line of the documented SELECT, before its comma, is the name of a column."""
    (sql,) = re.findall(r"```sql\n(EXPORT DATA.*?)```", PAGES[ROOT / "docs" / "loading.md"], re.DOTALL)
    select = sql.split("SELECT")[1].split("\nFROM")[0]
    while "(" in select:
        select = re.sub(r"\([^()]*\)", "", select)
    names = [column.split()[-1] for column in select.split(",")]

    shape = shape_of("export", "Parquet", dict.fromkeys(names, "Nullable(String)"), ())

    assert (len(names), shape.time, shape.is_weighted) == (len(FIELDS) + 2, "date", True)
    assert all(name in shape.structure for name in names)
