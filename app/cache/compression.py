"""Content codings: which one a client gets (RFC 9110, section 12.5.3), and how a body is compressed."""

import gzip
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from app.serving.problems import PROBLEM

Coding = Literal["identity", "gzip", "br", "zstd"]

# In our order of preference, smallest first. Levels are a compromise: a body is compressed once, but someone waits.
COMPRESS: dict[Coding, Callable[[bytes], bytes]] = {
    "br": lambda content: bytes(brotli.compress(content, quality=5)),
    "zstd": lambda content: zstd.compress(content, level=9),
    "gzip": lambda content: gzip.compress(content, compresslevel=6, mtime=0),
}

SMALLEST = 1000
"""Bytes below which compressing saves no packet."""

MAX_REMEMBERED = 200
"""Bytes of an `Accept-Encoding` whose result is remembered; browsers' have 20 to 40."""

TEXT = ("text/", "application/json", PROBLEM, "application/yaml", "image/svg+xml")
"""What media types that are worth compressing begin with."""


def is_worth_compressing(content: bytes, media_type: str) -> bool:
    """Whether a body has variants at all."""
    return len(content) >= SMALLEST and media_type.startswith(TEXT)


def preferred(accept_encoding: bytes) -> Coding:
    """The coding that a client likes best, by its `Accept-Encoding`; ours among those that it likes equally."""
    if len(accept_encoding) > MAX_REMEMBERED:
        return _preferred.__wrapped__(accept_encoding)
    return _preferred(accept_encoding)


@lru_cache(maxsize=1000)
def _preferred(accept_encoding: bytes) -> Coding:
    weights: dict[str, float] = {}
    for part in accept_encoding.decode("latin-1").lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    other = weights.get("*", 0.0)
    best: float = 0.0
    coding: Coding = "identity"
    for candidate in COMPRESS:
        weight = weights.get(candidate, other)
        if weight > best:
            best, coding = weight, candidate
    return coding if best >= weights.get("identity", 0.0) else "identity"


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
