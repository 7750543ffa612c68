"""What the README lists is what there is."""

import re
from pathlib import Path

from app.cli import main
from app.main import ROUTES
from app.warehouse.sources import BIGQUERY_COLUMNS, CLICKHOUSE_COLUMNS

STATIC = "/static/"
"""What pages are made of is no endpoint."""

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


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
        of_every_series = {"start_date", "end_date", "granularity", "format"}
        known = set(route.opt["query"].__struct_fields__)
        listed = set(re.findall(r"`(\w+)(?:=[^`]*)?`", parameters))
        assert listed == (known - of_every_series if known >= of_every_series else known), path


def test_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|\$ )make (\w+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    named = set(re.findall(r"pypistats-server (\w+)", README))
    assert named == set(main.commands)
    for command, option in re.findall(r"pypistats-server (\w+) --(\w+)", README):
        assert f"--{option}" in {o for parameter in main.commands[command].params for o in parameter.opts}


def test_columns_of_input() -> None:
    for columns in (BIGQUERY_COLUMNS, CLICKHOUSE_COLUMNS):
        assert any(
            all(f"`{column}`" in line for column in columns) for line in section("Your own data").splitlines()
        ), columns
