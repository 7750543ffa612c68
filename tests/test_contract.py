"""openapi.yaml and the app say the same, both ways, and every example in the file is true."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from app.api.parameters import BadParameterError, name_prefix, package_name
from app.main import create_app
from app.settings import Secret, Settings
from tests.support.contract import CONTRACT, load_contract, operation_path, resolve, schema_accepts
from tests.support.dataset import Dataset
from tests.support.ecosystem import indexed, running_ecosystem
from tests.support.examples import EXAMPLE_EVENTS, Example, examples, without_example
from tests.support.operations import Operations, differences, documented, served
from tests.support.pictures import picture_size
from tests.support.scale import sized
from tests.support.server import NOWHERE

CONTRACT_DATA = load_contract()
EXAMPLES = list(examples(CONTRACT_DATA))
Client = TestClient[Any]


@pytest.fixture(scope="module")
def example_data(make_dataset: Callable[[], Dataset]) -> Dataset:
    """The downloads that the examples are about."""
    dataset = make_dataset()
    dataset.load(EXAMPLE_EVENTS)
    return dataset


@pytest.fixture(scope="module")
def loaded(example_data: Dataset) -> Iterator[Client]:
    """An app that answers the contract's examples."""
    with running_ecosystem() as stub, indexed(example_data, stub) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture(scope="module")
def without_index(example_data: Dataset) -> Iterator[Client]:
    """The same without GITHUB_TOKEN: what /health says of an index depends on what was asked of it before."""
    with example_data.client(metrics="/metrics") as client:
        yield client


@pytest.fixture(scope="module")
def limited(example_data: Dataset) -> Iterator[Client]:
    """An app that lets a client ask once a second."""
    with example_data.client(rate_limit="1/second") as client:
        yield client


def beyond_the_limit(limited: Client, url: str) -> httpx.Response:
    """The first answer that is refused; on a busy machine it may not be the second."""
    return next(answer for answer in iter(lambda: limited.get(url), None) if answer.status_code == 429)


@pytest.fixture(scope="module")
def empty(make_dataset: Callable[[], Dataset]) -> Iterator[Client]:
    """An app without data that sends no requests."""
    with make_dataset().client(pypi_api_url=NOWHERE) as client:
        yield client


@pytest.fixture(scope="module")
def building(make_dataset: Callable[[], Dataset]) -> Iterator[Client]:
    """An app without data whose index is never built."""
    settings = {"github_token": Secret("t"), "github_api_url": NOWHERE, "pypi_api_url": NOWHERE}
    with make_dataset().client(**settings) as client:
        yield client


@pytest.fixture(scope="module")
def older(make_dataset: Callable[[], Dataset]) -> Iterator[Client]:
    """An app with downloads of which the origin is not loaded."""
    dataset = make_dataset()
    dataset.load(EXAMPLE_EVENTS, dimensions=[])
    with dataset.client() as client:
        yield client


@pytest.fixture(scope="module")
def routes() -> Operations:
    """What the app serves; it need not start for that."""
    return served(create_app(Settings(clickhouse_url="chdb:///unused")))


def test_the_app_and_the_contract_are_equal(routes: Operations) -> None:
    assert differences(routes, documented(CONTRACT_DATA)) == []


def _delete_a_path(contract: dict[str, Any]) -> None:
    del contract["paths"]["/api/top"]


def _document_a_path_more(contract: dict[str, Any]) -> None:
    contract["paths"]["/api/bottom"] = contract["paths"]["/api/top"]


def _document_a_method_more(contract: dict[str, Any]) -> None:
    contract["paths"]["/api/top"]["post"] = contract["paths"]["/api/top"]["get"]


def _rename_an_operation(contract: dict[str, Any]) -> None:
    contract["paths"]["/api/top"]["get"]["operationId"] = "get_top"


def _delete_a_parameter(contract: dict[str, Any]) -> None:
    del contract["paths"]["/api/top"]["get"]["parameters"][0]


def _change_an_enum(contract: dict[str, Any]) -> None:
    contract["components"]["schemas"]["Granularity"]["enum"].append("year")


def _change_a_limit(contract: dict[str, Any]) -> None:
    contract["components"]["schemas"]["Text"]["maxLength"] += 1


def _change_a_pattern(contract: dict[str, Any]) -> None:
    contract["components"]["schemas"]["Text"]["pattern"] = "^.+$"


def _delete_a_default(contract: dict[str, Any]) -> None:
    del contract["paths"]["/health"]["get"]["parameters"][0]["schema"]["default"]


def _require_less(contract: dict[str, Any]) -> None:
    del contract["paths"]["/api/search"]["get"]["parameters"][0]["required"]


