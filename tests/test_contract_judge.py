"""The judge of answers (tests/support/contract.py) accepts what openapi.yaml allows, and nothing else."""

import json
from typing import Any

import httpx
import pytest

from tests.support.contract import load_contract, validate_answer

(EXPOSED,) = load_contract()["components"]["headers"]["ExposeHeaders"]["schema"]["enum"]


def _answer(status: int = 200, body: Any = None, method: str = "GET", **headers: str | None) -> httpx.Response:
    """An answer of /api/search that is right but for what is given; a header that is None is left out."""
    right = {
        "Content-Type": "application/json",
        "ETag": f'"{"0" * 32}"',
        "Cache-Control": "public, max-age=300",
        "Vary": "Accept-Encoding",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": EXPOSED,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Request-ID": "1",
    }
    given_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(
        status,
        headers={name: value for name, value in (right | given_headers).items() if value is not None},
        content=json.dumps({"data": [], "type": "search"} if body is None else body).encode(),
        request=httpx.Request(method, "http://test/api/search?q=a"),
    )


def test_the_judge_accepts_what_is_right() -> None:
    validate_answer(_answer())


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (_answer(status=201), "not documented"),
        (_answer(method="POST"), "not documented"),
        (_answer(method="HEAD"), "with a body"),
        (_answer(ETag=None), "without ETag"),
        (_answer(ETag="W/1"), "etag: it is not as documented"),
        (_answer(Access_Control_Allow_Origin="null"), "without Access-Control-Allow-Origin"),
        (_answer(X_Other="1"), "not documented: x-other"),
        (_answer(X_Request_ID=None), "with x-request-id 0 times"),
        (_answer(X_Request_ID="a b"), "with x-request-id: a b"),
        (_answer(Referrer_Policy="origin"), "with referrer-policy: origin"),
        (_answer(RateLimit_Limit="5"), "with ratelimit-policy 0 times"),
        (_answer(Content_Type="text/html"), "as 'text/html'"),
        (_answer(Content_Type="application/json; charset=utf-8; charset=utf-8"), "Content-Type parameters"),
        (_answer(status=503, ETag=None, Vary=None), "without an integer Retry-After"),
        (_answer(body={"data": []}), '"type" is a required property'),
        (_answer(body={"data": [], "type": "search", "more": 1}), "'more' was unexpected"),
        (_answer(body={"data": [{"package": "a", "downloads": -1}], "type": "search"}), "data/0/downloads"),
        (_answer(body={"data": [{"package": "A", "downloads": 1}], "type": "search"}), "data/0/package"),
        (_answer(body={"data": [{"package": "a", "downloads": float("nan")}], "type": "search"}), "not JSON"),
    ],
)
def test_the_judge_refuses_what_is_wrong(answer: httpx.Response, complaint: str) -> None:
    with pytest.raises(AssertionError) as refused:
        validate_answer(answer)
    assert complaint in str(refused.value)
