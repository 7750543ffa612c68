"""A browser that looks at pages and minds everything: what it logs, what it asks whom, what a policy forbids."""

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
GRAVE = {"serious", "critical"}
NOTE_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  violations.push(`${violatedDirective} ${blockedURI}`);
});
"""


@contextmanager
def answering(app: Litestar) -> Iterator[str]:
    """The app on a loopback port, in a thread of this process, which has the engine; gives its base URL."""
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
        """Say nothing."""


@contextmanager
def folder_served(folder: Path) -> Iterator[str]:
    """A folder on a loopback port of its own, which is another origin; gives its base URL."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


class Visit:
    """One look at a site. `page` is Playwright's; `complaints` is all that should not have been."""

    def __init__(self, page: Page, base: str, allowed: tuple[str, ...]) -> None:
        self.page = page
        self.base = base
        self._allowed = (base, *allowed)
        self._complaints: list[str] = []
        page.on("console", lambda message: self._note(message.type in {"error", "warning"}, f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(True, f"script: {error}"))
        page.on("request", self._asked)
        page.add_init_script(NOTE_VIOLATIONS)

    def _note(self, is_bad: bool, complaint: str) -> None:
        if is_bad:
            self._complaints.append(complaint)

    def _asked(self, request: Request) -> None:
        self._note(not request.url.startswith(self._allowed), f"request: {request.url}")

    def open(self, path: str) -> Page:
        """Go to a path, and wait until the page is quiet."""
        self.page.goto(path if path.startswith("http") else self.base + path)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def darken(self) -> None:
        """Let the system be dark from now on, and wait until the page has: scripts learn of it with a frame."""
        self.page.emulate_media(color_scheme="dark")
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.wait_for_load_state("networkidle")

    def complaints(self) -> list[str]:
        """What was logged as an error, asked of somebody else, or forbidden by a policy."""
        violations = [f"policy: {violation}" for violation in self.page.evaluate("window.violations ?? []")]
        return self._complaints + violations

    def inaccessible(self) -> list[str]:
        """What axe finds that is serious or critical."""
        # By the debugger's protocol: the page's own policy forbids scripts from elsewhere, and is not to be lifted.
        session = self.page.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": AXE})
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            if violation["impact"] in GRAVE
            for node in violation["nodes"]
        ]

    def width(self) -> int:
        """How wide the content is."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))


@contextmanager
def visiting(browser: Browser, base: str, *allowed: str, **context: Any) -> Iterator[Visit]:
    """A new visit, with nothing remembered; requests may go to the base and to what else is allowed."""
    # Without motion: a color on its way from one theme to the other has no contrast worth measuring.
    usual = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", "reduced_motion": "reduce"}
    made = browser.new_context(**usual | context)
    made.set_default_timeout(15_000)
    yield Visit(made.new_page(), base, allowed)
    made.close()
