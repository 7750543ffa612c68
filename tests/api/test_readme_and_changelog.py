"""`/api/packages/{package}/readme` and `/changelog`."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.discovery.stub import Stub
from tests.support.answers import assert_problem, body
from tests.support.dataset import Dataset
from tests.support.ecosystem import indexed, running_ecosystem, urls_of
from tests.support.events import event
from tests.support.fixtures import Backend

pytestmark = pytest.mark.only_backend(Backend.EMBEDDED)  # no ClickHouse is asked

Client = TestClient[Any]
README = "/api/packages/one/readme"
AWAY = "PyPI or GitHub cannot be asked at the moment"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_ecosystem() as stub:
        stub.add_repository("someone/one", readme="# Ünë\n", files={"HISTORY.rst": "1.0\n---\n"})
        stub.add_project("one", project_urls={"Source": "https://github.com/someone/one"})
        stub.add_project("rootless")
        yield stub


@pytest.fixture(scope="module")
def loaded(make_dataset: Callable[[], Dataset]) -> Dataset:
    dataset = make_dataset()
    dataset.load([event()])
    return dataset


@pytest.fixture
def client(loaded: Dataset, stub: Stub) -> Iterator[Client]:
    with indexed(loaded, stub) as client:
        yield client


def test_a_readme(client: Client) -> None:
    answer = client.get("/api/packages/One/readme")

    assert body(answer) == {
        "package": "one",
        "type": "readme",
        "format": "markdown",
        "content": "# Ünë\n",
        "source": "https://github.com/someone/one/blob/main/README.md",
    }
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert client.get(README, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_a_changelog_by_another_name(client: Client) -> None:
    assert body(client.get("/api/packages/one/changelog")) == {
        "package": "one",
        "type": "changelog",
        "format": "restructuredtext",
        "content": "1.0\n---\n",
        "source": "https://github.com/someone/one/blob/main/HISTORY.rst",
    }


def test_a_readme_that_is_too_large_for_base64(client: Client, stub: Stub) -> None:
    text = "long " * 250_000
    stub.add_repository("someone/large", readme=text)
    stub.add_project("large", project_urls={"Source": "https://github.com/someone/large"})

    assert body(client.get("/api/packages/large/readme"))["content"] == text


@pytest.mark.parametrize("name", ["rootless", "nope", "__all__"])
@pytest.mark.parametrize("kind", ["readme", "changelog"])
def test_none(client: Client, name: str, kind: str) -> None:
    answer = client.get(f"/api/packages/{name}/{kind}")

    assert_problem(answer, 404, "Not Found", f"package: no {kind} of {name!r} is known")


def test_a_vanished_repository_has_none(client: Client, stub: Stub) -> None:
    stub.remove_repository("someone/one")
    assert client.get(README).status_code == 404


def test_what_was_read_once_is_answered_while_github_is_away(client: Client, stub: Stub) -> None:
    first = body(client.get(README))
    stub.unplug("github")

    assert body(client.get(README)) == first
    assert_problem(client.get("/api/packages/one/changelog"), 503, "Service Unavailable", AWAY)


@pytest.mark.parametrize("fault", ["cut_next", "malform_next", "fail_next"])
def test_a_fault_is_503_and_is_not_kept(client: Client, stub: Stub, fault: str) -> None:
    getattr(stub, fault)("github", times=3)
    assert_problem(client.get(README), 503, "Service Unavailable", AWAY)
    stub.clear_faults("github")
    assert body(client.get(README))["content"] == "# Ünë\n"


def test_quota_spent_is_503(client: Client, stub: Stub) -> None:
    stub.spend_quota()
    answer = client.get(README)

    assert_problem(answer, 503, "Service Unavailable", AWAY)
    assert int(answer.headers["retry-after"]) > 0


def test_without_a_token_github_is_not_asked(loaded: Dataset, stub: Stub) -> None:
    with loaded.client(**urls_of(stub)) as client:
        answer = client.get(README)

    assert_problem(answer, 409, "Conflict", "GitHub is not asked: GITHUB_TOKEN is not set")
    assert stub.asked("github") == []
