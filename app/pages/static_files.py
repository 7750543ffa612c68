"""Styles, scripts and vendored files, served from memory under a URL that changes whenever one of them does."""

import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from app.api.answers import Answer, Body, matches
from app.api.routes import endpoint

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=60"

# Not left to the host's own table of types, which may say otherwise or nothing.
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".md": "text/markdown"}


class Tree(msgspec.Struct, frozen=True):
    """All files by path; `digest` is of all of them, so that relative links from one to another hold."""

    files: dict[str, Answer]
    digest: str


@cache
def tree() -> Tree:
    """The files, read once."""
    files = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            media_type = MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
            body = Body(path.read_bytes(), media_type, (("X-Content-Type-Options", "nosniff"),))
            files[path.relative_to(FOLDER).as_posix()] = Answer.of(body)
    parts = "".join(f"{name}{answer.etag}" for name, answer in files.items())
    return Tree(files, hashlib.blake2b(parts.encode(), digest_size=8).hexdigest())


def static_url(path: str) -> str:
    """Where a file is served. Raises KeyError where there is none."""
    files = tree()
    if path not in files.files:
        raise KeyError(path)
    return f"/static/{files.digest}/{path}"


@endpoint("/static/{digest:str}/{path:path}")
async def get_static_file(
    request: Request[Any, Any, Any], digest: FromPath[str], path: FromPath[str]
) -> Response[bytes]:
    """A file. Under the URL of another version it is the same one for a moment: a page may have been kept since."""
    files = tree()
    answer = files.files.get(path.removeprefix("/"))
    if answer is None:
        raise NotFoundException
    headers = {
        "ETag": answer.etag,
        "Cache-Control": FOREVER if digest == files.digest else BRIEFLY,
        **dict(answer.body.headers),
    }
    is_known = matches(request.headers.get("if-none-match"), answer.etag)
    return Response(
        b"" if is_known else answer.body.content,
        status_code=304 if is_known else 200,
        headers=headers,
        media_type=answer.body.media_type,
    )
