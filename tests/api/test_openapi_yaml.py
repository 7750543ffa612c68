"""`/openapi.yaml`: the contract, served as it is."""

from pathlib import Path

from tests.support.answers import headers_of
from tests.support.dataset import Dataset

CONTRACT = Path(__file__).parents[2] / "openapi.yaml"


def test_the_file_byte_for_byte(dataset: Dataset) -> None:
    with dataset.client() as client:
        answer = client.get("/openapi.yaml")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/yaml")
    assert answer.content == CONTRACT.read_bytes()
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_client_that_has_it_gets_304(dataset: Dataset) -> None:
    with dataset.client() as client:
        etag = client.get("/openapi.yaml").headers["etag"]
        for candidates in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = client.get("/openapi.yaml", headers={"If-None-Match": candidates})

            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert client.get("/openapi.yaml", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head(dataset: Dataset) -> None:
    with dataset.client() as client:
        got, head = client.get("/openapi.yaml"), client.head("/openapi.yaml")

    assert (head.status_code, head.content, headers_of(head)) == (200, b"", headers_of(got))
