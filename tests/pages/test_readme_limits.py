"""A README costs a bounded time, whatever is in it."""

import re

import pytest

from app.discovery.sources.github import Document
from app.pages.readme import MAX_LENGTH, MAX_NESTING, readme_html


def rendered(content: str) -> str:
    source = "https://example.org/owner/name/blob/main/README.md"
    return readme_html(Document(path="README.md", content=content, source=source))


@pytest.mark.parametrize("inner", ["", "text"])
@pytest.mark.parametrize("tag", ["em", "span", "div", "strong"])
def test_deep_nesting(tag: str, inner: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Empty elements were removed one level at a time: 40 s for this one."""
    levels = (MAX_LENGTH - 10) // (2 * len(tag) + 5)

    html = rendered(f"<{tag}>" * levels + inner + f"</{tag}>" * levels)

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
    assert re.sub("<a [^>]*>|</a>", "", rendered(content)).strip() == expected


@pytest.mark.parametrize("url", ["//[", "http://[x", "//[::1", "///[v1]"])
def test_a_url_that_is_none(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    html = rendered(f'<a href="{url}">text</a>')

    assert "text" in html
    assert "Traceback" not in capfd.readouterr().err
