"""The page of the discovery index: the packages of an ecosystem, to search, filter and sort."""

from typing import Any, get_args
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency

from app.api.packages import while_index_stands
from app.api.parameters import parse_query
from app.api.services import Services
from app.cache.lifetime import TRANSIENT, Lifetime
from app.cache.response import ResponseContent
from app.discovery.index.search import Index, IndexQuery, Sort
from app.pages.parameters import ExploreQuery
from app.pages.rendering import render_page
from app.pages.routes import page
from app.public_url import PublicUrl

PER_PAGE = 20


@page("/explore", ExploreQuery)
async def get_explore_page(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """The index; where there is none, what to set, or that it is being built."""
    discovery = services.discovery
    query = parse_query(request, ExploreQuery)
    is_demo = services.answers.warehouse.is_demo
    if discovery.index is None:
        content = render_page(
            "no_index.html", services.public_url, is_off=discovery.is_off, is_demo=is_demo, lifetime=TRANSIENT
        )
        return services.send(request, content)
    lifetime = while_index_stands(services)
    content = explore_html(discovery.index, query, services.public_url, lifetime, is_demo=is_demo)
    return services.send(request, content, (get_explore_page, query))


def explore_html(
    index: Index, query: ExploreQuery, public_url: PublicUrl, lifetime: Lifetime, *, is_demo: bool
) -> ResponseContent:
    """One page of the packages that match."""
    asked = IndexQuery(
        q=query.q,
        topic=query.topic.strip() or None,
        official=True if query.official else None,
        verified=True if query.verified else None,
        new=True if query.new else None,
        sort=query.sort,
    )
    entries, total = index.find(asked, (query.page - 1) * PER_PAGE, PER_PAGE)
    pages = max(1, -(-total // PER_PAGE))
    return render_page(
        "explore.html",
        public_url,
        lifetime=lifetime,
        entries=entries,
        total=total,
        pages=pages,
        query=query,
        sorts=get_args(Sort),
        built_at=index.built_at.date(),
        previous_url=_page_url(public_url, query, min(query.page - 1, pages)) if query.page > 1 else None,
        next_url=_page_url(public_url, query, query.page + 1) if query.page < pages else None,
        api_url=f"{public_url.root}/api/packages?{_given(query)}",
        is_demo=is_demo,
    )


def _given(query: ExploreQuery, **changes: int) -> str:
    """What a query asks for, as parameters."""
    values = msgspec.structs.asdict(query) | changes
    return urlencode({name: value for name, value in values.items() if value != _DEFAULTS[name]})


def _page_url(public_url: PublicUrl, query: ExploreQuery, number: int) -> str:
    return f"{public_url.root}/explore?{_given(query, page=number)}"


_DEFAULTS = msgspec.structs.asdict(ExploreQuery())
