"""From matplotlib's SVG to one that web pages can show, as a file or as part of themselves."""

import re

from app.charts.data import ChartStyle

STYLE_SHEET = re.compile(r"<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>\s*")
REFERENCE = re.compile(r'(?:url\(#|href="#)([^)"]+)')
ID = re.compile(r' id="([^"]*)"')


def embeddable(document: str, style: ChartStyle) -> str:
    """The document without what would change a page around it: a style sheet for all elements, and ids that nothing
    refers to. It has a size in pixels, not in points, and a role, and no document type."""
    document = STYLE_SHEET.sub("", document[document.index("<svg ") :])
    used = set(REFERENCE.findall(document))
    document = ID.sub(lambda found: found[0] if found[1] in used else "", document)
    size = f'width="{style.width}" height="{style.height}"'
    document = re.sub('width="[^"]*" height="[^"]*"', size, document, count=1)
    # Children inherit what the style sheet said.
    return document.replace("<svg ", '<svg role="img" stroke-linejoin="round" stroke-linecap="butt" ', 1)
