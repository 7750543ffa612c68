"""/packages/{package}/about, and the sanitising of READMEs."""

import re
from typing import Any

import pytest
from litestar.testing import TestClient

from app.discovery.sources.github import Document
from app.pages.readme import readme_html
from app.pages.readmes import MAX_LENGTH, is_rendered
from tests.support.dataset import Dataset
from tests.support.ecosystem import indexed, running_ecosystem, urls_of

Client = TestClient[Any]
SOURCE = "https://github.com/someone/one/blob/main/README.md"


def shown(markdown: str, source: str = SOURCE) -> str:
    return readme_html(markdown, source).strip()


def test_metadata_and_readme(client: Client) -> None:
    html = client.get("/packages/NumPy/about").text

    assert '<p class="summary">Fundamental package for array computing in Python</p>' in html
    assert "BSD-3-Clause" in html
    assert "<dd>31,000</dd>" in html
    assert "<em>fundamental</em>" in html
    assert '<a href="https://github.com/numpy/numpy/blob/main/docs/guide.md"' in html
    assert "tracker.example" not in html
    assert "<script>window" not in html
    assert "onerror" not in html
    assert 'href="javascript' not in html


def test_a_package_that_only_has_downloads(client: Client) -> None:
    answer = client.get("/packages/pandas/about")

    assert answer.status_code == 200
    assert "PyPI has no summary of this package." in answer.text


def test_without_a_token_no_page_says_that_github_is_not_available(pages_data: Dataset) -> None:
    with running_ecosystem() as stub, pages_data.client(**urls_of(stub)) as client:
        html = client.get("/packages/numpy/about").text

    assert "Fundamental package" in html
    assert "Not available" not in html


def test_an_unknown_package(client: Client) -> None:
    answer = client.get("/packages/unheard-of/about")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_the_package_page_does_not_wait_for_a_slow_pypi(pages_data: Dataset) -> None:
    with running_ecosystem() as stub, indexed(pages_data, stub) as client:
        requests = len(stub.requests)
        stub.slow_next("pypi", 60)
        assert client.get("/packages/pandas").status_code == 200
        assert len(stub.requests) == requests


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        '<img src=x onerror="alert(1)">',
        "<svg><script>alert(1)</script></svg>",
        '<svg onload="alert(1)"><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
        "<style>body{background:url(https://evil.example/)}</style>",
        '<p style="background:url(https://evil.example/)">x</p>',
        '<iframe src="https://evil.example/"></iframe>',
        '<object data="https://evil.example/"></object><embed src="https://evil.example/">',
        '<link rel="stylesheet" href="https://evil.example/x.css">',
        '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
        '<base href="https://evil.example/">',
        '<form action="https://evil.example/"><input name="q"><b formaction="javascript:alert(1)">x</b></form>',
        '<video poster="https://evil.example/"><source src="https://evil.example/"></video>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="JaVaScRiPt&#58;alert(1)">x</a>',
        '<a href="java\nscript:alert(1)">x</a>',
        '<a href="data:text/html,<script>alert(1)</script>">x</a>',
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
        "[x](vbscript:alert(1))",
        "<javascript:alert(1)>",
        "![x](https://evil.example/pixel.png)",
        '![x"onerror="alert(1)](https://evil.example/pixel.png "y")',
        "![<img src=x onerror=alert(1)>](https://evil.example/p)",
        "[![a](https://evil.example/b.svg)](javascript:alert(1))",
        '<picture><source srcset="https://evil.example/"><img src="https://evil.example/"></picture>',
        "<details open ontoggle=alert(1)><summary>x</summary></details>",
        "`<script>alert(1)</script>`\n\n    <script>alert(1)</script>\n",
        "<!--><script>alert(1)</script>-->",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
        "<template><script>alert(1)</script></template>",
        '<div id="top-q" class="top" name="cookie">x</div>',
        "| a |\n| --- |\n| <script>alert(1)</script> |",
    ],
)
def test_hostile_markup_is_removed(hostile: str) -> None:
    html = shown(hostile)
    tags = re.findall(r"<(/?[a-zA-Z][^>]*)>", html)

    assert not [tag for tag in tags if re.match(r"/?(script|style|img|svg|math|iframe|form|input|meta|base|link)", tag)]
    assert not re.findall(r"<[^>]*\s(?:on\w+|style|id|class|name|src|srcset|formaction)\s*=", html)
    assert {link.split(":")[0] for link in re.findall(r'href="([^"]*)"', html)} <= {"http", "https", "mailto"}


def test_links_are_nofollow() -> None:
    assert shown("[x](https://x.example/)") == (
        '<p><a href="https://x.example/" rel="nofollow noopener noreferrer">x</a></p>'
    )


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("docs/a.md", "https://github.com/someone/one/blob/main/docs/a.md"),
        ("/LICENSE", "https://github.com/LICENSE"),
        ("#usage", f"{SOURCE}#usage"),
    ],
)
def test_relative_links_point_into_the_repository(link: str, target: str) -> None:
    assert f'href="{target}"' in shown(f"[x]({link})")


def test_relative_links_are_removed_without_a_source() -> None:
    assert "href" not in shown("[x](docs/a.md)", source="javascript:alert(1)")


def test_headings_are_below_those_of_the_page() -> None:
    assert shown("# A\n\n## B\n\n### C\n\n#### D\n\n##### E\n\n# F") == (
        "<h3>A</h3>\n<h4>B</h4>\n<h5>C</h5>\n<h6>D</h6>\n<h6>E</h6>\n<h3>F</h3>"
    )


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("# A\n\n#### B\n\n#### C\n\n## D", "3444"),
        ("### A\n\n## B\n\n# C", "333"),
        ("# ![](https://x.example/logo.png)\n\n## A\n\n### B", "34"),
        ('<h1 align="center"><img src="logo.png"></h1>\n\n### A\n\n#### B', "34"),
        ("<h1>A<div><h3>B</h3></div></h1>\n\n## C", "344"),
    ],
)
def test_no_level_of_headings_is_skipped(text: str, levels: str) -> None:
    html = shown(text)

    assert re.findall(r"<h(\d)>", html) == list(levels)
    assert sorted(re.findall(r"</h(\d)>", html)) == sorted(levels)


def test_images_become_their_descriptions() -> None:
    assert shown("![A *logo*](https://x.example/a.png)") == "<p>A logo</p>"


def test_a_link_around_an_image_without_description_is_removed() -> None:
    assert shown("[![](https://x.example/a.png)](https://x.example/)\n\ntext") == "\n<p>text</p>".strip()


@pytest.mark.parametrize(
    ("path", "length", "expected"),
    [
        ("README.md", 10, True),
        ("readme.MARKDOWN", 10, True),
        ("README.rst", 10, False),
        ("README.md", MAX_LENGTH + 1, False),
    ],
)
def test_only_markdown_of_limited_length_is_rendered(path: str, length: int, expected: bool) -> None:
    assert is_rendered(Document(path, "x" * length, "")) is expected
