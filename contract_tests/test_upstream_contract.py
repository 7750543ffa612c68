"""All of the contract that upstream publishes is in openapi.yaml.

upstream_contract.json is that contract frozen: by path, its parameters, status codes, media types and body.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.contract import load_contract, resolve

FROZEN = Path(__file__).with_name("upstream_contract.json")
PUBLISHED = Path(__file__).parents[2] / "shared" / "upstream" / "contract.json"

UPSTREAM: dict[str, Any] = json.loads(FROZEN.read_text(encoding="utf-8"))
EXACTLY_UPSTREAM_S_KEYS = [
    f"/api/packages/{{package}}/{name}" for name in ("recent", "overall", "python_major", "python_minor", "system")
]
"""Clients of these fail on a key that they do not know."""


def lacking(upstream: Mapping[str, Any], contract: dict[str, Any], path: str) -> list[str]:
    """What upstream's contract says of a path and ours does not."""
    ours = contract["paths"].get(path)
    if ours is None:
        return ["the path"]
    answers = ours["get"]["responses"]
    parameters = {(p["in"], p["name"]): p for p in (resolve(p, contract) for p in ours["get"]["parameters"])}
    content = answers["200"]["content"]
    return [
        *(
            f"parameter {name}"
            for name, p in upstream["params"].items()
            if not _same(p, parameters.get((p["in"], name)), contract)
        ),
        *(f"status {code}" for code in upstream["codes"] if code not in answers),
        *(f"media type {name}" for name in upstream["types"] if name not in content),
        *_lacking_properties(
            "",
            upstream["body"],
            resolve(content["application/json"]["schema"], contract),
            contract,
            _asked_for((p for (_, name), p in parameters.items() if name not in upstream["params"]), contract),
        ),
    ]


def _same(upstream: Mapping[str, Any], ours: Mapping[str, Any] | None, contract: dict[str, Any]) -> bool:
    """Whether a parameter is there, and accepts what upstream's accepts."""
    if ours is None or ours.get("required", False) != upstream["required"]:
        return False
    choices = resolve(ours["schema"], contract).get("enum")
    if upstream["enum"] is None:
        return choices is None
    return set(upstream["enum"]) <= set(choices or [])


def _asked_for(parameters: Iterable[Mapping[str, Any]], contract: dict[str, Any]) -> set[str]:
    """The values that parameters accept: only who sends such a parameter gets them in an answer."""
    return {value for p in parameters for value in _values(resolve(p["schema"], contract))}


def _values(schema: Mapping[str, Any]) -> list[str]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def _lacking_properties(
    where: str, upstream: Mapping[str, Any], schema: dict[str, Any], contract: dict[str, Any], asked_for: set[str]
) -> list[str]:
    found = []
    for name, expected in upstream.items():
        at = f"{where}/{name}"
        ours = resolve(schema.get("properties", {}).get(name, {}), contract)
        if ours.get("type") != expected["type"]:
            found.append(f"type of {at}")
        if name not in schema.get("required", []):
            found.append(f"{at} in every answer")
        # A client has to do with the values that upstream names, neither fewer nor more, until it asks for others by
        # a parameter that upstream has not.
        if "enum" in expected and set(_values(ours)) - (asked_for - set(expected["enum"])) != set(expected["enum"]):
            found.append(f"values of {at}")
        items = resolve(ours.get("items", {}), contract)
        found += _lacking_properties(f"{at}/*", expected.get("items", {}), items, contract, asked_for)
        found += _lacking_properties(at, expected.get("properties", {}), ours, contract, asked_for)
    return found


@pytest.mark.parametrize("path", UPSTREAM)
def test_ours_contains_upstream_s(path: str) -> None:
    assert lacking(UPSTREAM[path], load_contract(), path) == []


@pytest.mark.parametrize("path", EXACTLY_UPSTREAM_S_KEYS)
def test_these_have_upstream_s_keys_and_no_more(path: str) -> None:
    schema = resolve(load_contract()["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"])
    body = UPSTREAM[path]["body"]
    _assert_exactly(body, schema)
    if "items" in body["data"]:
        _assert_exactly(body["data"]["items"], resolve(resolve(schema["properties"]["data"])["items"]))


def _assert_exactly(keys: Mapping[str, Any], schema: dict[str, Any]) -> None:
    assert set(schema["properties"]) == set(keys)
    assert set(schema["required"]) == set(keys)
    assert schema["additionalProperties"] is False


def _system(contract: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = contract["paths"]["/api/packages/{package}/system"]["get"]
    return operation


def _schema(contract: dict[str, Any], name: str) -> dict[str, Any]:
    schema: dict[str, Any] = contract["components"]["schemas"][name]
    return schema


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: c["paths"].pop("/api/packages/{package}/system"), "the path"),
        (lambda c: _system(c)["parameters"].pop(1), "parameter os"),
        (lambda c: _system(c)["parameters"][1].update(required=True), "parameter os"),
        (lambda c: c["components"]["schemas"]["System"]["enum"].remove("other"), "parameter os"),
        (lambda c: c["components"]["schemas"]["PackageName"].update(enum=["numpy"]), "parameter package"),
        (lambda c: _system(c)["responses"]["200"]["content"].pop("text/csv"), None),
        (lambda c: _schema(c, "SystemSeries")["required"].remove("type"), "/type in every answer"),
        (lambda c: _schema(c, "SystemSeries")["properties"]["type"].update(const="x"), "values of /type"),
        (
            lambda c: _schema(c, "SystemSeries")["properties"]["package"].update(
                {"$ref": "#/components/schemas/Count"}
            ),
            "type of /package",
        ),
        (lambda c: _schema(c, "SystemRow")["properties"].pop("date"), "type of /data/*/date"),
    ],
)
def test_the_comparison_notices(change: Callable[[dict[str, Any]], Any], complaint: str | None) -> None:
    """Whatever upstream has; what is ours alone (CSV) may go."""
    contract = json.loads(json.dumps(load_contract()))
    change(contract)
    path = "/api/packages/{package}/system"
    assert lacking(UPSTREAM[path], contract, path) == ([complaint] if complaint else [])


@pytest.mark.skipif(not PUBLISHED.exists(), reason=f"upstream's contract as published is not at {PUBLISHED}")
def test_the_frozen_contract_is_the_published_one() -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert published == UPSTREAM
