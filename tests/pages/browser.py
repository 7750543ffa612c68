"""Visits pages in a browser, and collects logged errors, requests to other hosts and policy violations."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar
from playwright.sync_api import Browser, Page, Request

AXE = (Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
REPORTED_IMPACTS = {"moderate", "serious", "critical"}
RECORD_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  violations.push(`${violatedDirective} ${blockedURI}`);
});
"""


@contextmanager
def serving(app: Litestar) -> Iterator[str]:
    """Serve the app on a loopback port, in a thread of this process, which owns the engine. Yields its base URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@contextmanager
def folder_served(folder: Path) -> Iterator[str]:
    """Serve a folder on its own loopback port, which is another origin. Yields its base URL."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


class Visit:
    """A visit to a site in a new browser context. `page` is Playwright's."""

    def __init__(self, page: Page, base: str, allowed: tuple[str, ...]) -> None:
        self.page = page
        self.base = base
        self._allowed = (base, *allowed)
        self._problems: list[str] = []
        page.on("console", lambda message: self._note(message.type in {"error", "warning"}, f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(True, f"script: {error}"))
        page.on("request", self._check_host)
        page.add_init_script(RECORD_VIOLATIONS)

    def _note(self, is_bad: bool, problem: str) -> None:
        if is_bad:
            self._problems.append(problem)

    def _check_host(self, request: Request) -> None:
        self._note(not request.url.startswith(self._allowed), f"request: {request.url}")

    def open(self, path: str) -> Page:
        """Go to a path or URL, and wait until the network is idle."""
        self.page.goto(path if path.startswith("http") else self.base + path)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def switch_to_dark(self) -> None:
        """Switch the system to dark mode, and wait for the page: scripts are notified with the next frame."""
        self.page.emulate_media(color_scheme="dark")
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.wait_for_load_state("networkidle")

    def problems(self) -> list[str]:
        """Logged errors and warnings, requests to other hosts, and violations of the Content-Security-Policy."""
        violations = [f"policy: {violation}" for violation in self.page.evaluate("window.violations ?? []")]
        return self._problems + violations

    def accessibility_violations(self) -> list[str]:
        """The violations that axe finds, but minor ones."""
        # With the debugger's protocol: the page's policy forbids inline scripts, and stays in force.
        session = self.page.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": AXE})
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            if violation["impact"] in REPORTED_IMPACTS
            for node in violation["nodes"]
        ]

    def width(self) -> int:
        """The width of the content in pixels."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))


@contextmanager
def visiting(browser: Browser, base: str, *allowed: str, **context: Any) -> Iterator[Visit]:
    """A visit with empty storage. Requests may go to the base URL and to `allowed` URLs."""
    # Without transitions: axe would measure the contrast of intermediate colors.
    usual = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", "reduced_motion": "reduce"}
    opened = browser.new_context(**usual | context)
    opened.set_default_timeout(15_000)
    yield Visit(opened.new_page(), base, allowed)
    opened.close()
