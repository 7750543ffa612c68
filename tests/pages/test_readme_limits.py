"""A README costs a bounded time, whatever is in it."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.discovery.sources.github import Document
from app.pages.readme import MAX_NESTING, readme_html
from app.pages.readmes import MAX_LENGTH, readme_workers, rendered
from tests.support.dataset import Dataset
from tests.support.ecosystem import indexed, running_ecosystem


def html_of(content: str) -> str:
    return readme_html(content, "https://example.org/owner/name/blob/main/README.md")


@pytest.mark.parametrize("inner", ["", "text"])
@pytest.mark.parametrize("tag", ["em", "span", "div", "strong"])
def test_deep_nesting(tag: str, inner: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Empty elements were removed one level at a time: 40 s for this one."""
    levels = (MAX_LENGTH - 10) // (2 * len(tag) + 5)

    html = html_of(f"<{tag}>" * levels + inner + f"</{tag}>" * levels)

    assert (html.count(f"<{tag}>"), html.count(f"</{tag}>")) == ((0, 0) if not inner else (html.count(f"<{tag}>"),) * 2)
    assert html.count("<") <= 2 * MAX_NESTING
    assert re.sub("<[^>]*>", "", html).strip() == inner


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[![a](b.svg)](c) text", "<p>a text</p>"),
        ("<p><a href=x><span> </span></a></p>\n\nb", "<p>b</p>"),
        ("<div><em></em>a<br></div>", "<div>a<br></div>"),
        ("<ul><li></li><li>a</li></ul>", "<ul><li>a</li></ul>"),
        ("<div><hr></div>", "<div><hr></div>"),
        ("<table><tr><td></td></tr></table>", "<table><tbody><tr><td></td></tr></tbody></table>"),
    ],
)
def test_empty_elements(content: str, expected: str) -> None:
    assert re.sub("<a [^>]*>|</a>", "", html_of(content)).strip() == expected


@pytest.mark.parametrize("url", ["//[", "http://[x", "//[::1", "///[v1]"])
def test_a_url_that_is_none(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    html = html_of(f'<a href="{url}">text</a>')

    assert "text" in html
    assert "Traceback" not in capfd.readouterr().err


QUADRATIC = "[" * MAX_LENGTH
"""Some seconds in the parser, which nothing here makes shorter."""
AMPLIFIED = f"[a]: {'b' * 100_000}\n\n{'[a]' * 33_000}"
"""A target of 100 KB, named 33,000 times: 1.6 GB of HTML, and 8 GB of memory."""
LESS_AMPLIFIED = f"[a]: https://b.example/{'b' * 1_000}\n\n{'[a]' * 2_000}"


async def test_an_amplified_readme_is_not_rendered() -> None:
    workers = readme_workers()
    workers.timeout_seconds = 600
    try:
        html = [await rendered(workers, Document("a.md", content, "")) for content in (AMPLIFIED, LESS_AMPLIFIED)]
        usual = await rendered(workers, Document("a.md", "*a*", ""))
    finally:
        await workers.close()

    assert html == ["", ""]
    assert usual.strip() == "<p><em>a</em></p>"


def test_readmes_that_take_too_long_are_linked(pages_data: Dataset) -> None:
    workers = readme_workers()
    names = [f"evil{number}" for number in range(7)]
    with running_ecosystem() as stub:
        for name in ("usual", *names):
            stub.add_repository(f"owner/{name}", topics=[], readme="A *usual* one" if name == "usual" else QUADRATIC)
            stub.add_project(name, project_urls={"Source": f"https://github.com/owner/{name}"})
        with indexed(pages_data, stub, readmes=workers) as client, ThreadPoolExecutor(len(names)) as threads:
            workers.timeout_seconds = 0.1
            asked = [threads.submit(client.get, f"/packages/{name}/about") for name in names]
            # They fill no pool that others wait for: what is compressed in a thread is answered.
            assert client.get("/openapi.yaml", headers={"Accept-Encoding": "gzip"}).status_code == 200
            answers = [task.result() for task in asked]
            workers.timeout_seconds = 600
            usual = client.get("/packages/usual/about")

    for name, answer in zip(names, answers, strict=True):
        assert answer.status_code == 200
        assert f'href="https://github.com/owner/{name}/blob/main/README.md"' in answer.text
        assert "[[[" not in answer.text
    assert "<em>usual</em>" in usual.text
