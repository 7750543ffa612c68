"""A README as HTML that can do no harm: a stranger has written it.

The Markdown is rendered, then everything goes but a few tags; the page's Content-Security-Policy stands behind that.
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
"""Characters: rendering more takes longer than anybody reads."""

HEADINGS_DOWN = 2
"""The page has two levels of its own above."""

TAGS = {
    *("a", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "hr", "i", "kbd", "li"),
    *("ol", "p", "pre", "s", "samp", "span", "strong", "sub", "summary", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "h1", "h2", "h3", "h4", "h5", "h6"),
}
DROPPED_WHOLE = {"script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math", "title"}
SCHEMES = {"http", "https", "mailto"}

_HEADING = re.compile(r"<(/?)h([1-6])>")
_EMPTY = re.compile(r"<(a|p|h[1-6]|li|div|span|strong|em)(?: [^<>]*)?>\s*</\1>")
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)


def is_markdown(document: Document) -> bool:
    """Whether a document can be shown; anything else is linked to."""
    return document.path.lower().endswith(MARKDOWN_SUFFIXES) and len(document.content) <= MAX_LENGTH


def readme_html(document: Document) -> str:
    """The document, sanitised. Images are their descriptions: a page loads nothing from elsewhere."""
    base = document.source if urlsplit(document.source).scheme in {"http", "https"} else ""
    clean = nh3.clean(
        _markdown.render(document.content),
        tags=TAGS,
        clean_content_tags=DROPPED_WHOLE,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=SCHEMES,
        # A relative link is one in the repository.
        url_relative=(lambda url: urljoin(base, url)) if base else "deny",
        link_rel="nofollow noopener noreferrer",
    )
    return _without_empty(_HEADING.sub(_lowered, clean))


def _lowered(tag: re.Match[str]) -> str:
    return f"<{tag[1]}h{min(6, int(tag[2]) + HEADINGS_DOWN)}>"


def _without_empty(text: str) -> str:
    """Without what images leave behind: a link without text is one that nobody can name."""
    while (shorter := _EMPTY.sub("", text)) != text:
        text = shorter
    return text


class _Renderer(RendererHTML):
    """Images as their descriptions."""

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        description = self.renderInlineAsText(tokens[idx].children or [], options, env)
        return _escaped(description)


def _escaped(text: str) -> str:
    return nh3.clean_text(text)


_markdown = MarkdownIt("commonmark", renderer_cls=_Renderer).enable(["table", "strikethrough"])
