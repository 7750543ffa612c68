"""The settings, read from the environment once, at start-up, by `Settings.from_environment`.

A field's name in capitals is its environment variable; the README's table has its description.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from app.environment import Secret, SettingError, read_values, without_credentials
from app.public_url import PUBLIC_URL_ACCEPTED, PUBLIC_URL_PATTERN, PublicUrl

__all__ = ["Secret", "SettingError", "Settings"]

OPTIONAL_DIMENSIONS = "origin|cpu|libc|distro|implementation|installer_version|platform|abi"

SECRETS_FILE = Path(".secrets.toml")
NAME = "a letter or _, then letters, digits and _"


Seconds = Annotated[int, Meta(gt=0)]
Count = Annotated[int, Meta(gt=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    clickhouse_url: Annotated[
        str,
        Meta(
            description="where the downloads are: `http://host:port`, `https://host:port` (without a port 8123, 8443), "
            "or `chdb:///folder`, an embedded engine in a folder. With our tables it is the store; with ClickPy's "
            "it is a source, and STORE_URL is the store"
        ),
    ] = "https://sql-clickhouse.clickhouse.com"
    clickhouse_user: Annotated[str, Meta(description="user of a ClickHouse server")] = "demo"
    clickhouse_password: Annotated[Secret, Meta(description="password of a ClickHouse server; secret")] = Secret("")
    clickhouse_database: Annotated[
        str, Meta(extra={"accepted": NAME}, pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z", description="database of the tables")
    ] = "pypi"
    clickhouse_cluster: Annotated[
        str,
        Meta(
            extra={"accepted": NAME},
            pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?\Z",
            description="cluster on which `migrate` creates the tables, sharded by package; empty for a single server",
        ),
    ] = ""
    store_url: Annotated[
        str,
        Meta(
            description="where the downloads of a source are kept, in the forms of CLICKHOUSE_URL; "
            "empty for an embedded engine in DATA_DIR"
        ),
    ] = ""
    store_user: Annotated[str, Meta(description="user of a server at STORE_URL")] = "default"
    store_password: Annotated[Secret, Meta(description="password of a server at STORE_URL; secret")] = Secret("")
    store_database: Annotated[
        str,
        Meta(
            extra={"accepted": NAME},
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z",
            description="database of the tables in the store",
        ),
    ] = "pypi"
    data_dir: Annotated[str, Meta(min_length=1, description="folder of the embedded store")] = ".data"
    dimensions: Annotated[
        str,
        Meta(
            extra={"accepted": f"all, none, or names separated by commas: {OPTIONAL_DIMENSIONS.replace('|', ', ')}"},
            pattern=rf"^(all|none|({OPTIONAL_DIMENSIONS})(,({OPTIONAL_DIMENSIONS}))*)\Z",
            description="dimensions that are loaded besides those that every input has: names separated by commas, "
            "`all` or `none`; `distro` and `installer_version` have the most rows",
        ),
    ] = "origin,cpu,libc,implementation,platform,abi"
    sync_from: Annotated[
        Literal["auto", "clickpy", "bigquery", "off"],
        Meta(
            description="source that the server keeps itself up to date from: `clickpy`, `bigquery`, `off`, or `auto`: "
            "`clickpy` if CLICKHOUSE_URL has ClickPy's tables"
        ),
    ] = "auto"
    sync_days: Annotated[
        str,
        Meta(
            extra={"accepted": "a whole number of days from 1 to 99999, all, or nothing"},
            pattern=r"^(all|[1-9][0-9]{0,4})?\Z",
            description="days that are fetched, or `all`; empty for 400 of a package, and of all packages for the new "
            "ones",
        ),
    ] = ""
    sync_max_packages: Annotated[Count, Meta(description="maximum number of packages that are followed")] = 5000
    sync_packages: Annotated[
        str, Meta(description="file with the names of packages to follow, one a line; `all` for all of BigQuery's")
    ] = ""
    bigquery_project: Annotated[
        str,
        Meta(
            extra={"accepted": "the id of a project, such as my-project-1 or example.com:my-project"},
            pattern=r"^([a-z][a-z0-9.:-]*[a-z0-9])?\Z",
            description="Google Cloud project that BigQuery bills queries to; required for BigQuery",
        ),
    ] = ""
    bigquery_table: Annotated[
        str,
        Meta(
            extra={"accepted": "project.dataset.table, without quotation marks"},
            pattern=r"^[a-z][a-z0-9.:-]*[a-z0-9]\.[A-Za-z0-9_]+\.[A-Za-z0-9_-]+\Z",
            description="BigQuery's table of downloads, `project.dataset.table`, partitioned by the day of `timestamp`",
        ),
    ] = "bigquery-public-data.pypi.file_downloads"
    bigquery_max_bytes: Annotated[
        int,
        Meta(
            ge=10 << 20,
            description="maximum number of bytes that BigQuery may bill for one query, which is of one day; a day of "
            "all of PyPI is some 350 GB, or 150 GB with `DIMENSIONS=none`, and BigQuery compares what the day could "
            "cost at most, also for one package",
        ),
    ] = 500_000_000_000
    bigquery_api_endpoint: Annotated[
        str,
        Meta(
            extra={"accepted": "http:// or https://, a host and a port, and no user, query or fragment"},
            pattern=r"^(https?://[^/?#@]+/?)?\Z",
            description="base URL of BigQuery's API, `http://` without credentials; empty for Google's",
        ),
    ] = ""
    bigquery_price: Annotated[
        float, Meta(ge=0, description="list price of BigQuery in dollars a TiB, for `sync --dry-run` and its result")
    ] = 6.25
    window_days: Annotated[int, Meta(ge=30, le=3660, description="default number of days in a series")] = 180
    cache_ttl_seconds: Annotated[
        Seconds,
        Meta(
            description="seconds that HTTP caches may keep a response while the next day is overdue, or one from "
            "discovery; and that discovery remembers that a package does not exist"
        ),
    ] = 300
    cache_ttl_downloads: Annotated[Seconds, Meta(description="seconds that discovery caches a package's downloads")] = (
        86400
    )
    cache_ttl_discovery: Annotated[Seconds, Meta(description="seconds that discovery caches a package's metadata")] = (
        86400
    )
    cache_max_entries: Annotated[Count, Meta(description="maximum number of cached responses")] = 100_000
    cache_max_bytes: Annotated[int, Meta(ge=1 << 20, description="maximum size of the cache in bytes")] = 256 << 20
    max_queries: Annotated[
        Count, Meta(description="maximum number of concurrent queries to ClickHouse; further ones wait")
    ] = 8
    chart_workers: Annotated[
        int,
        Meta(
            ge=0, description="maximum number of processes that draw charts, of up to 150 MiB each; 0 for one per core"
        ),
    ] = 0
    github_token: Annotated[Secret, Meta(description="GitHub token, required for discovery; secret")] = Secret("")
    index_reindex_interval: Annotated[
        Seconds, Meta(description="seconds between two builds of the discovery index")
    ] = 3600
    index_max_github_pages: Annotated[Count, Meta(description="maximum number of pages of a GitHub search")] = 5
    index_github_per_page: Annotated[
        int, Meta(gt=0, le=100, description="repositories per page of a GitHub search")
    ] = 100
    index_download_days: Annotated[Count, Meta(description="days of downloads in the discovery index")] = 30
    local_index_cache_ttl: Annotated[Seconds, Meta(description="seconds for which the index on disk is fresh")] = 21600
    local_index_cache_dir: Annotated[str, Meta(min_length=1, description="folder of the index on disk")] = ".cache"
    github_max_concurrent: Annotated[Count, Meta(description="maximum number of concurrent requests to GitHub")] = 10
    github_api_url: Annotated[
        str,
        Meta(
            extra={"accepted": "a URL that begins with http:// or https://"},
            pattern="^https?://",
            description="base URL of GitHub's REST API",
        ),
    ] = "https://api.github.com"
    pypi_api_url: Annotated[
        str,
        Meta(
            extra={"accepted": "a URL that begins with http:// or https://"},
            pattern=r"^(https?://.*)?\Z",
            description="base URL of PyPI's JSON API; empty for PyPI itself",
        ),
    ] = ""
    discovery_topics: Annotated[str, Meta(min_length=1, description="GitHub topics, separated by commas")] = "flet"
    discovery_official_repo: Annotated[
        str,
        Meta(
            extra={"accepted": "owner/name, such as flet-dev/flet, or off"},
            pattern=r"^(off|[A-Za-z0-9-]+/[A-Za-z0-9._-]+)\Z",
            description="`owner/name` of the repository of official packages, or `off`",
        ),
    ] = "flet-dev/flet"
    discovery_official_path: Annotated[
        str, Meta(description="path in that repository with one folder per official package")
    ] = "sdk/python/packages"

    watch_quiet_seconds: Annotated[
        Seconds,
        Meta(
            description="seconds for which a file in the folder of `serve --watch` must not have changed before it is "
            "loaded; a single file whose format shows its end (Parquet, gzip, zstd) is loaded at once"
        ),
    ] = 60

    public_url: Annotated[
        str,
        Meta(
            extra={"accepted": PUBLIC_URL_ACCEPTED},
            pattern=PUBLIC_URL_PATTERN,
            description="where clients reach the server behind a proxy, such as `https://example.com/pypistats`, or "
            "the path of that alone, `/pypistats`; empty for the root of each request's host",
        ),
    ] = ""
    keep_alive_seconds: Annotated[
        Seconds,
        Meta(
            description="seconds for which an idle connection is kept; longer than the proxies in front of the server "
            "keep theirs, or they send requests into connections that end"
        ),
    ] = 75
    rate_limit: Annotated[
        str,
        Meta(
            extra={"accepted": "off, or a rate such as 100/second, 600/minute or 5000/hour"},
            pattern=r"^(off|[1-9][0-9]{0,8}/(second|minute|hour))\Z",
            description="limit on the requests of one client to one process: `off`, or a rate like `100/second`, "
            "`600/minute` or `5000/hour`",
        ),
    ] = "off"
    forwarded_allow_ips: Annotated[
        str,
        Meta(
            description="proxies whose `X-Forwarded-For` is trusted: addresses and networks, separated by commas; "
            "empty for none"
        ),
    ] = ""
    metrics: Annotated[
        str,
        Meta(
            extra={"accepted": "off, /metrics, or an address with a port such as 127.0.0.1:9100"},
            pattern=r"^(off|/metrics|.+:[0-9]+)\Z",
            description="where metrics for Prometheus are served: `off`, `/metrics` (public, beside the API), or an "
            "address of their own like `127.0.0.1:9100`",
        ),
    ] = "off"
    log_format: Annotated[
        Literal["auto", "json", "text"],
        Meta(description="`json`, `text`, or `auto`: text on a terminal, JSON elsewhere"),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="`debug`, `info`, `warning` or `error`")
    ] = "info"

    access_log: Annotated[bool, Meta(description="whether to log every request")] = False

    def public(self) -> PublicUrl:
        """The parts of PUBLIC_URL."""
        return PublicUrl.parse(self.public_url)

    def loaded_dimensions(self) -> list[str]:
        """The optional dimensions in DIMENSIONS."""
        if self.dimensions == "none":
            return []
        return OPTIONAL_DIMENSIONS.split("|") if self.dimensions == "all" else self.dimensions.split(",")

    def proxies(self) -> list[str]:
        """The addresses and networks in FORWARDED_ALLOW_IPS. Raises SettingError for anything else."""
        proxies = [proxy.strip() for proxy in self.forwarded_allow_ips.split(",") if proxy.strip()]
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise SettingError(
                    f"FORWARDED_ALLOW_IPS: {proxy!r} is no address and no network, such as 10.0.0.1 or 10.0.0.0/24; "
                    "trusting every proxy would let any client forge its address"
                ) from None
        return proxies

    def secrets(self) -> list[str]:
        """The values that no output shows: those of secret settings, and the passwords in URLs."""
        values = msgspec.structs.astuple(self)
        passwords = [_password(value) for value in values if isinstance(value, str)]
        return [secret for secret in [v.reveal() for v in values if isinstance(v, Secret)] + passwords if secret]

    def changed(self) -> dict[str, Any]:
        """The settings that differ from their defaults, by variable. Secrets, and credentials in URLs, are masked."""
        changed: dict[str, Any] = {}
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Secret):
                changed |= {field.name.upper(): "…"} if value else {}
            elif value != field.default:
                changed[field.name.upper()] = without_credentials(value) if isinstance(value, str) else value
        return changed

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], secrets_file: Path = SECRETS_FILE) -> Self:
        """The settings in the environment; secrets that it lacks are read from `secrets_file`. Empty variables count as
        not set.

        Raises SettingError for a value that is not accepted.
        """
        return cls(**read_values(cls, environment, secrets_file))


def _password(url: str) -> str:
    """The password in a URL, empty if there is none."""
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""
