"""openapi.yaml as the judge of every answer that a test gets.

It is read here without the app's help: `validate_answer` must not share a mistake with what it judges.
"""

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import yaml

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CONTRACT = Path(__file__).parents[2] / "openapi.yaml"

STATIC = "/static/"
"""Where the pages' own files are. They are no part of the contract."""

UNDOCUMENTED_HEADERS = {
    "content-type",
    "content-length",
    "content-encoding",
    "date",
    "server",
    "connection",
    "age",
    *(
        EVERYWHERE := {
            "x-content-type-options": "nosniff",
            "cross-origin-resource-policy": "cross-origin",
            "referrer-policy": "no-referrer",
            "x-request-id": r"[A-Za-z0-9._=:+/-]{1,128}",
        }
    ),
    *(
        LIMITS := {
            "ratelimit-policy": r'"default";q=\d+;w=\d+',
            "ratelimit": r'"default";r=\d+;t=\d+',
            "ratelimit-limit": r"\d+",
            "ratelimit-remaining": r"\d+",
            "ratelimit-reset": r"\d+",
        }
    ),
}
"""What HTTP itself has, and what the contract promises in words, of every answer."""
PREFLIGHT_HEADERS = {"access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"}
"""What the Fetch standard has in an answer to OPTIONS."""


@cache
def load_contract() -> dict[str, Any]:
    """openapi.yaml, aliases expanded, $refs as they are."""
    contract: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    return contract


def resolve(part: Any, contract: dict[str, Any] | None = None) -> Any:
    """A part of the contract, or the component that it refers to, with what stands beside the reference."""
    while isinstance(part, dict) and "$ref" in part:
        beside = {name: value for name, value in part.items() if name != "$ref"}
        names = part["$ref"].removeprefix("#/").split("/")
        part = load_contract() if contract is None else contract
        for name in names:
            part = part[name]
        part = part | beside if beside else part
    return part


def validate_answer(response: httpx.Response) -> None:
    """Fail where an answer is not one that openapi.yaml allows for its request."""
    if response.request.url.path.startswith(STATIC):
        return
    response.read()
    name, answer = _documented(response)
    where = f"{response.request.method} {response.request.url} answered {response.status_code}"
    assert answer is not None, f"{where}, which is not documented: {response.text[:300]}"
    _check_promises(response, name, where)
    _check_headers(response, answer, where)
    _check_body(response, answer, name, where)


def _documented(response: httpx.Response) -> tuple[str | None, dict[str, Any] | None]:
    """The path as the contract has it, and the documented answer; None for what is not documented."""
    name = operation_path(response.request.url.path)
    shared = load_contract()["components"]["responses"]
    status = str(response.status_code)
    method = response.request.method
    limited = {"429": shared["TooManyRequests"]}
    if name is None:
        answers = {"404": shared["NotFound"], **limited}
    elif method == "OPTIONS":
        answers = {"204": shared["Preflight"], **limited}
    elif method in {"GET", "HEAD"}:
        answers = load_contract()["paths"][name]["get"]["responses"]
    else:
        answers = {"405": shared["MethodNotAllowed"], **limited}
    return name, resolve(answers.get(status))


