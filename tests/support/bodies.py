"""The JSON bodies of responses: what the app's structs have, and what openapi.yaml documents, in one shape."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.support.contract import resolve

Resolve = Callable[[Any], Any]
Shape = dict[str, Any]


def served_bodies(app: Litestar) -> dict[str, Shape]:
    """By operationId, the shape of the struct that a handler declares as its JSON body."""
    handlers = [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]
    declared = {str(handler.operation_id): handler.opt.get("response") for handler in handlers}
    return {operation: struct_shape(struct) for operation, struct in declared.items() if struct is not None}


def documented_bodies(contract: dict[str, Any]) -> dict[str, Shape]:
    """By operationId, the shape of the JSON body that the contract documents for success."""
    operations = [operation for methods in contract["paths"].values() for operation in methods.values()]
    bodies = {
        operation["operationId"]: operation["responses"].get("200", {}).get("content", {}).get("application/json")
        for operation in operations
    }
    return {
        operation: shape(body["schema"], lambda part: resolve(part, contract))
        for operation, body in bodies.items()
        if body is not None
    }


def struct_shape(struct: type[msgspec.Struct]) -> Shape:
    """The shape of a struct as msgspec encodes it."""
    (schema,), definitions = msgspec.json.schema_components([struct], ref_template="{name}")
    return shape(schema, lambda part: definitions[part["$ref"]] if "$ref" in part else part)


def shape(schema: Any, resolve: Resolve) -> Shape:
    """What a JSON Schema says of types, fields in their order, nullability and choices; not of patterns and limits."""
    schema = resolve(schema)
    options = [resolve(option) for option in [*schema.get("anyOf", []), *schema.get("oneOf", [])]]
    types = {schema["type"]} if isinstance(schema.get("type"), str) else set(schema.get("type", []))
    nullable = "null" in types or any(option.get("type") == "null" for option in options)
    if nullable and options:
        (schema,) = [option for option in options if option.get("type") != "null"]
        return shape(schema, resolve) | {"nullable": True}
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    # A struct without a type beside its Literal: the values say it.
    types = types - {"null"} or {{str: "string", int: "integer"}[type(value)] for value in values}
    (kind,) = types
    found: Shape = {"type": kind, "nullable": nullable}
    if values:
        found["values"] = sorted(values)
    if kind == "array":
        found["items"] = shape(schema["items"], resolve)
    elif kind == "object" and "properties" in schema:
        fields = schema["properties"]
        # msgspec requires no field that has a default, but encodes it, unless the default is UNSET.
        required = [name for name in fields if name in schema.get("required", []) or "default" in resolve(fields[name])]
        found |= {
            "order": list(fields),
            "required": required,
            "fields": {name: shape(field, resolve) for name, field in fields.items()},
        }
    elif kind == "object":
        found["fields"] = {"*": shape(schema["additionalProperties"], resolve)}
    elif kind == "string" and "format" in schema:
        found["format"] = schema["format"]
    return found


def body_differences(where: str, app: Shape, contract: Shape) -> list[str]:
    """What the two say differently. The contract may say more about a string or boolean: its values, or its format
    (msgspec has none for a datetime)."""
    facts = ["type", "nullable", "order", "required"]
    facts += [fact for fact in ("values", "format") if fact in app or app["type"] not in {"string", "boolean"}]
    found = [
        f"{where} {fact}: the app has {app.get(fact)!r}, openapi.yaml has {contract.get(fact)!r}"
        for fact in facts
        if app.get(fact) != contract.get(fact)
    ]
    for part in ("items", "fields"):
        if part in app and part in contract:
            ours, theirs = ({"*": side[part]} if part == "items" else side[part] for side in (app, contract))
            for name in ours.keys() & theirs.keys():
                found += body_differences(f"{where}/{name}", ours[name], theirs[name])
    return sorted(found)
