"""GitHub and PyPI on loopback, over real HTTP, with state and faults to order.

`with running_stub() as stub:` starts three servers in a thread of their own, so that tests with and without an event
loop can use them: GitHub at `stub.github_url`, PyPI at `stub.pypi_url`, and another host at `stub.elsewhere_url`, which
must get no request. Every request is in `stub.requests`. Change the state at any time, before or after a request.
"""

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

from aiohttp import web
from packaging.utils import canonicalize_name

from tests.discovery.shapes import (
    file_json,
    folder_json,
    license_json,
    project_json,
    repository_json,
    upload_json,
)

Source = Literal["github", "pypi", "elsewhere"]
RAW = "application/vnd.github.raw+json"
LIMITS = {"core": 5000, "search": 30}
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


class Request(NamedTuple):
    """One request that reached the stub."""

    source: Source
    host: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class Fault(NamedTuple):
    """What happens to one request instead of, or before, its answer."""

    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = {}
    delay: float = 0
    cut: bool = False
    endless: bytes = b""
    every: float = 0


class Repository:
    """One repository, to be changed at will: its JSON, its files by path, and what `/topics` and the search go by."""

    def __init__(self, json: dict[str, Any], files: dict[str, str], topics: list[str]) -> None:
        self.json = json
        self.files = files
        self.topics = topics

    @property
    def full_name(self) -> str:
        return str(self.json["full_name"])