def _rename_a_path_parameter(contract: dict[str, Any]) -> None:
    contract["components"]["parameters"]["Package"]["name"] = "name"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_delete_a_path, "/api/top: not in openapi.yaml"),
        (_document_a_path_more, "/api/bottom: not in the app"),
        (_document_a_method_more, "/api/top POST: not in the app"),
        (_rename_an_operation, "/api/top GET id: the app has 'get_top_packages', openapi.yaml has 'get_top'"),
        (_delete_a_parameter, "/api/top GET query period: not in openapi.yaml"),
        (
            _change_an_enum,
            "/api/packages/{package}/overall GET query granularity enum: the app has ['day', 'month', 'week'], "
            "openapi.yaml has ['day', 'month', 'week', 'year']",
        ),
        (
            _change_a_limit,
            "/api/packages/{package}/country GET query country maxLength: the app has 200, openapi.yaml has 201",
        ),
        (
            _change_a_pattern,
            r"/api/packages/{package}/country GET query country pattern: the app has '^[^\\x00-\\x1f\\x7f]+$', "
            "openapi.yaml has '^.+$'",
        ),
        (_delete_a_default, "/health GET query deep default: not in openapi.yaml"),
        (_require_less, "/api/search GET query q required: the app has True, openapi.yaml has False"),
        (
            _rename_a_path_parameter,
            "/api/packages/{package}/overall GET path: the app has ['package'], openapi.yaml has ['name']",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None) or "complaint",
)
def test_the_comparison_notices(routes: Operations, change: Callable[[dict[str, Any]], None], complaint: str) -> None:
    contract = json.loads(json.dumps(CONTRACT_DATA))
    change(contract)
    assert complaint in differences(routes, documented(contract))


def test_the_comparison_notices_a_new_route(routes: Operations) -> None:
    more = copy.deepcopy(routes) | {"/api/new": {"GET": {"id": "get_new", "path": [], "query": {}}}}
    assert differences(more, documented(CONTRACT_DATA)) == ["/api/new: not in openapi.yaml"]


def test_the_file_is_plain_data() -> None:
    """A date without quotes would be something else to YAML than to JSON."""
    assert json.loads(json.dumps(CONTRACT_DATA, allow_nan=False)) == CONTRACT_DATA


def test_the_file_is_served(loaded: Client) -> None:
    response = loaded.get("/openapi.yaml")
    assert response.headers["content-type"].startswith("application/yaml")
    assert response.content == CONTRACT.read_bytes()


NAMES = st.text("aZ09._-~ é\n\x00", max_size=12) | st.sampled_from(
    ["__all__", "__ALL__", "__all", "a" * 200, "a" * 201, "a\n", "K", "a-", "-a", "a_", "A._-b"]
)
Name = Callable[[str], str]


@pytest.mark.parametrize(
    ("normalise", "schema"),
    [
        (package_name, CONTRACT_DATA["components"]["parameters"]["Package"]["schema"]),
        (package_name, CONTRACT_DATA["paths"]["/api/recent"]["get"]["parameters"][0]["schema"]["items"]),
        (name_prefix, CONTRACT_DATA["paths"]["/api/search"]["get"]["parameters"][0]["schema"]),
    ],
    ids=["package", "packages", "q"],
)
@pytest.mark.large
@settings(derandomize=True, max_examples=sized(60, 300), deadline=None)
@given(text=NAMES)
def test_names_are_the_names_that_the_contract_accepts(normalise: Name, schema: dict[str, Any], text: str) -> None:
    try:
        name = normalise(text)
    except BadParameterError:
        assert not schema_accepts(schema, text)
    else:
        assert schema_accepts(schema, text)
        assert normalise is name_prefix or schema_accepts(CONTRACT_DATA["components"]["schemas"]["NormalName"], name)


def test_every_operation_has_examples() -> None:
    assert without_example(CONTRACT_DATA) == []


def test_operations_without_example_are_noticed() -> None:
    contract = json.loads(json.dumps(CONTRACT_DATA))
    del contract["paths"]["/api/packages/{package}/system"]["get"]["responses"]["200"]["content"]["text/csv"][
        "examples"
    ]
    contract["paths"]["/api/top"]["get"]["responses"]["200"]["content"]["application/json"]["examples"] = {}
    del contract["paths"]["/api/package/{rest}"]["get"]["responses"]["308"]["headers"]["Location"]["example"]
    assert without_example(contract) == [
        "/api/packages/{package}/system 200 text/csv",
        "/api/top 200 application/json",
        "/api/package/{rest} 308 Location",
    ]


def assert_abridged(example: str, text: str) -> None:
    """The whole text is as in the example, where `…` stands for anything."""
    parts = example.strip().split("…")
    assert re.fullmatch(".*".join(map(re.escape, parts)), text, re.DOTALL), f"{example!r} is not {text[:2000]!r}"


@pytest.mark.parametrize(
    "text", ["<h1>numpy</h1>", "<!doctype html><h1>pandas</h1>", "<!doctype html><h1>numpy</h1>\n"]
)
def test_an_abridged_example_that_is_not_true_is_noticed(text: str) -> None:
    assert_abridged("<!doctype html>…<h1>numpy</h1>", "<!doctype html>\n<title>numpy</title>\n<h1>numpy</h1>")
    with pytest.raises(AssertionError):
        assert_abridged("<!doctype html>…<h1>numpy</h1>", text)


