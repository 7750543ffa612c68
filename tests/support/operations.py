"""What the app serves and what openapi.yaml documents, in one shape, so that the two can be compared."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.support.contract import STATIC, resolve

Operations = dict[str, Any]
"""By path, method and operation: {"/health": {"GET": {"id": …, "path": [names], "query": {name: schema}}}}."""

PREFIX_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What begins a package's name."""

IMPLIED = {"OPTIONS"}
"""What Litestar adds to every path."""


def served(app: Litestar) -> Operations:
    """The app's operations, from its routes and their query structs."""
    operations: Operations = {}
    for route in app.routes:
        if route.path.startswith(STATIC):
            continue
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            for method in set(handler.http_methods) - IMPLIED:
                assert handler.operation_id == handler.name
                operations.setdefault(re.sub(r":\w+\}", "}", route.path), {})[method] = {
                    "id": handler.operation_id,
                    "path": sorted(route.path_parameters),
                    "query": _query(handler.opt["query"]),
                }
    return operations


def _query(kind: type[msgspec.Struct]) -> dict[str, Any]:
    (whole,) = msgspec.json.schema(kind)["$defs"].values()
    return {
        name: _accepted(schema) | {"required": name in whole["required"]}
        for name, schema in whole["properties"].items()
    }


def _accepted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A field's schema as a parameter's: one that may be absent is not one that may be null."""
    accepted = dict(schema)
    for alternative in accepted.pop("anyOf", []):
        if alternative != {"type": "null"}:
            accepted |= alternative
    if accepted.get("default", ...) is None:
        del accepted["default"]
    if "enum" in accepted:
        accepted |= {"type": "string", "enum": sorted(accepted["enum"])}
    return accepted


def documented(contract: dict[str, Any]) -> Operations:
    """The contract's operations. GET stands for HEAD too: its `info.description` says so."""
    operations: Operations = {}
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            parameters = [resolve(parameter, contract) for parameter in operation.get("parameters", [])]
            facts = {
                "id": operation["operationId"],
                "path": sorted(p["name"] for p in parameters if p["in"] == "path"),
                "query": {p["name"]: _documented(p, contract) for p in parameters if p["in"] == "query"},
            }
            operations.setdefault(path, {}).update(dict.fromkeys(_methods(method), facts))
    return operations


def _methods(method: str) -> list[str]:
    return ["GET", "HEAD"] if method == "get" else [method.upper()]


def _documented(parameter: dict[str, Any], contract: dict[str, Any]) -> dict[str, Any]:
    schema = dict(resolve(parameter["schema"], contract)) | {"required": parameter.get("required", False)}
    # A badge shows which value is not accepted: the first alternative is what is, the second is anything.
    schema |= resolve(next(iter(schema.pop("anyOf", [])), {}), contract)
    schema.pop("description", None)
    if "enum" in schema:
        schema["enum"] = sorted(schema["enum"])
    # The rules for names are not in the structs but in app.names; test_contract.py compares them by what they accept.
    if "items" in schema and schema["items"] == {"$ref": "#/components/schemas/PackageName"}:
        schema["items"] = {"type": "string"}
    if schema.get("pattern") == PREFIX_PATTERN:
        del schema["pattern"]
    return schema


def differences(app: Operations, contract: Operations) -> list[str]:
    """What the app and the contract say differently; nothing where they agree."""
    return _differences("", app, contract)


def _differences(where: str, app: Any, contract: Any) -> list[str]:
    if not (isinstance(app, dict) and isinstance(contract, dict)):
        return [] if app == contract else [f"{where}: the app has {app!r}, openapi.yaml has {contract!r}"]
    found = []
    for name in sorted(app.keys() | contract.keys()):
        at = f"{where} {name}".strip()
        if name not in contract:
            found.append(f"{at}: not in openapi.yaml")
        elif name not in app:
            found.append(f"{at}: not in the app")
        else:
            found += _differences(at, app[name], contract[name])
    return found
