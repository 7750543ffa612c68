"""The charts of a package's page, one for each dimension, with the URLs of their data."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

CAPTIONS = {
    "origin": ("People and robots", "Installs by people, by CI, and what mirrors, browsers and other clients fetched."),
    "overall": ("Downloads", "All downloads, with and without mirrors."),
    "python_minor": ("Python versions", "The Python version that ran the installer."),
    "version": ("Releases", "The release of the package."),
    "system": ("Operating systems", "The system that ran the installer."),
    "installer": ("Installers", "The tool that made the download, mirrors included."),
    "country": ("Countries", "The country that the request came from."),
    "file_type": ("File types", "Wheels, source distributions and other files."),
    "python_major": ("Python 2 and 3", "Python versions, by major version."),
    "platform": ("Platforms of wheels", "The platform tags of the wheel that was downloaded."),
    "abi": ("ABIs of wheels", "The ABI tags of the wheel that was downloaded."),
    "cpu": ("Processors", "The processor of the machine that ran the installer."),
    "libc": ("C libraries", "The C library of Linux, and its version."),
    "distro": ("Distributions", "The distribution of Linux, or the version of macOS."),
    "implementation": ("Python implementations", "The Python implementation that ran the installer."),
    "installer_version": ("Installer versions", "The tool that made the download, and its version."),
}
"""Title and description by dimension, in the order of the page."""


class Figure(msgspec.Struct, frozen=True):
    """A chart of one dimension. `chart_url`, `series_url` and `embed_url` are paths with a query."""

    dimension: str
    title: str
    description: str
    chart_url: str
    series_url: str
    embed_url: str


def figures_of(package: str, root: str, span: Mapping[str, str], style: Mapping[str, str]) -> list[Figure]:
    """The figures of a package. All URLs begin with `root` and have the parameters `span`; those of
    charts have `style` too."""
    # As charts do, which have no weeks or months that are only partly in the span.
    series_query, chart_query = urlencode({**span, "partial": "false"}), urlencode({**span, **style})
    return [
        Figure(
            dimension=dimension,
            title=title,
            description=description,
            chart_url=f"{root}/api/packages/{package}/chart/{dimension}?{chart_query}",
            series_url=f"{root}/api/packages/{package}/{dimension}?{series_query}",
            embed_url=f"{root}/embed/{package}/{dimension}?{chart_query}",
        )
        for dimension, (title, description) in CAPTIONS.items()
    ]
