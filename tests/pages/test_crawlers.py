"""/robots.txt, /sitemap.xml, /favicon.ico, and what previews of links show."""

import io
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from litestar.testing import TestClient
from PIL import Image

from tests.discovery.stub import Stub
from tests.support.dataset import Dataset
from tests.support.ecosystem import indexed
from tests.support.raw_http import exchange, served

Client = TestClient[Any]
PUBLIC = "https://example.com/pypistats"
LOC = "{http://www.sitemaps.org/schemas/sitemap/0.9}url/{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


@pytest.fixture(scope="module")
def public(pages_data: Dataset, ecosystem: Stub) -> Any:
    """A client of an app that has a public URL."""
    with indexed(pages_data, ecosystem, public_url=PUBLIC) as client:
        yield client


def mapped(client: Client | httpx.Client, **headers: str) -> list[str]:
    """The URLs of the site map."""
    answer = client.get("/sitemap.xml", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    return [found.text or "" for found in ElementTree.fromstring(answer.content).findall(LOC)]


def test_the_map_has_the_pages_in_the_order_of_the_ranking(public: Client) -> None:
    ranked = [row["package"] for row in public.get("/api/top?limit=1000").json()["data"]]

    assert ranked == ["numpy", "pandas", "numpy-financial"]
    assert mapped(public) == [f"{PUBLIC}/", *(f"{PUBLIC}/packages/{name}" for name in ranked)]
    assert public.get("/sitemap.xml").headers["cache-control"].startswith("public, max-age=")


def test_every_page_of_the_map_is_there(public: Client) -> None:
    for url in mapped(public):
        assert public.get(url.removeprefix(PUBLIC)).status_code == 200


def test_without_a_public_url_it_has_the_host_of_the_request(client: Client) -> None:
    """No cache gives it to another host: neither the server's own nor a proxy that knows the path alone."""
    for host in ("stats.example", "other.example:8080", "stats.example"):
        answer = client.get("/sitemap.xml", headers={"host": host})
        assert mapped(client, host=host)[1] == f"http://{host}/packages/numpy"
        assert answer.headers["cache-control"].startswith("private, max-age=")
        robots = client.get("/robots.txt", headers={"host": host})
        assert f"\nSitemap: http://{host}/sitemap.xml\n" in robots.text
        assert robots.headers["cache-control"] == "private, max-age=86400"


def test_a_host_may_have_any_character_that_hosts_have(pages_data: Dataset) -> None:
    with served(pages_data.app()) as port:
        request = b"GET /sitemap.xml HTTP/1.1\r\nHost: a&b'\r\nConnection: close\r\n\r\n"
        ((status, _, body),) = exchange(port, request)
    found = ElementTree.fromstring(body).find(LOC)

    assert (status, found is not None and found.text) == (200, "http://a&b'/")


def test_the_path_of_a_public_url_that_has_no_host(pages_data: Dataset) -> None:
    with pages_data.client(public_url="/pypistats") as client:
        assert mapped(client, host="stats.example")[1] == "http://stats.example/pypistats/packages/numpy"
        assert "\nDisallow: /pypistats/api/\n" in client.get("/robots.txt").text


def allowed(rules: str, url: str) -> bool:
    """What RFC 9309 says of a path: the longest rule that matches counts, and `Allow` among equals."""
    found = [(0, True)]
    for kind, rule in re.findall(r"^(Allow|Disallow): (\S+)$", rules, re.MULTILINE):
        pattern = re.escape(rule).replace(r"\*", ".*").replace(r"\$", "$")
        if re.match(pattern, url):
            found.append((len(rule), kind == "Allow"))
    return max(found)[1]


@pytest.mark.parametrize(
    ("path", "is_allowed"),
    [
        ("/", True),
        ("/?q=numpy", True),
        ("/packages/numpy", True),
        ("/packages/numpy/about", True),
        ("/packages/numpy?compare=pandas", False),
        ("/packages/numpy?range=30&compare=pandas", False),
        ("/embed/numpy/overall", False),
        ("/api/packages/numpy/recent", False),
        ("/api/packages/numpy/chart/overall", False),
        ("/api/packages/numpy/chart/overall?mirrors=false&format=png&nocache=1", False),
        ("/static/0123456789abcdef/page.css", True),
    ],
)
def test_what_crawlers_may_visit(client: Client, public: Client, path: str, is_allowed: bool) -> None:
    assert allowed(client.get("/robots.txt").text, path) is is_allowed
    assert allowed(public.get("/robots.txt").text, urlsplit(PUBLIC).path + path) is is_allowed
    assert public.get("/robots.txt").headers["cache-control"] == "public, max-age=86400"


class Preview(HTMLParser):
    """What a page says in its <meta> elements, by property or name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.facts: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("property") or found.get("name")
        if tag == "meta" and name:
            self.facts[name] = found["content"] or ""


@pytest.mark.parametrize(("package", "name"), [("numpy", "numpy"), ("__all__", "All packages")])
def test_a_preview_of_a_package_shows_its_chart(public: Client, package: str, name: str) -> None:
    facts = Preview(public.get(f"/packages/{package}").text).facts
    picture = facts["og:image"].removeprefix(PUBLIC)
    answer = public.get(picture, headers={"accept": "image/svg+xml"})

    assert facts["og:title"] == f"{name}: downloads · pypistats-server"
    assert facts["og:description"] == facts["description"]
    assert facts["og:url"] == f"{PUBLIC}/packages/{package}"
    assert picture.startswith(f"/api/packages/{package}/chart/")
    assert facts["twitter:image"] == facts["og:image"]
    assert facts["twitter:card"] == "summary_large_image"
    assert answer.headers["content-type"] == facts["og:image:type"] == "image/png"
    size = Image.open(io.BytesIO(answer.content)).size
    assert size == (int(facts["og:image:width"]), int(facts["og:image:height"]))
    assert allowed(public.get("/robots.txt").text, urlsplit(PUBLIC).path + picture)


@pytest.mark.parametrize("path", ["/", "/explore", "/packages/numpy/about", "/packages/unheard-of"])
def test_a_preview_of_another_page_has_its_title(public: Client, path: str) -> None:
    html = public.get(path).text
    facts = Preview(html).facts

    assert f"<title>{facts['og:title']}</title>" in html
    assert "og:image" not in facts


def test_icons_are_where_they_are_looked_for(public: Client) -> None:
    favicon = public.get("/favicon.ico")
    html = public.get("/packages/numpy").text
    (touch_icon,) = re.findall(r'<link rel="apple-touch-icon" href="([^"]+)">', html)

    assert favicon.headers["content-type"] == "image/vnd.microsoft.icon"
    assert favicon.headers["cache-control"] == "public, max-age=86400"
    assert Image.open(io.BytesIO(favicon.content)).info["sizes"] == {(16, 16), (32, 32), (48, 48)}
    picture = Image.open(io.BytesIO(public.get(touch_icon.removeprefix(urlsplit(PUBLIC).path)).content))
    assert (picture.format, picture.size, picture.mode) == ("PNG", (180, 180), "RGB")


@pytest.mark.parametrize("path", ["/nope", "/wp-login.php", "/api/nope", "/api/packages//recent", "/packages/a/b/c"])
def test_a_path_that_does_not_exist_may_be_kept_for_a_moment(client: Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["cache-control"]) == (404, "public, max-age=60")


@pytest.mark.parametrize("path", ["/packages/unheard-of", "/api/packages/unheard-of/recent", "/static/0/nothing.css"])
def test_what_may_be_there_a_moment_later_is_not_kept(client: Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
