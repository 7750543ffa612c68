"""Behind Debian's nginx and Caddy, below /pypistats/: all that a reader is led to is below that path."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, expect, sync_playwright

from tests.discovery.stub import Stub
from tests.pages.browser import serving, visiting
from tests.support.dataset import Dataset
from tests.support.ecosystem import SETTINGS, urls_of
from tests.support.server import free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CADDY = shutil.which("caddy")
ROOT = "/pypistats"
DEPLOY = Path(__file__).parents[2] / "docs" / "deploy.md"
STARTS = ["/", "/?q=num", "/packages/numpy", "/packages/numpy?compare=pandas", "/packages/numpy/about", "/explore"]
OTHERS = ["/docs", "/embed/numpy/python_minor", "/packages/no-such-package", "/packages/a%20b"]
LINK = re.compile(r'(?:href|src|srcset|action|data-chart|data-about|data-contract)="([^"]*)"')


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    """Debian's Chromium."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


def documented(language: str, port: int) -> str:
    """The block of docs/deploy.md in a language, with another port of the server."""
    section = DEPLOY.read_text(encoding="utf-8").partition("## Behind a proxy")[2]
    block = section.partition(f"```{language}\n")[2].partition("```")[0]
    assert "127.0.0.1:8000" in block
    return block.replace("127.0.0.1:8000", f"127.0.0.1:{port}")


