"""A finished answer: its status, its headers and its body in each content coding, as they go onto the wire.

The one place that sets ETag and Vary. What changes with time, Cache-Control and Age, is in lifetime.py.
"""

import asyncio
import hashlib
from typing import NamedTuple

import msgspec

from app.cache.compression import COMPRESS, Coding, is_worth_compressing
from app.serving.headers import Head, Headers, head

JSON = "application/json"
CSV = "text/csv"

COMPRESSED_IN_THREAD = 16_384
"""Bytes from which a body is compressed outside the event loop."""

ERROR = 400
NO_STORE = "no-store"


class ResponseContent(msgspec.Struct, frozen=True):
    """An encoded body, what it is, its status, and further headers that belong to it.

    HTTP caches may keep it for at least `min_age` seconds, even where it may change before; or as `cache_control` says.
    """

    content: bytes
    media_type: str
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200
    min_age: int = 0
    cache_control: str = ""


class Variant(NamedTuple):
    """What is sent for one content coding: the headers, and the body."""

    head: Head
    content: bytes


class CachedResponse:
    """A body ready to be sent in every content coding; `by_accept` says that `Accept` may have chosen it.

    What nobody is to keep has no ETag.
    """

    __slots__ = ("_etag", "_etags", "_making", "_unmodified", "_variants", "body", "by_accept", "is_compressible")

    def __init__(self, body: ResponseContent, *, by_accept: bool = False) -> None:
        self.body = body
        self.is_compressible = is_worth_compressing(body.content, body.media_type)
        self._etag = hashlib.blake2b(body.content, digest_size=16).hexdigest() if body.cache_control != NO_STORE else ""
        self._etags: dict[Coding, bytes] = {}
        self.by_accept = by_accept
        self._variants = {"identity": self._variant("identity", body.content)}
        self._unmodified: dict[str, Head] = {}
        self._making: dict[str, asyncio.Task[Variant]] = {}

    @property
    def status(self) -> int:
        """The status of an answer that is sent whole."""
        return self.body.status

    @property
    def is_error(self) -> bool:
        """Whether it says why there is no other."""
        return self.body.status >= ERROR

    @property
    def size(self) -> int:
        """Bytes of all variants that have been made."""
        return sum(len(variant.content) for variant in self._variants.values())

    def etag(self, coding: Coding) -> bytes:
        """The strong validator of one variant: other bytes, another ETag."""
        found = self._etags.get(coding)
        if found is None:
            name = self._etag if coding == "identity" else f"{self._etag}-{coding}"
            found = self._etags[coding] = f'"{name}"'.encode()
        return found

    def variant(self, coding: Coding) -> Variant | None:
        """What is sent in a coding; None where that has not been made yet."""
        return self._variants.get(coding)

    async def make_variant(self, coding: Coding) -> Variant:
        """Compress, once, however many wait for it."""
        if coding not in self._making:
            self._making[coding] = asyncio.create_task(self._compressed(coding))
        return await asyncio.shield(self._making[coding])

    async def _compressed(self, coding: Coding) -> Variant:
        content = self.body.content
        if len(content) < COMPRESSED_IN_THREAD:
            compressed = COMPRESS[coding](content)
        else:
            compressed = await asyncio.to_thread(COMPRESS[coding], content)
        self._variants[coding] = variant = self._variant(coding, compressed)
        del self._making[coding]
        return variant

    def unmodified(self, coding: Coding) -> Head:
        """The headers of a 304, the same as those of the 200 that it stands for."""
        found = self._unmodified.get(coding)
        if found is None:
            found = self._unmodified[coding] = head(self._validators(coding))
        return found

    def _variant(self, coding: Coding, content: bytes) -> Variant:
        charset = "; charset=utf-8" if self.body.media_type.startswith("text/") else ""
        headers: Headers = [
            (b"content-type", f"{self.body.media_type}{charset}".encode()),
            (b"content-length", b"%d" % len(content)),
            *self._validators(coding),
        ]
        if coding != "identity":
            headers.append((b"content-encoding", coding.encode()))
        return Variant(head(headers), content)

    def _validators(self, coding: Coding) -> Headers:
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.body.headers]
        if self._etag:
            vary = b"Accept, Accept-Encoding" if self.by_accept else b"Accept-Encoding"
            headers += [(b"etag", self.etag(coding)), (b"vary", vary)]
        return headers


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """RFC 9110, section 13.1.2: any of a list, compared weakly, or `*`."""
    if if_none_match in (etag, b"*"):
        return True
    candidates = [candidate.strip().removeprefix(b"W/") for candidate in if_none_match.split(b",")]
    return etag in candidates or b"*" in candidates
