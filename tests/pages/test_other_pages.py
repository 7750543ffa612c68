"""/, /explore, /docs, /api, /embed and static files."""

import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from app.pages.static_files import FOLDER, static_url
from tests.discovery.stub import Stub
from tests.support.dataset import Dataset
from tests.support.ecosystem import SETTINGS, urls_of
from tests.support.server import NOWHERE

Client = TestClient[Any]
PAGES = ["/", "/?q=num", "/packages/numpy", "/packages/numpy/about", "/explore", "/docs", "/packages/unheard-of"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_elsewhere_and_cannot_be_framed(client: Client, path: str) -> None:
    answer = client.get(path)
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))

    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:" if path == "/docs" else "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r" (style|on\w+)=|<style|<script(?![^>]* src=)", answer.text)


@pytest.mark.parametrize("path", ["/embed/numpy/overall", "/embed/unheard-of/overall", "/embed/numpy/pie"])
def test_an_embedded_chart_may_be_framed_and_its_errors_too(client: Client, path: str) -> None:
    answer = client.get(path)

    assert answer.headers["content-security-policy"].endswith("; frame-ancestors *")
    assert "x-frame-options" not in answer.headers
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"


def test_an_embedded_chart_passes_its_parameters_on(client: Client) -> None:
    path = "/embed/NumPy/file_type?type=sdist&chart=bar&granularity=week&start_date=2026-03-01&theme=dark"
    html = client.get(path).text

    (chart,) = re.findall(r'data-chart="([^"]+)"', html)
    assert chart.replace("&amp;", "&") == (
        "/api/packages/numpy/chart/file_type?chart=bar&type=sdist&start_date=2026-03-01&granularity=week&partial=false"
    )
    assert '<html lang="en" data-theme="dark">' in html
    assert "format=svg&amp;theme=dark" in html


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/embed/numpy/pie", 400, "type: &#39;pie&#39; is not accepted"),
        ("/embed/numpy/system?version=3", 400, "version: a chart of system has no such filter"),
        ("/embed/unheard-of/overall", 404, "has been loaded"),
    ],
)
def test_errors_of_embedded_charts(client: Client, path: str, status: int, detail: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert detail in answer.text


def test_the_start_page_ranks_packages(client: Client) -> None:
    html = client.get("/").text

    assert re.findall(r'<th scope="row"><a href="/packages/([^"]+)"', html) == ["numpy", "pandas", "numpy-financial"]
    assert "70 days loaded" in html
    assert "Demo data" not in html


def test_a_search_without_scripts(client: Client) -> None:
    html = client.get("/?q=NUM").text

    assert re.findall(r'<th scope="row"><a href="/packages/([^"]+)"', html) == ["numpy", "numpy-financial"]


@pytest.mark.parametrize("q", ["zzz", "c++", '"><script>alert(1)</script>', "-"])
def test_a_search_that_finds_nothing(client: Client, q: str) -> None:
    answer = client.get("/", params={"q": q})

    assert answer.status_code == 200
    assert "No package with downloads has a name that starts like this." in answer.text
    assert "<script>alert" not in answer.text


def entries(html: str) -> list[str]:
    return re.findall(r'<h2><a href="/packages/([^"]+)"', html)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["numpy", "numpy-financial"]),
        ("?q=&topic=&sort=name", ["numpy", "numpy-financial"]),
        ("?sort=newest", ["numpy-financial", "numpy"]),
        ("?official=true", ["numpy"]),
        ("?topic=finance", ["numpy-financial"]),
        ("?q=nothing-like-it", []),
        ("?page=9", []),
    ],
)
def test_exploring_the_index(client: Client, query: str, found: list[str]) -> None:
    assert entries(client.get(f"/explore{query}").text) == found


def test_exploring_without_an_index_names_the_setting(pages_data: Dataset) -> None:
    with pages_data.client() as client:
        answer = client.get("/explore")

    assert answer.status_code == 200
    assert "<code>GITHUB_TOKEN</code> is not set" in answer.text


def test_exploring_before_the_index_is_built(pages_data: Dataset, ecosystem: Stub, tmp_path: Path) -> None:
    # GitHub does not answer and no index is on disk, so there will be none.
    changes = {"github_api_url": NOWHERE, "local_index_cache_dir": str(tmp_path)}
    with pages_data.client(**SETTINGS | urls_of(ecosystem) | changes) as client:
        answer = client.get("/explore")

    assert "is being built" in answer.text
    assert answer.headers["cache-control"] == "public, max-age=5"


def test_the_api_redirects_to_its_reference(client: Client) -> None:
    answer = client.get("/api")

    assert (answer.status_code, answer.headers["location"]) == (308, "/docs")
    assert 'data-contract="/openapi.yaml"' in client.get("/docs").text


@pytest.fixture
def linked(client: Client) -> list[str]:
    """Every /static/ URL in the pages."""
    return sorted({url for path in PAGES for url in re.findall(r'"(/static/[^"]+)"', client.get(path).text)})


def test_static_files_are_immutable(client: Client, linked: list[str]) -> None:
    assert len(linked) > 5
    for url in linked:
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.get(url, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("page.css", "text/css"),
        ("page.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
        ("vendor/chart.js/chart.umd.min.js", "text/javascript"),
        ("vendor/chart.js/LICENSE.md", "text/markdown"),
    ],
)
def test_media_types_of_static_files(client: Client, path: str, media_type: str) -> None:
    answer = client.get(static_url(path))

    assert answer.headers["content-type"].split(";")[0] == media_type
    assert answer.content == (FOLDER / path).read_bytes()


def test_a_page_cached_before_an_update_finds_its_files(client: Client) -> None:
    answer = client.get("/static/0123456789abcdef/page.css")

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=60")


@pytest.mark.parametrize(
    "path",
    [
        "../rendering.py",
        "%2e%2e/rendering.py",
        "..%2frendering.py",
        "vendor/..%2f..%2frendering.py",
        "nothing.css",
        "vendor",
        "%00",
        "/etc/passwd",
    ],
)
def test_other_paths_are_not_served(client: Client, path: str) -> None:
    answer = client.get(f"{static_url('page.css').rsplit('/', 1)[0]}/{path}")

    assert answer.status_code == 404
    assert b"import" not in answer.content


def test_vendored_files_name_their_version_and_license() -> None:
    for folder in (FOLDER / "vendor", Path(__file__).parents[1] / "vendor"):
        rows = re.findall(
            r"^\| `([\w.-]+)` \| `[\w.-]+` \| ([\d.]+) \|", (folder / "README.md").read_text(), re.MULTILINE
        )
        assert {name for name, _ in rows} == {path.name for path in folder.iterdir() if path.is_dir()}
        for name, version in rows:
            assert any(path.name.startswith("LICENSE") for path in (folder / name).iterdir())
            scripts = list((folder / name).glob("*.js"))
            assert any(version in path.read_text(encoding="utf-8") for path in scripts), f"{name} is not {version}"
