"""Styles, scripts and vendored files, served from memory under a URL that changes whenever one of them does."""

import hashlib
import math
import mimetypes
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from app.api.responses import Answers
from app.api.routes import endpoint
from app.cache.response import ResponseContent

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=60"

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
                path.read_bytes(), media_type, cache_control=FOREVER
            )
    digest = hashlib.blake2b(digest_size=8)
    for name, body in files.items():
        digest.update(f"{name}\0{len(body.content)}\0".encode() + body.content)
    return Tree(files, digest.hexdigest())


def static_url(path: str) -> str:
    """Where a file is served. Raises KeyError where there is none."""
    files = tree()
    if path not in files.files:
        raise KeyError(path)
    return f"/static/{files.digest}/{path}"


@endpoint("/static/{digest:str}/{path:path}")
async def get_static_file(
    request: Request[Any, Any, Any], digest: FromPath[str], path: FromPath[str], answers: NamedDependency[Answers]
) -> Response[bytes]:
    """A file. Under the URL of another version it is the same one for a moment: a page may have been kept since."""
    files = tree()
    body = files.files.get(path.removeprefix("/"))
    if body is None:
        raise NotFoundException
    if digest != files.digest:
        brief = msgspec.structs.replace(body, cache_control=BRIEFLY)
        return answers.keep(request, (get_static_file, path, BRIEFLY), brief, math.inf)
    return answers.keep(request, (get_static_file, path), body, math.inf)
