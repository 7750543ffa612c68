"""Templates filled in: every value is escaped, and a name that is not given is an error."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.cache.lifetime import UNTIL_NEXT_DAY, Lifetime
from app.cache.response import ResponseContent
from app.charts.badge import short
from app.pages import words
from app.pages.security import security_headers
from app.pages.static_files import static_url

HTML = "text/html"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["static"] = static_url
    environment.filters |= {
        "category": words.category,
        "compact": short,
        "day": words.day,
        "direction": words.direction,
        "grouped": words.grouped,
        "percent": words.percent,
        "signed_percent": words.signed_percent,
        "signed_points": words.signed_points,
    }
    return environment


def fill(template: str, **values: Any) -> bytes:
    """The template with these values, encoded."""
    return _environment().get_template(template).render(values).encode()


def html(
    template: str,
    *,
    framed: bool = False,
    data_images: bool = False,
    lifetime: Lifetime = UNTIL_NEXT_DAY,
    **values: Any,
) -> ResponseContent:
    """A page with its headers."""
    headers = security_headers(framed=framed, data_images=data_images)
    return ResponseContent(fill(template, **values), HTML, headers, lifetime=lifetime)
