"""The figures of a package's page: a chart for each dimension, and the addresses of all that is behind it."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

TITLES = {
    "overall": ("Downloads", "Every download, and those without mirrors."),
    "python_minor": ("Python versions", "The Python that installed it."),
    "version": ("Releases", "Which release of the package was downloaded."),
    "system": ("Operating systems", "Where it was installed."),
    "installer": ("Installers", "What asked for it, mirrors included."),
    "country": ("Countries", "Where the request came from."),
    "file_type": ("File types", "Wheels, source archives and the rest."),
    "python_major": ("Python 2 and 3", "The same by major version."),
}
"""Title and explanation by dimension, in the order of the page."""


class Figure(msgspec.Struct, frozen=True):
    """One chart and its addresses, below this server's own."""

    type: str
    title: str
    about: str
    chart: str
    series: str
    embed: str

    def with_query(self, path: str, **more: str) -> str:
        """An address, with more parameters."""
        return f"{path}{'&' if '?' in path else '?'}{urlencode(more)}" if more else path


def figures_of(package: str, span: Mapping[str, str], chart: Mapping[str, str]) -> list[Figure]:
    """All of a package's figures; `span` are the parameters of a series, `chart` those that a chart has besides."""

    def address(path: str, *parameters: Mapping[str, str]) -> str:
        query = urlencode({name: value for part in parameters for name, value in part.items()})
        return f"{path}?{query}" if query else path

    return [
        Figure(
            type=dimension,
            title=title,
            about=about,
            chart=address(f"/api/packages/{package}/chart/{dimension}", span, chart),
            series=address(f"/api/packages/{package}/{dimension}", span),
            embed=address(f"/embed/{package}/{dimension}", span, chart),
        )
        for dimension, (title, about) in TITLES.items()
    ]
