"""Serves styles, scripts and vendored files from memory, under a URL that changes with their content."""

import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.errors import problem
from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import Lifetime
from app.cache.response import ResponseContent

FOLDER = Path(__file__).parent / "static"
FOREVER = Lifetime(cache_control="public, max-age=31536000, immutable")
DAILY = Lifetime(cache_control="public, max-age=86400")
BRIEFLY = Lifetime(cache_control="public, max-age=60")

# The host's own table may lack these types or have others.
MEDIA_TYPES = {
    ".css": "text/css",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}


class StaticFiles(msgspec.Struct, frozen=True):
    """All files by path. They share one `digest`, so that relative links between them work."""

    by_path: dict[str, ResponseContent]
    digest: str


@cache
def static_files() -> StaticFiles:
    """The files, read at the first call."""
    by_path = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            media_type = MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
            by_path[path.relative_to(FOLDER).as_posix()] = ResponseContent(
                path.read_bytes(), media_type, lifetime=FOREVER
            )
    digest = hashlib.blake2b(digest_size=8)
    for name, content in by_path.items():
        digest.update(f"{name}\0{len(content.body)}\0".encode() + content.body)
    return StaticFiles(by_path, digest.hexdigest())


def static_url(path: str) -> str:
    """The URL path of a file. Raises KeyError if there is no such file."""
    files = static_files()
    if path not in files.by_path:
        raise KeyError(path)
    return f"/static/{files.digest}/{path}"


@endpoint("/static/{digest:str}/{path:path}")
async def get_static_file(
    request: Request[Any, Any, Any], digest: FromPath[str], path: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """A file. The URL of another version has it for a short time: a page from before an update may ask for it."""
    files = static_files()
    content = files.by_path.get(path.removeprefix("/"))
    if content is None:
        # Not kept by caches, as an unknown path is: while servers are updated one by one, others have the file.
        raise problem(404, "there is no such file")
    if digest != files.digest:
        brief = msgspec.structs.replace(content, lifetime=BRIEFLY)
        return services.send(request, brief, (get_static_file, path, "brief"))
    return services.send(request, content, (get_static_file, path))


@endpoint("/favicon.ico")
async def get_favicon(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """The icon, where browsers look for it that show no page of ours."""
    content = msgspec.structs.replace(static_files().by_path["favicon.ico"], lifetime=DAILY)
    return services.send(request, content, get_favicon)
