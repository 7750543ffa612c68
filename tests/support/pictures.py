"""Pictures, looked at: their size, and the colors in them."""

import io
from collections import Counter
from xml.etree import ElementTree

from PIL import Image


def picture_size(picture: bytes) -> tuple[int, int]:
    """Width and height, in pixels, of a PNG or SVG document, or of the largest picture in an icon."""
    if not picture.startswith(b"<"):
        return Image.open(io.BytesIO(picture)).size
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return int(root.attrib["width"]), int(root.attrib["height"])


def texts(picture: bytes) -> list[str]:
    """What stands in an SVG document, its title first."""
    root = ElementTree.fromstring(picture)
    wanted = {"{http://www.w3.org/2000/svg}title", "{http://www.w3.org/2000/svg}text"}
    return [(element.text or "").strip() for element in root.iter() if element.tag in wanted]


def pixels(picture: bytes) -> Counter[str]:
    """How many pixels of a PNG have each color, as `#rrggbb`."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    colors = image.getcolors(image.width * image.height)
    assert colors
    return Counter({"#{:02x}{:02x}{:02x}".format(*color): count for count, color in colors})
