"""Renders READMEs, which are untrusted, as sanitised HTML.

Only a few tags and attributes pass. The page's Content-Security-Policy is a second line of defence.
"""

import re
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from app.discovery.sources.github import Document

MARKDOWN_SUFFIXES = (".md", ".markdown")

MAX_LENGTH = 200_000
"""Characters. Longer documents take too long to render."""

HEADING_SHIFT = 2
"""A README's h1 becomes h3: the page uses the first two levels."""

TAGS = {
    *("a", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "hr", "i", "kbd", "li"),
    *("ol", "p", "pre", "s", "samp", "span", "strong", "sub", "summary", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "h1", "h2", "h3", "h4", "h5", "h6"),
}
DROPPED_WITH_CONTENT = {"script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math", "title"}
SCHEMES = {"http", "https", "mailto"}

_HEADING = re.compile(r"<(/?)h([1-6])>")
_EMPTY = re.compile(r"<(a|p|h[1-6]|li|div|span|strong|em)(?: [^<>]*)?>\s*</\1>")
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)


def is_markdown(document: Document) -> bool:
    """Whether a document is rendered. Other documents are only linked."""
    return document.path.lower().endswith(MARKDOWN_SUFFIXES) and len(document.content) <= MAX_LENGTH


def readme_html(document: Document) -> str:
    """The document as sanitised HTML. Images become their descriptions, since pages load nothing from other hosts."""
    base = document.source if urlsplit(document.source).scheme in {"http", "https"} else ""
    clean = nh3.clean(
        _markdown.render(document.content),
        tags=TAGS,
        clean_content_tags=DROPPED_WITH_CONTENT,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=SCHEMES,
        # Relative links point into the repository.
        url_relative=(lambda url: urljoin(base, url)) if base else "deny",
        link_rel="nofollow noopener noreferrer",
    )
    return _without_empty(_HEADING.sub(_shifted, clean))


def _shifted(tag: re.Match[str]) -> str:
    return f"<{tag[1]}h{min(6, int(tag[2]) + HEADING_SHIFT)}>"


def _without_empty(html: str) -> str:
    """Without the empty elements that images leave: a link without text has no accessible name."""
    while (shorter := _EMPTY.sub("", html)) != html:
        html = shorter
    return html


class _Renderer(RendererHTML):
    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        description = self.renderInlineAsText(tokens[idx].children or [], options, env)
        return nh3.clean_text(description)


_markdown = MarkdownIt("commonmark", renderer_cls=_Renderer).enable(["table", "strikethrough"])
