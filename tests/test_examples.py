"""The examples ask for what the server answers."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.support.events import event

EXAMPLES = Path(__file__).parents[1] / "examples"
DASHBOARD = json.loads((EXAMPLES / "grafana.json").read_text(encoding="utf-8"))
VARIABLES = {
    "${server}": "",
    "${package}": "numpy",
    "${granularity}": "week",
    "${__from:date:YYYY-MM-DD}": "2026-03-01",
    "${__to:date:YYYY-MM-DD}": "2026-03-10",
}


@pytest.fixture(scope="module")
def client(
    client_of: Callable[[Iterable[Mapping[str, Any]]], TestClient[Any]],
) -> TestClient[Any]:
    return client_of([event()])


TARGETS = [pytest.param(target, id=panel["title"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("target", TARGETS)
def test_a_panel_asks_for_what_there_is(client: TestClient[Any], target: dict[str, Any]) -> None:
    url = target["url"]
    assert url.startswith("${server}/api/")
    for variable, value in VARIABLES.items():
        url = url.replace(variable, value)
    assert "$" not in url

    answer = client.get(url)

    assert answer.status_code == 200
    assert target["root_selector"] == "$.data"
    data = answer.json()["data"]
    row = data[0] if isinstance(data, list) else data
    assert {column["selector"] for column in target["columns"]} <= set(row)


def test_the_dashboard_names_its_variables() -> None:
    named = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{(\w+)\}", json.dumps(DASHBOARD["panels"])))

    assert used <= named
    assert [panel["id"] for panel in DASHBOARD["panels"]] == list(range(1, len(DASHBOARD["panels"]) + 1))