@cache
def _path_patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Each documented path, with the paths that it stands for. `rest` stands for any number of segments."""
    patterns = []
    for path in load_contract()["paths"]:
        pattern = re.escape(path).replace(r"\{rest\}", ".+")
        patterns.append((path, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern) + "/?", re.DOTALL)))
    return patterns


def operation_path(path: str) -> str | None:
    """The path as openapi.yaml has it, for a (decoded) path that was asked."""
    return next((name for name, pattern in _path_patterns() if pattern.fullmatch(path)), None)


def _check_promises(response: httpx.Response, name: str | None, where: str) -> None:
    """What every answer must have, whatever the contract says of it."""
    headers = response.headers
    assert headers.get("access-control-allow-origin") == "*", f"{where} without Access-Control-Allow-Origin: *"
    limits = LIMITS if headers.keys() & LIMITS.keys() else {}
    for header, pattern in (EVERYWHERE | limits).items():
        values = headers.get_list(header)
        assert len(values) == 1, f"{where} with {header} {len(values)} times"
        assert re.fullmatch(pattern, values[0]), f"{where} with {header}: {values[0]}"
    assert not limits or name not in {"/health", "/metrics"}, f"{where} within a limit"
    if name not in {"/health", "/metrics"} and response.status_code in {200, 304}:
        assert "etag" in headers, f"{where} without ETag"
        assert "cache-control" in headers, f"{where} without Cache-Control"
    if response.status_code in {429, 503}:
        assert re.fullmatch("[0-9]+", headers.get("retry-after", "")), f"{where} without an integer Retry-After"


def _check_headers(response: httpx.Response, answer: dict[str, Any], where: str) -> None:
    documented = {name.lower(): resolve(header) for name, header in answer.get("headers", {}).items()}
    ignored = UNDOCUMENTED_HEADERS | (PREFLIGHT_HEADERS if response.request.method == "OPTIONS" else set())
    undocumented = set(response.headers) - set(documented) - ignored
    assert not undocumented, f"{where} with headers that are not documented: {', '.join(sorted(undocumented))}"
    for name, header in documented.items():
        values = response.headers.get_list(name)
        assert len(values) <= 1, f"{where} with {name} {len(values)} times"
        assert values or not header.get("required"), f"{where} without {name}"
        for value in values:
            _check_value(_header_value(value, header["schema"]), header["schema"], f"{where}: {name}")


def _header_value(text: str, schema: dict[str, Any]) -> Any:
    is_number = schema["type"] == "integer" and re.fullmatch("[0-9]+", text)
    return int(text) if is_number else text


def _check_body(response: httpx.Response, answer: dict[str, Any], name: str | None, where: str) -> None:
    content = answer.get("content", {})
    if response.request.method == "HEAD" or not content:
        assert response.content == b"", f"{where} with a body"
    if not content:
        return
    media_type, _, parameters = response.headers.get("content-type", "").partition(";")
    assert media_type in content, f"{where} as {media_type!r}; documented is {', '.join(content)}"
    known = {"", "charset=utf-8", *(["version=1.0.0; charset=utf-8"] if name == "/metrics" else [])}
    assert parameters.strip().lower() in known, f"{where} with Content-Type parameters {parameters!r}"
    schema = content[media_type].get("schema")
    if response.request.method == "HEAD" or schema is None:
        return
    content = content_of(response)
    body: Any = _decode(content, where) if media_type.endswith("json") else content.decode("utf-8")
    _check_value(body, schema, where)
    if media_type == "application/problem+json":
        assert body["status"] == response.status_code, f"{where}; its body says {body['status']}"


def content_of(response: httpx.Response) -> bytes:
    """The content of an answer, decoded; httpx itself does not know Zstandard."""
    if response.headers.get("content-encoding") == "zstd":
        return zstd.decompress(response.content)
    return response.content


def _decode(content: bytes, where: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{where} with {constant}, which is not JSON")

    try:
        return json.loads(content, parse_constant=refuse)
    except ValueError as error:
        raise AssertionError(f"{where} with a body that is not JSON: {error}") from error


def _check_value(value: Any, schema: dict[str, Any], where: str) -> None:
    error = next(_validator(json.dumps(schema)).iter_errors(value), None)
    if error is not None:
        at = "/".join(map(str, error.instance_path))
        raise AssertionError(f"{where}: {at or 'it'} is not as documented: {error.message[:500]}")


def schema_accepts(schema: dict[str, Any], value: Any) -> bool:
    """Whether a value is one that a schema of the contract allows."""
    return _validator(json.dumps(schema)).is_valid(value)


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """The validator of a schema of the contract, given as JSON; it may refer to the contract's components."""
    whole = {**json.loads(schema), "components": load_contract()["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
