"""A response that is ready to be sent: its status, and its headers and body in each content coding, as wire bytes.

The one place that sets ETag and Vary of cached responses. Cache-Control and Age change with time: see policy.py.
"""

import asyncio
import hashlib
from typing import NamedTuple

import msgspec

from app.cache.compression import COMPRESS, Coding, is_worth_compressing
from app.cache.lifetime import NO_STORE, UNTIL_NEXT_DAY, Lifetime
from app.serving.headers import Head, Headers, head

JSON = "application/json"
CSV = "text/csv"

COMPRESSED_IN_THREAD = 16_384
"""Bytes from which a body is compressed outside the event loop."""

ERROR = 400


class ResponseContent(msgspec.Struct, frozen=True):
    """An encoded body with its media type, status, further headers, and lifetime.

    `is_error`: it says that there is no answer, also with a status below 400.
    """

    body: bytes
    media_type: str
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200
    lifetime: Lifetime = UNTIL_NEXT_DAY
    is_error: bool = False


def json_content(
    body: msgspec.Struct,
    headers: tuple[tuple[str, str], ...] = (),
    status: int = 200,
    lifetime: Lifetime = UNTIL_NEXT_DAY,
) -> ResponseContent:
    """A struct as JSON, with its fields in their order."""
    return ResponseContent(msgspec.json.encode(body), JSON, headers, status, lifetime)


def file_name(package: str, name: str, suffix: str) -> tuple[str, str]:
    """The header that names a response for those who save it: `numpy-overall.csv`. The package's name is normalised."""
    return "Content-Disposition", f'inline; filename="{package}-{name}.{suffix}"'


class Variant(NamedTuple):
    """The headers and the body in one content coding."""

    head: Head
    body: bytes


class CachedResponse:
    """Content that can be sent in every content coding; `by_accept` says that `Accept` may have chosen it.

    Content with `Cache-Control: no-store` has no ETag.
    """

    __slots__ = ("_etag", "_etags", "_making", "_unmodified", "_variants", "by_accept", "content", "is_compressible")

    def __init__(self, content: ResponseContent, *, by_accept: bool = False) -> None:
        self.content = content
        self.is_compressible = is_worth_compressing(content.body, content.media_type)
        is_stored = content.lifetime.cache_control != NO_STORE
        self._etag = hashlib.blake2b(content.body, digest_size=16).hexdigest() if is_stored else ""
        self._etags: dict[Coding, bytes] = {}
        self.by_accept = by_accept
        self._variants = {"identity": self._variant("identity", content.body)}
        self._unmodified: dict[str, Head] = {}
        self._making: dict[str, asyncio.Task[Variant]] = {}

    @property
    def status(self) -> int:
        """The status, unless a condition makes it 304."""
        return self.content.status

    @property
    def is_error(self) -> bool:
        """Whether it says that there is no answer."""
        return self.content.is_error or self.content.status >= ERROR

    @property
    def size(self) -> int:
        """The bytes of all variants so far."""
        return sum(len(variant.body) for variant in self._variants.values())

    def etag(self, coding: Coding) -> bytes:
        """The strong validator of one variant."""
        found = self._etags.get(coding)
        if found is None:
            name = self._etag if coding == "identity" else f"{self._etag}-{coding}"
            found = self._etags[coding] = f'"{name}"'.encode()
        return found

    def variant(self, coding: Coding) -> Variant | None:
        """The variant in a coding; None if it has not been compressed yet."""
        return self._variants.get(coding)

    async def make_variant(self, coding: Coding) -> Variant:
        """Compress the body, once for all concurrent callers."""
        if coding not in self._making:
            self._making[coding] = asyncio.create_task(self._compressed(coding))
        return await asyncio.shield(self._making[coding])

    async def _compressed(self, coding: Coding) -> Variant:
        body = self.content.body
        if len(body) < COMPRESSED_IN_THREAD:
            compressed = COMPRESS[coding](body)
        else:
            compressed = await asyncio.to_thread(COMPRESS[coding], body)
        self._variants[coding] = variant = self._variant(coding, compressed)
        del self._making[coding]
        return variant

    def unmodified(self, coding: Coding) -> Head:
        """The headers of a 304: those of the 200 without the ones about its body."""
        found = self._unmodified.get(coding)
        if found is None:
            found = self._unmodified[coding] = head(self._validators(coding))
        return found

    def _variant(self, coding: Coding, body: bytes) -> Variant:
        charset = "; charset=utf-8" if self.content.media_type.startswith("text/") else ""
        headers: Headers = [
            (b"content-type", f"{self.content.media_type}{charset}".encode()),
            (b"content-length", b"%d" % len(body)),
            *self._validators(coding),
        ]
        if coding != "identity":
            headers.append((b"content-encoding", coding.encode()))
        return Variant(head(headers), body)

    def _validators(self, coding: Coding) -> Headers:
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.content.headers]
        if self._etag:
            vary = b"Accept, Accept-Encoding" if self.by_accept else b"Accept-Encoding"
            headers += [(b"etag", self.etag(coding)), (b"vary", vary)]
        return headers


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether If-None-Match names the ETag: one of a list, compared weakly, or `*` (RFC 9110, section 13.1.2)."""
    if if_none_match in (etag, b"*"):
        return True
    candidates = [candidate.strip().removeprefix(b"W/") for candidate in if_none_match.split(b",")]
    return etag in candidates or b"*" in candidates
