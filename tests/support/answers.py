"""What tests say about answers, in few words."""

import time
from typing import Any

import httpx
from litestar.testing import TestClient


def body(response: httpx.Response) -> Any:
    """The JSON body of an answer that must be 200."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def rows(*lines: str) -> list[dict[str, Any]]:
    """The data of a series, from lines of `category date downloads`."""
    data = []
    for line in lines:
        category, day, downloads = line.rsplit(" ", 2)
        data.append({"category": category, "date": day, "downloads": int(downloads)})
    return data


def series(dimension: str, package: str, *lines: str) -> dict[str, Any]:
    """The whole body of a series."""
    return {"data": rows(*lines), "package": package, "type": f"{dimension}_downloads"}


def headers_of(response: httpx.Response) -> dict[str, str]:
    """The headers but the request id, which no two answers share."""
    return {name: value for name, value in response.headers.items() if name != "x-request-id"}


def assert_problem(response: httpx.Response, status: int, title: str, detail: str) -> None:
    """Fail where an answer is not exactly this problem, or lacks what every problem has."""
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["access-control-allow-origin"] == "*"
    assert (response.status_code, response.json()) == (status, {"status": status, "title": title, "detail": detail})


def assert_bad(response: httpx.Response, detail: str) -> None:
    """Fail where an answer is not exactly this refusal of a parameter."""
    assert_problem(response, 400, "Bad Request", detail)


def assert_unknown(response: httpx.Response, package: str) -> None:
    """Fail where an answer does not say that a package is not known."""
    assert_problem(response, 404, "Not Found", f"package: no download of {package!r} has been loaded")


WAIT_SECONDS = 20


def eventually(client: TestClient[Any], path: str, expected: Any) -> httpx.Response:
    """The answer, as soon as it is the one expected: a server looks for new data every few seconds."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        answer = client.get(path)
        if answer.status_code == 200 and answer.json() == expected:
            return answer
        assert time.monotonic() < until, answer.text
        time.sleep(0.05)
