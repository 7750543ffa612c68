"""Each handler's response struct and its schema in openapi.yaml have the same fields, both ways."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings
from tests.support.bodies import Shape, body_differences, documented_bodies, served_bodies
from tests.support.contract import load_contract

SERVED = served_bodies(create_app(Settings(clickhouse_url="chdb:///unused")))
DOCUMENTED = documented_bodies(load_contract())


def test_handlers_declare_a_struct_where_the_contract_has_a_body() -> None:
    assert SERVED.keys() == DOCUMENTED.keys()
    assert len(SERVED) > 15


@pytest.mark.parametrize("operation", sorted(DOCUMENTED))
def test_struct_and_schema_are_equal(operation: str) -> None:
    assert body_differences("", SERVED[operation], DOCUMENTED[operation]) == []


def test_schemas_allow_no_other_fields() -> None:
    schemas = load_contract()["components"]["schemas"]
    open_ones = [name for name, schema in schemas.items() if "properties" in schema and schema["additionalProperties"]]
    assert open_ones == []


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("operation", "change", "complaint"),
    [
        ("get_recent_downloads", lambda s: s["RecentDownloads"]["required"].remove("type"), " required: "),
        ("get_recent_downloads", lambda s: s["RecentDownloadsData"].update(required=["last_day"]), "/data required: "),
        ("get_recent_downloads", lambda s: s["RecentDownloadsData"]["properties"].pop("last_week"), "/data order: "),
        ("get_top_packages", lambda s: s["RankedPackage"]["properties"].update(rank=s["Count"]), "/data/* order: "),
        ("get_top_packages", lambda s: s["TopPackages"]["properties"]["type"].update(const="top"), "/type values: "),
        ("get_top_packages", lambda s: s["Period"]["enum"].append("year"), "/period values: "),
        ("get_country_downloads", lambda s: s["Count"].update(type="number"), "/data/*/downloads type: "),
        ("get_country_downloads", lambda s: s["Day"].pop("format"), "/data/*/date format: "),
        ("get_summary", lambda s: s["CountByCategory"].update(additionalProperties={"type": "string"}), "/* type: "),
        ("get_summary", lambda s: s["Metadata"]["properties"]["version"].update(type="string"), "/version nullable: "),
        ("get_summary", lambda s: s["Count"].update(type=["integer", "null"]), "/totals/overall nullable: "),
        (
            "get_package",
            lambda s: s["PackageDetails"]["properties"].update(recent=s["RecentCounts"]),
            "/recent nullable: ",
        ),
        ("get_chart", lambda s: _reverse(s["ChartDataset"]["properties"]), "/datasets/* order: "),
    ],
    ids=lambda value: "" if callable(value) else value,
)
def test_the_comparison_notices(operation: str, change: Change, complaint: str) -> None:
    contract = json.loads(json.dumps(load_contract()))
    change(contract["components"]["schemas"])
    assert complaint in "\n".join(body_differences("", SERVED[operation], documented_bodies(contract)[operation]))


def _reverse(fields: Shape) -> None:
    names = list(reversed(fields))
    for name in names:
        fields[name] = fields.pop(name)
