"""Responses that are pictures: a browser that opens one by itself runs and loads nothing for it."""

from app.cache.response import ResponseContent

# matplotlib writes the styles of an SVG document into the document.
POLICY = ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")


def picture_content(body: bytes, media_type: str, *headers: tuple[str, str]) -> ResponseContent:
    """A PNG or SVG document with its security headers, and further headers."""
    return ResponseContent(body, media_type, (POLICY, *headers))
