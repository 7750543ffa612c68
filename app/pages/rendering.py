"""Renders the Jinja templates. Every value is escaped, and an undefined name raises jinja2.UndefinedError."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.cache.lifetime import UNTIL_NEXT_DAY, Lifetime
from app.cache.response import ResponseContent
from app.charts.badge import compact_number
from app.pages import formatting
from app.pages.security import security_headers
from app.pages.static_files import static_url
from app.public_url import PublicUrl
from app.warehouse.reading.snapshot import Snapshot
from app.windows import days_not_loaded, listed_days

HTML = "text/html"


@cache
def _environment(public_url: PublicUrl) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "public_origin": public_url.origin,
        "root": public_url.root,
        "static": lambda path: public_url.root + static_url(path),
    }
    environment.filters |= {
        "category": formatting.category,
        "compact": compact_number,
        "day": formatting.day,
        "direction": formatting.direction,
        "grouped": formatting.grouped,
        "percent": formatting.percent,
        "signed_percent": formatting.signed_percent,
        "signed_points": formatting.signed_points,
    }
    return environment


def missing_days(snapshot: Snapshot) -> str:
    """The days of the default window that are not loaded, in words; empty if all are."""
    return listed_days(days_not_loaded(snapshot.published.days, snapshot.window_days))


def render_template(template: str, public_url: PublicUrl, **values: Any) -> bytes:
    """The rendered template, UTF-8. `root` in it is what all of the server's paths begin with."""
    return _environment(public_url).get_template(template).render(values).encode()


def render_page(
    template: str,
    public_url: PublicUrl,
    *,
    framed: bool = False,
    data_images: bool = False,
    lifetime: Lifetime = UNTIL_NEXT_DAY,
    **values: Any,
) -> ResponseContent:
    """A page with its security headers; `framed` and `data_images` as for `security_headers`."""
    headers = security_headers(framed=framed, data_images=data_images)
    return ResponseContent(render_template(template, public_url, **values), HTML, headers, lifetime=lifetime)