class Stub:
    """The state of both services. `clock` is the time that quota resets go by, in seconds since 1970."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.not_modified = 0
        self.token: str | None = None
        self.clock: Callable[[], float] = time.time
        self.repositories: dict[int, Repository] = {}
        self.projects: dict[str, dict[str, Any]] = {}
        self.github_url = self.pypi_url = self.elsewhere_url = ""
        self._numbers: dict[str, int] = {}
        self._unplugged: set[Source] = set()
        self._faults: dict[Source, list[Fault]] = {"github": [], "pypi": [], "elsewhere": []}
        self.most_in_flight: dict[Source, int] = dict.fromkeys(self._faults, 0)
        self._in_flight: dict[Source, int] = dict.fromkeys(self._faults, 0)
        self._holds: dict[Source, tuple[int, asyncio.Event]] = {}
        self._spent: dict[str, int] = {}
        self._resets: dict[str, float] = {}

    # What there is.

    def add_repository(
        self,
        full_name: str,
        *,
        topics: Sequence[str] = (),
        stars: int = 0,
        forks: int = 0,
        open_issues: int = 0,
        license: str | None = "MIT",  # noqa: A002
        readme: str | None = None,
        files: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> Repository:
        """A repository; `files` are texts by path, `changes` are keys of GitHub's JSON such as `archived=True`."""
        number = len(self.repositories) + 1000
        json = repository_json(full_name, number, self.github_url) | {
            "topics": list(topics),
            "stargazers_count": stars,
            "watchers_count": stars,
            "forks_count": forks,
            "open_issues_count": open_issues,
            "license": license_json(license),
            **changes,
        }
        readmes = {} if readme is None else {"README.md": readme}
        self.repositories[number] = Repository(json, readmes | dict(files or {}), list(topics))
        self._numbers[full_name.lower()] = number
        return self.repositories[number]

    def rename_repository(self, old: str, new: str) -> None:
        """Give a repository a new name; the old one answers 301."""
        repository = self.repositories[self._numbers[old.lower()]]
        self._numbers[new.lower()] = self._numbers[old.lower()]
        repository.json |= {"full_name": new, "html_url": f"https://github.com/{new}"}

    def remove_repository(self, full_name: str) -> None:
        """Make a repository vanish: 404."""
        del self.repositories[self._numbers.pop(full_name.lower())]

    def add_project(
        self,
        name: str,
        *,
        version: str = "1.0",
        releases: Mapping[str, str] | None = None,
        yanked: Sequence[str] = (),
        **info: Any,
    ) -> dict[str, Any]:
        """A project on PyPI; `releases` are upload times (2026-03-01T12:00:00) by version, `info` keys of its JSON."""
        uploads = {
            release: [upload_json(name, release, time, yanked=release in yanked)]
            for release, time in (releases or {version: "2026-03-01T12:00:00"}).items()
        }
        project = project_json(name, version, info, uploads, self.pypi_url)
        self.projects[canonicalize_name(name)] = project
        return project

    def remove_project(self, name: str) -> None:
        """Make a project vanish: 404."""
        del self.projects[canonicalize_name(name)]

    # What goes wrong.

    def fail_next(
        self, source: Source, *, status: int = 502, times: int = 1, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> None:
        """Answer the next requests with this status."""
        self._faults[source] += [Fault(status, body, headers)] * times

    def redirect_next(self, source: Source, location: str, *, status: int = 302, times: int = 1) -> None:
        """Send the next requests to another place."""
        self.fail_next(source, status=status, times=times, headers={"Location": location})

    def cut_next(self, source: Source, *, times: int = 1) -> None:
        """Break the connection in the middle of the next bodies."""
        self._faults[source] += [Fault(cut=True)] * times

    def drip_next(self, source: Source, piece: bytes, every: float = 0, *, times: int = 1) -> None:
        """Answer the next requests with a body without an end: this piece, again and again after so many seconds."""
        self._faults[source] += [Fault(endless=piece, every=every)] * times

    def malform_next(self, source: Source, *, times: int = 1, body: bytes = b'{"full_name": [') -> None:
        """Answer the next requests with a 200 that is not the JSON that one expects."""
        self.fail_next(source, status=200, times=times, body=body, headers={"Content-Type": "application/json"})

    def slow_next(self, source: Source, seconds: float, *, times: int = 1) -> None:
        """Answer the next requests late."""
        self._faults[source] += [Fault(delay=seconds)] * times

    def clear_faults(self, source: Source) -> None:
        """Answer the next requests without a fault."""
        self._faults[source].clear()

    def hold(self, source: Source, until_in_flight: int) -> None:
        """Answer no request until so many are in flight at once."""
        self._holds[source] = until_in_flight, asyncio.Event()

    def unplug(self, source: Source) -> None:
        """Break every connection to a service without an answer, until `plug_in`."""
        self._unplugged.add(source)

    def plug_in(self, source: Source) -> None:
        """Undo `unplug`."""
        self._unplugged.discard(source)

    def spend_quota(self, *, reset_in: float = 3600, resource: str = "core", remaining: int = 0) -> None:
        """Leave so many GitHub requests until the reset."""
        self._resets[resource] = self.clock() + reset_in
        self._spent[resource] = LIMITS[resource] - remaining

    def limit_next(self, *, status: int = 403, retry_after: int | None = None, times: int = 1) -> None:
        """Refuse the next GitHub requests for a secondary limit, with or without `Retry-After`."""
        headers = {"Content-Type": "application/json"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        body = json.dumps({"message": SECONDARY, "documentation_url": "https://docs.github.com/rest"}).encode()
        self.fail_next("github", status=status, times=times, body=body, headers=headers)

    # What was asked.

    def asked(self, source: Source) -> list[str]:
        """The paths that were asked of a service, in order."""
        return [request.path for request in self.requests if request.source == source]

    # How it answers.

    async def answer(self, source: Source, request: web.Request) -> web.StreamResponse:
        """Note the request, apply a fault, or answer as the service would."""
        self.requests.append(
            Request(source, request.host, request.method, request.path, dict(request.query), dict(request.headers))
        )
        self._in_flight[source] += 1
        self.most_in_flight[source] = max(self.most_in_flight[source], self._in_flight[source])
        try:
            if hold := self._holds.get(source):
                until_in_flight, reached = hold
                if self._in_flight[source] >= until_in_flight:
                    reached.set()
                await reached.wait()
            return await self._answer(source, request)
        finally:
            self._in_flight[source] -= 1

    async def _answer(self, source: Source, request: web.Request) -> web.StreamResponse:
        if source in self._unplugged:
            return _broken(request)
        fault = self._faults[source].pop(0) if self._faults[source] else Fault()
        await asyncio.sleep(fault.delay)
        if fault.endless:
            return await _endless(request, fault)
        if fault.status is not None:
            return web.Response(status=fault.status, body=fault.body, headers=fault.headers)
        response = {"github": self._github, "pypi": self._pypi, "elsewhere": _other_host}[source](request)
        return await _cut(request, response) if fault.cut else response

    def _github(self, request: web.Request) -> web.Response:
        if not request.headers.get("User-Agent"):
            return _message(403, "Request forbidden by administrative rules.")
        if self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}":
            return _message(401, "Bad credentials")
        resource = "search" if request.path.startswith("/search/") else "core"
        if self.clock() >= self._resets.get(resource, 0):
            self._resets[resource] = self.clock() + 3600
            self._spent[resource] = 0
        if self._spent[resource] >= LIMITS[resource]:
            response = _message(403, "API rate limit exceeded for user ID 1.")
        else:
            response = self._conditional(request, self._github_answer(request))
            # "Making a conditional request does not count against your primary rate limit if a 304 response is
            # returned": https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
            self._spent[resource] += response.status != 304
        response.headers.update(
            {
                "X-RateLimit-Limit": str(LIMITS[resource]),
                "X-RateLimit-Remaining": str(LIMITS[resource] - self._spent[resource]),
                "X-RateLimit-Used": str(self._spent[resource]),
                "X-RateLimit-Reset": str(int(self._resets[resource])),
                "X-RateLimit-Resource": resource,
            }
        )
        return response

    def _github_answer(self, request: web.Request) -> web.Response:
        match request.path.strip("/").split("/"):
            case ["search", "repositories"]:
                return self._search(request)
            case ["repos", owner, name, *rest]:
                number = self._numbers.get(f"{owner}/{name}".lower())
                repository = self.repositories.get(number or 0)
                if repository and repository.full_name.lower() != f"{owner}/{name}".lower():
                    location = "/".join([self.github_url, "repositories", str(number), *rest])
                    moved = _message(301, "Moved Permanently", url=location)
                    moved.headers["Location"] = location
                    return moved
            case ["repositories", number, *rest]:
                repository = self.repositories.get(int(number))
            case _:
                repository, rest = None, []
        return self._repository_answer(request, repository, rest) if repository else _message(404, "Not Found")

    def _repository_answer(self, request: web.Request, repository: Repository, rest: list[str]) -> web.Response:
        match rest:
            case []:
                return web.json_response(repository.json)
            case ["topics"]:
                return web.json_response({"names": repository.topics})
            case ["readme"]:
                names = [path for path in repository.files if path.lower().startswith("readme")]
                return self._contents(request, repository, names[0]) if names else _message(404, "Not Found")
            case ["contents", *parts]:
                return self._contents(request, repository, "/".join(parts))
            case _:
                return _message(404, "Not Found")

    def _contents(self, request: web.Request, repository: Repository, path: str) -> web.Response:
        if path in repository.files:
            text = repository.files[path]
            if request.headers.get("Accept") == RAW:
                return web.Response(body=text.encode(), content_type=RAW, charset="utf-8")
            return web.json_response(file_json(repository.full_name, path, text, self.github_url))
        folder = folder_json(repository.full_name, path, repository.files, self.github_url)
        return web.json_response(folder) if folder is not None else _message(404, "Not Found")

    def _search(self, request: web.Request) -> web.Response:
        topic = request.query["q"].removeprefix("topic:")
        page, size = int(request.query.get("page", 1)), int(request.query.get("per_page", 30))
        found = [r.json | {"score": 1.0} for r in self.repositories.values() if topic in r.topics]
        found.sort(key=lambda json: -int(json["stargazers_count"]))
        items = found[(page - 1) * size : page * size]
        body = {"total_count": len(found), "incomplete_results": False, "items": items}
        last = -(-len(found) // size)
        links = {"next": page + 1, "last": last} if page < last else {"first": 1, "prev": page - 1} if page > 1 else {}
        response = web.json_response(body)
        if links:
            response.headers["Link"] = ", ".join(
                f'<{self.github_url}{request.path}?{urlencode(dict(request.query) | {"page": n})}>; rel="{rel}"'
                for rel, n in links.items()
            )
        return response

    def _pypi(self, request: web.Request) -> web.Response:
        match request.path.strip("/").split("/"):
            case ["pypi", name, "json"]:
                normalised = canonicalize_name(name)
                if name != normalised:
                    return web.Response(status=301, headers={"Location": f"/pypi/{normalised}/json"})
                if project := self.projects.get(normalised):
                    return self._conditional(request, web.json_response(project))
        return _message(404, "Not Found")

    def _conditional(self, request: web.Request, response: web.Response) -> web.Response:
        """The response with an ETag; or 304, where the client has it already."""
        if response.status != 200:
            return response
        etag = f'W/"{hashlib.sha256(_body(response)).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            self.not_modified += 1
            return web.Response(status=304, headers={"ETag": etag})
        response.headers["ETag"] = etag
        return response


@contextmanager
def running_stub() -> Iterator[Stub]:
    """A stub that answers until the block ends."""
    stub, loop, ready = Stub(), asyncio.new_event_loop(), threading.Event()
    thread = threading.Thread(target=_serve, args=(stub, loop, ready), daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the stub did not start")
    try:
        yield stub
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _serve(stub: Stub, loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
    async def start(source: Source) -> tuple[web.ServerRunner, str]:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await stub.answer(source, request)  # type: ignore[arg-type]

        runner = web.ServerRunner(web.Server(handle, access_log=None, handler_cancellation=True), shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        return runner, f"http://{host}:{port}"

    async def start_all() -> list[web.ServerRunner]:
        (github, stub.github_url), (pypi, pypi_url) = await start("github"), await start("pypi")
        elsewhere, stub.elsewhere_url = await start("elsewhere")
        stub.pypi_url = f"{pypi_url}/pypi"
        return [github, pypi, elsewhere]

    asyncio.set_event_loop(loop)
    runners = loop.run_until_complete(start_all())
    ready.set()
    loop.run_forever()
    for runner in runners:
        loop.run_until_complete(runner.cleanup())
    loop.run_until_complete(loop.shutdown_asyncgens())


def _message(status: int, text: str, **more: str) -> web.Response:
    return web.json_response(
        {"message": text, "documentation_url": "https://docs.github.com/rest", "status": str(status), **more},
        status=status,
    )


def _body(response: web.Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


def _other_host(_: web.Request) -> web.Response:
    return web.json_response({"message": "this host must get no request"})


def _broken(request: web.BaseRequest) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


async def _cut(request: web.BaseRequest, whole: web.Response) -> web.StreamResponse:
    """The first half of a body that was announced whole."""
    body = _body(whole)
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    return response


async def _endless(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(fault.endless)
        await asyncio.sleep(fault.every)