@pytest.mark.every_backend
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_examples_are_true(
    loaded: Client, empty: Client, without_index: Client, limited: Client, example: Example
) -> None:
    method, url = example.request.split(" ")
    plain = {"get_health", "get_metrics"}
    client = empty if example.status in {"409", "503"} else without_index if example.operation in plain else loaded
    response = beyond_the_limit(limited, url) if example.status == "429" else client.request(method, url)
    assert str(response.status_code) == example.status
    assert response.headers["content-type"].split(";")[0] == example.media_type
    if example.file:
        assert response.content == example.file.read_bytes()
    elif example.size:
        assert picture_size(response.content) == example.size
    elif example.media_type in {"text/html", "text/plain", "text/xml"}:
        assert_abridged(example.body, response.text)
    elif not example.media_type.endswith("json"):
        assert response.content.decode() == example.body
    else:
        assert response.json() == example.body


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_stands_at_its_operation(example: Example) -> None:
    if example.operation in CONTRACT_DATA["components"]["responses"]:
        return
    path = operation_path(urlsplit(example.request.split(" ")[1]).path)
    assert path is not None
    assert CONTRACT_DATA["paths"][path]["get"]["operationId"] == example.operation


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.request.startswith("GET ")], ids=lambda e: e.name)
def test_head_is_get_without_a_body(loaded: Client, example: Example) -> None:
    url = example.request.removeprefix("GET ")
    named = {"X-Request-ID": "the-same"}
    get, head = loaded.get(url, headers=named), loaded.head(url, headers=named)
    assert (head.status_code, head.headers) == (get.status_code, get.headers)
    assert head.content == b""


def test_the_redirect_s_example_is_true(loaded: Client) -> None:
    operation = CONTRACT_DATA["paths"]["/api/package/{rest}"]["get"]
    response = loaded.get(f"/api/package/{operation['parameters'][0]['example']}")
    assert response.status_code == 308
    assert response.headers["location"] == operation["responses"]["308"]["headers"]["Location"]["example"]


LINKS = [
    pytest.param(operation, link, id=f"{operation['operationId']}-{name}")
    for operation in (methods["get"] for methods in CONTRACT_DATA["paths"].values())
    for name, link in operation["responses"].get("200", {}).get("links", {}).items()
]
PATHS = {methods["get"]["operationId"]: path for path, methods in CONTRACT_DATA["paths"].items()}


@pytest.mark.parametrize(("operation", "link"), LINKS)
def test_links_lead_to_answers(loaded: Client, operation: dict[str, Any], link: dict[str, Any]) -> None:
    """From the first example of an operation to another operation, whatever the format of the response is."""
    request = next(e.request for e in EXAMPLES if e.operation == operation["operationId"])
    assert link["parameters"] == {"package": "$request.path.package"}
    package = request.removeprefix("GET /api/packages/").split("/")[0]
    assert loaded.get(PATHS[link["operationId"]].format(package=package)).status_code == 200


STATUSES = [
    (path, status)
    for path, methods in CONTRACT_DATA["paths"].items()
    for status in methods["get"]["responses"]
    if status not in {"200", "308", "500"}  # the examples show the first two; no request provokes the last
]


REQUIRED = {
    "/api/search": "?q=num",
    "/api/recent": "?package=numpy",
    "/api/packages/{package}/badge": "?strict=true",
}
"""The queries of operations that need one."""


@pytest.mark.parametrize(("path", "status"), STATUSES)
def test_every_documented_status_is_answered(
    loaded: Client, empty: Client, older: Client, building: Client, limited: Client, path: str, status: str
) -> None:
    url = _provoking(path, status)
    if (path, status) == ("/api/top", "404"):
        assert older.get(f"{url}?origin=ci").status_code == 404
        return
    if status == "429":
        assert beyond_the_limit(limited, url).status_code == 429
        return
    etag = loaded.get(url).headers.get("etag", "none")
    headers = {"If-None-Match": etag} if status == "304" else {}
    client = {"409": empty, "503": building}.get(status, loaded)
    response = client.get(url, headers=headers)
    assert str(response.status_code) == status


def _provoking(path: str, status: str) -> str:
    """A URL that an operation answers with a status, on the data that fit it."""
    names = {"400": "-", "404": "unheard-of"}
    url = path.format(package=names.get(status, "numpy"), type="overall", rest="numpy" if status == "429" else "")
    if status == "400" and "{" not in path:
        first = resolve(CONTRACT_DATA["paths"][path]["get"]["parameters"][0])
        return f"{url}?{first['name']}=%00"  # no parameter accepts a control character
    if (path, status) == ("/health", "503"):
        return f"{url}?deep=1"
    return url + REQUIRED.get(path, "")
