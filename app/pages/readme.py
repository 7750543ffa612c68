"""Renders READMEs, which are untrusted, as sanitised HTML.

Only a few tags and attributes pass. The page's Content-Security-Policy is a second line of defence. It
runs in a process that can be ended (readme_worker.py): that a README takes linear time depends on libraries.
"""

import re
from collections.abc import Sequence
from functools import partial
from urllib.parse import urljoin, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

MAX_NESTING = 100
"""Elements in one another. The tags of deeper ones are left out."""

LEVELS_ABOVE = 2
"""A README's h1 becomes h3: the page uses the first two levels."""

TAGS = {
    *("a", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "hr", "i", "kbd", "li"),
    *("ol", "p", "pre", "s", "samp", "span", "strong", "sub", "summary", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "h1", "h2", "h3", "h4", "h5", "h6"),
}
DROPPED_WITH_CONTENT = {"script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math", "title"}
SCHEMES = {"http", "https", "mailto"}

_HEADING = re.compile(r"<(/?)h([1-6])>")
_TAG = re.compile(r"(<(/?)([a-z][a-z0-9]*)[^<>]*>)")
_VOID = {"br", "hr"}
_REMOVED_IF_EMPTY = {*("a", "p", "li", "div", "span", "strong", "em"), *(f"h{level}" for level in range(1, 7))}
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)


def readme_html(content: str, source: str) -> str:
    """Markdown as sanitised HTML; `source` is the URL of its page.

    Images become their descriptions, since pages load nothing from other hosts.
    """
    base = source if urlsplit(source).scheme in {"http", "https"} else ""
    clean = nh3.clean(
        _markdown.render(content),
        tags=TAGS,
        clean_content_tags=DROPPED_WITH_CONTENT,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=SCHEMES,
        # Relative links point into the repository.
        url_relative=partial(_resolved, base) if base else "deny",
        link_rel="nofollow noopener noreferrer",
    )
    return _with_levels(_tidied(clean))


def _resolved(base: str, url: str) -> str | None:
    """A relative URL of a document; None, and the link loses its target, if it is none."""
    try:
        return urljoin(base, url)
    except ValueError:
        return None


def _with_levels(html: str) -> str:
    """Headings below those of the page, none more than one level below the one before it: READMEs skip levels, and
    lose the headings that are pictures. `html` is well-formed."""
    above: list[str] = []  # the levels of the headings that the current one is below, and its own
    opened: list[int] = []  # more than one where a heading is in another

    def shifted(tag: re.Match[str]) -> str:
        if tag[1]:
            return f"</h{opened.pop()}>"
        while above and above[-1] >= tag[2]:
            above.pop()
        above.append(tag[2])
        opened.append(min(6, LEVELS_ABOVE + len(above)))
        return f"<h{opened[-1]}>"

    return _HEADING.sub(shifted, html)


def _tidied(html: str) -> str:
    """Without the empty elements that images leave, and without deep nesting: a link without text has no accessible
    name. `html` is well-formed. It takes linear time."""
    kept: list[str] = []
    opened: list[int] = []  # where in `kept` the open elements begin
    last_content = -1
    position = 0
    for tag in _TAG.finditer(html):
        if text := html[position : tag.start()]:
            kept.append(text)
            last_content = len(kept) - 1 if text.strip() else last_content
        position = tag.end()
        whole, end, name = tag.groups()
        if not end and name not in _VOID:
            opened.append(len(kept))
            if len(opened) <= MAX_NESTING:
                kept.append(whole)
                last_content = last_content if name in _REMOVED_IF_EMPTY else len(kept) - 1
        elif end:
            start = opened.pop()
            if last_content < start and name in _REMOVED_IF_EMPTY:
                del kept[start:]
            elif len(opened) < MAX_NESTING:
                kept.append(whole)
                last_content = len(kept) - 1
        else:
            kept.append(whole)
            last_content = len(kept) - 1
    return "".join([*kept, html[position:]])


class _Renderer(RendererHTML):
    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        description = self.renderInlineAsText(tokens[idx].children or [], options, env)
        return nh3.clean_text(description)


_markdown = MarkdownIt("commonmark", renderer_cls=_Renderer).enable(["table", "strikethrough"])
