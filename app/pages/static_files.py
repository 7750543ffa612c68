"""Styles, scripts and vendored files, served from memory under a URL that changes whenever one of them does."""

import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from app.api.routes import endpoint
from app.api.services import Services
from app.cache.lifetime import Lifetime
from app.cache.response import ResponseContent

FOLDER = Path(__file__).parent / "static"
FOREVER = Lifetime(cache_control="public, max-age=31536000, immutable")
BRIEFLY = Lifetime(cache_control="public, max-age=60")

# Not left to the host's own table of types, which may say otherwise or nothing.
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".md": "text/markdown"}


class Tree(msgspec.Struct, frozen=True):
    """All files by path; `digest` is of all of them, so that relative links from one to another hold."""

    files: dict[str, ResponseContent]
    digest: str


@cache
def tree() -> Tree:
    """The files, read once."""
    files = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            media_type = MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
            files[path.relative_to(FOLDER).as_posix()] = ResponseContent(
                path.read_bytes(), media_type, lifetime=FOREVER
            )
    digest = hashlib.blake2b(digest_size=8)
    for name, content in files.items():
        digest.update(f"{name}\0{len(content.body)}\0".encode() + content.body)
    return Tree(files, digest.hexdigest())


def static_url(path: str) -> str:
    """Where a file is served. Raises KeyError where there is none."""
    files = tree()
    if path not in files.files:
        raise KeyError(path)
    return f"/static/{files.digest}/{path}"


@endpoint("/static/{digest:str}/{path:path}")
async def get_static_file(
    request: Request[Any, Any, Any], digest: FromPath[str], path: FromPath[str], services: NamedDependency[Services]
) -> Response[bytes]:
    """A file. The URL of another version has it for a short time: a page from before an update may ask for it."""
    files = tree()
    content = files.files.get(path.removeprefix("/"))
    if content is None:
        raise NotFoundException
    if digest != files.digest:
        brief = msgspec.structs.replace(content, lifetime=BRIEFLY)
        return services.send(request, brief, (get_static_file, path, "brief"))
    return services.send(request, content, (get_static_file, path))
