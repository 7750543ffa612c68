"""Pictures, looked at: their size, and the colours in them."""

import io
import re
from collections import Counter

from PIL import Image


def picture_size(picture: bytes) -> tuple[int, int]:
    """Width and height, in pixels, of a PNG or SVG document."""
    if picture.startswith(b"\x89PNG"):
        return Image.open(io.BytesIO(picture)).size
    found = re.search(r'<svg [^>]*width="(\d+)" height="(\d+)"', picture.decode())
    assert found, picture[:500]
    return int(found[1]), int(found[2])


def pixels(picture: bytes) -> Counter[str]:
    """How many pixels of a PNG have each colour, as `#rrggbb`."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    colours = image.getcolors(image.width * image.height)
    assert colours
    return Counter({"#{:02x}{:02x}{:02x}".format(*colour): count for count, colour in colours})