def nginx_command(folder: Path, port: int, location: str) -> list[str]:
    """What runs nginx in the foreground, with a location."""
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    paths = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log {folder}/error.log; daemon off; events {{}}\n"
        f"http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port};\n{location}\n}} }}\n"
    )
    return [NGINX, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


def caddy_command(folder: Path, port: int, site: str) -> list[str]:
    """What runs Caddy in the foreground, with a site that has another address than the documented one."""
    if CADDY is None:
        pytest.skip("Caddy is not installed: apt-get install caddy")
    options = f"{{\nadmin off\nstorage file_system {folder}\n}}\n"
    assert "example.com {" in site
    (folder / "Caddyfile").write_text(options + site.replace("example.com {", f"http://127.0.0.1:{port} {{"))
    return [CADDY, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(scope="module", params=["nginx", "nginx that passes the path on", "caddy"])
def proxied(
    request: pytest.FixtureRequest, pages_data: Dataset, ecosystem: Stub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of the server's root at a proxy, which removes the path, as documented, or passes it on."""
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    public = f"http://127.0.0.1:{port}{ROOT}"
    with serving(pages_data.app(**SETTINGS | urls_of(ecosystem) | {"public_url": f"{public}/"})) as base:
        server_port = int(base.rpartition(":")[2])
        if request.param == "caddy":
            command = caddy_command(folder, port, documented("caddyfile", server_port))
        else:
            location = documented("nginx", server_port)
            if request.param != "nginx":
                location = re.sub(r"(proxy_pass http://[^/]+)/;", r"\1;", location)
            command = nginx_command(folder, port, location)
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
            try:
                wait_until_up(process, f"{public}/health")
                yield public
            finally:
                process.terminate()


def wait_until_up(process: "subprocess.Popen[bytes]", url: str) -> None:
    while True:
        assert process.poll() is None, "the proxy has ended"
        try:
            httpx.get(url).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def client(proxied: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxied, timeout=120) as client:
        yield client


@pytest.mark.parametrize("path", [*STARTS, *OTHERS])
def test_every_link_of_a_page_is_below_the_path(client: httpx.Client, path: str) -> None:
    links = LINK.findall(client.get(path).text)
    ours = [link.split("#")[0] for link in links if re.match(r"/|http://127\.0\.0\.1", link)]

    assert len(ours) > 2
    assert [link for link in ours if not re.match(rf"(http://127\.0\.0\.1:\d+)?{ROOT}/", link)] == []
    for link in dict.fromkeys(link.replace("&amp;", "&") for link in ours if "no-such" not in link):
        assert client.get(client.base_url.join(link), follow_redirects=True).status_code == 200, link


def test_headers_name_paths_below_it(client: httpx.Client) -> None:
    assert client.get("/api").headers["location"] == f"{ROOT}/docs"
    moved = client.get("/api/package/numpy/recent?period=day")
    assert moved.headers["location"] == f"{ROOT}/api/packages/numpy/recent?period=day"
    targets = re.findall(r"<([^>]*)>", client.get("/api/packages?per_page=1").headers["link"])
    assert targets
    assert all(target.startswith(f"{ROOT}/api/packages?") for target in targets)


def test_the_contract_the_canonical_url_and_the_snippets_name_the_public_url(
    client: httpx.Client, proxied: str
) -> None:
    assert yaml.safe_load(client.get("/openapi.yaml").text)["servers"] == [{"url": f"{proxied}/"}]
    html = client.get("/packages/numpy").text
    assert f'<link rel="canonical" href="{proxied}/packages/numpy">' in html
    assert f"curl '{proxied}/api/packages/numpy/recent'" in html
    assert f"({proxied}/api/packages/numpy/badge)" in html


def test_crawlers_are_led_to_the_public_url(client: httpx.Client, proxied: str) -> None:
    robots = client.get("/robots.txt").text
    (sitemap,) = re.findall(r"^Sitemap: (.*)$", robots, re.MULTILINE)
    urls = re.findall("<loc>(.*)</loc>", httpx.get(sitemap).text)

    assert f"\nDisallow: {ROOT}/api/\n" in robots
    assert sitemap == f"{proxied}/sitemap.xml"
    assert urls[:2] == [f"{proxied}/", f"{proxied}/packages/numpy"]
    assert {httpx.get(url).status_code for url in urls} == {200}
    (picture,) = re.findall(r'property="og:image" content="([^"]*)"', client.get("/packages/numpy").text)
    assert httpx.get(picture.replace("&amp;", "&"), timeout=60).headers["content-type"] == "image/png"


def test_search_package_metadata_embed_and_docs_in_a_browser(proxied: str, chrome: Browser) -> None:
    with visiting(chrome, proxied) as visit:
        page = visit.open("/")
        page.get_by_role("combobox", name="Package").fill("num")
        page.get_by_role("option", name="numpy 314").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("numpy")
        assert page.url == f"{proxied}/packages/numpy"
        page.locator("#overall").scroll_into_view_if_needed()
        expect(page.locator("#overall canvas")).to_be_visible()
        expect(page.locator("#about .summary")).to_be_visible()
        page.get_by_label("Compare with").fill("pandas")
        page.get_by_role("button", name="Compare").click()
        page.locator("#compared").scroll_into_view_if_needed()
        expect(page.locator("#compared canvas")).to_be_visible()
        page.locator("#overall .calls a", has_text="Embed").click()
        expect(page.locator("figure canvas")).to_be_visible()
        visit.open("/docs")
        expect(page.locator(".opblock").first).to_be_visible()
        visit.open("/?q=num")
        page.get_by_role("link", name="pypistats-server").click()
        assert page.url == f"{proxied}/"
        assert visit.problems() == []


def test_the_root_alone_redirects_nothing_elsewhere(client: httpx.Client, proxied: str) -> None:
    """The proxy adds the slash to the path alone."""
    answer = httpx.get(proxied)

    assert answer.status_code in {301, 308}
    assert client.base_url.join(answer.headers["location"]) == f"{proxied}/"


@pytest.fixture(scope="module")
def as_path(pages_data: Dataset) -> Callable[[str], httpx.Response]:
    """Asks a server whose PUBLIC_URL is a path alone."""
    with serving(pages_data.app(public_url=ROOT)) as base:
        yield lambda path: httpx.get(base + path)  # type: ignore[misc]


@pytest.mark.parametrize("prefix", ["", ROOT])
def test_a_path_alone(as_path: Callable[[str], httpx.Response], prefix: str) -> None:
    html = as_path(f"{prefix}/packages/numpy").text

    assert f'<link rel="canonical" href="{ROOT}/packages/numpy">' in html
    assert f"<span data-origin></span>{ROOT}/api/packages/numpy/badge" in html
    assert as_path(f"{prefix}/openapi.yaml").text.count(f"\nservers:\n  - url: {ROOT}/\n") == 1


@pytest.mark.parametrize("path", [f"{ROOT}x/health", f"{ROOT}{ROOT}/health", "/%70ypistats/health"])
def test_no_other_path_is_taken_for_it(as_path: Callable[[str], httpx.Response], path: str) -> None:
    assert as_path(path).status_code == 404


def test_the_path_is_the_root(as_path: Callable[[str], httpx.Response]) -> None:
    assert as_path(ROOT).text == as_path(f"{ROOT}/").text == as_path("/").text
    assert as_path(f"{ROOT}?q=num").text == as_path("/?q=num").text
