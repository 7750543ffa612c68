"""What every endpoint must answer for some download events, worked out in plain Python.

Written from "What the numbers mean" and the table of endpoints alone: it imports nothing of the app, so that the two
can only agree by both being right.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import VERSION_PATTERN, Version

Event = Mapping[str, Any]
Answer = tuple[int, Any]
"""A status, and a body where the status is 200."""

MIRRORS = {"bandersnatch", "z3c.pypimirror", "Artifactory", "devpi"}
INSTALLERS = {"pip", "uv", "poetry", "pdm", "pipenv", "pipx", "hatch", "pixi", "conda", "setuptools", "Homebrew", "OS"}
OTHERS = {"requests", "Nexus", "pep381client", "twine"}
CPUS = {"AMD64": "x86_64", "aarch64": "arm64", "ARM64": "arm64", "i386": "i686", "i586": "i686", "x86": "i686"}
"""The processors that have another name here."""
SYSTEMS = {"Windows", "Linux", "Darwin"}
FILTERS = {
    "overall": "mirrors",
    "python_major": "version",
    "python_minor": "version",
    "system": "os",
    "installer": "installer",
    "version": "version",
    "country": "country",
    "file_type": "type",
    "origin": "origin",
    "cpu": "cpu",
    "libc": "libc",
    "distro": "distro",
    "implementation": "implementation",
    "installer_version": "installer_version",
    "platform": "platform",
    "abi": "abi",
}
"""The query parameter of each series."""

VERSION = re.compile(r"\s*" + VERSION_PATTERN + r"\s*", re.VERBOSE | re.IGNORECASE)
OPTIONAL = ("origin", "cpu", "libc", "distro", "implementation", "installer_version", "platform", "abi")
"""The series whose columns an input may lack."""

UNKNOWN: Answer = (404, None)


def utc_day(timestamp: str) -> date:
    """The UTC date of an instant."""
    return datetime.fromisoformat(timestamp.replace(" UTC", "+00:00")).astimezone(UTC).date()


def normalised(name: str | None) -> str | None:
    """A name as the packaging specifications normalise it; None where no package can be called so."""
    if name is None or not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name) or len(name) > 200:
        return None
    return re.sub(r"[-_.]+", "-", name).lower()


def published(*calls: Iterable[Event]) -> dict[date, list[Event]]:
    """The events that count after these ingest calls, each of which replaces whole days."""
    days: dict[date, list[Event]] = {}
    for call in calls:
        of_call: dict[date, list[Event]] = {}
        for event in call:
            of_call.setdefault(utc_day(event["timestamp"]), []).append(event)
        days |= of_call
    return days


def usable(event: Event) -> bool:
    """Whether an event counts anywhere."""
    python = event["details"]["python"]
    return normalised(event["project"]) is not None and (python is None or bool(re.match(r"[0-9]\.[0-9]+", python)))


def categories(event: Event) -> list[tuple[str, str]]:
    """The (dimension, category) pairs in which a usable event counts."""
    details, file = event["details"], event["file"]
    installer, python, system = details["installer"]["name"], details["python"], details["system"]["name"]
    counts = [
        ("overall", "with_mirrors"),
        ("installer", _text(installer)),
        ("origin", origin(installer, details["ci"])),
    ]
    if installer is None or installer in MIRRORS:
        return counts
    country, distro = event["country_code"], details["distro"]["name"]
    return [
        *counts,
        ("overall", "without_mirrors"),
        ("python_major", "null" if python is None else python.split(".")[0]),
        ("python_minor", "null" if python is None else _cut(".".join(re.findall(r"[0-9]+", python)[:2]))),
        ("system", "null" if system is None else system if system in SYSTEMS else "other"),
        ("version", _text(file["version"])),
        ("country", "null" if country is None else _cut(country.upper())),
        ("file_type", _text(file["type"])),
        ("cpu", _text(CPUS.get(details["cpu"], details["cpu"]))),
        ("libc", _release(details["distro"]["libc"]["lib"], details["distro"]["libc"]["version"], 2)),
        ("distro", _release(distro, details["distro"]["version"], 2 if distro in {"Ubuntu", "Alpine Linux"} else 1)),
        ("implementation", _text(details["implementation"]["name"])),
        ("installer_version", _release(installer, details["installer"]["version"], 2)),
        ("platform", tags_of(file["filename"], "platform")),
        ("abi", tags_of(file["filename"], "abi")),
    ]


def origin(installer: str | None, ci: bool | None) -> str:
    """Whether it was a person, a robot, or unknown."""
    if installer in MIRRORS:
        return "mirror"
    if installer in INSTALLERS:
        return "ci" if ci else "installer"
    return "browser" if installer == "Browser" else "other" if installer in OTHERS else "null"


def _release(name: str | None, version: str | None, numbers: int) -> str:
    """A name and the first parts of its version."""
    if name is None:
        return "null"
    return f"{name} {'.'.join((version or '').split('.')[:numbers])}".rstrip(" ")


def tags_of(filename: str | None, kind: str) -> str:
    """The tags of a wheel, of a platform or an ABI."""
    if filename is None:
        return "null"
    with suppress(InvalidSdistFilename):
        parse_sdist_filename(filename)
        return "sdist"
    try:
        tags = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return "other"
    return ".".join(sorted({getattr(tag, kind) for tag in tags}))


def _text(value: str | None) -> str:
    return "null" if value is None else _cut(value)


def _cut(category: str) -> str:
    """A category as it is kept: of more than 100 characters, the first 99 and a mark."""
    return category if len(category) <= 100 else category[:99] + "…"


class Oracle:
    """The right answers, for what is published."""

    def __init__(self, days: Mapping[date, Sequence[Event]], window_days: int = 180) -> None:
        self.newest = max(days)
        self.days = set(days)
        self.window_days = window_days
        self.counts: Counter[tuple[str, str, str, date]] = Counter()
        """By package, dimension, category, day."""
        for day, events in days.items():
            for event in events:
                if not usable(event):
                    continue
                for dimension, category in categories(event):
                    self.counts[str(normalised(event["project"])), dimension, category, day] += 1
                    if dimension != "version":
                        self.counts["__all__", dimension, category, day] += 1
        self.packages = sorted({package for package, *_ in self.counts} - {"__all__"})

    def _sum(self, package: str, dimension: str, category: str, days: int) -> int:
        start = self.newest - timedelta(days=days - 1)
        return sum(
            n
            for (p, d, c, day), n in self.counts.items()
            if (p, d, c) == (package, dimension, category) and day >= start
        )

    def _known(self, package: str | None) -> bool:
        return package == "__all__" or package in self.packages

    @staticmethod
    def _name(spelling: str) -> str:
        return "__all__" if spelling == "__all__" else normalised(spelling) or ""

    def recent(
        self, spelling: str, period: str | None = None, mirrors: str = "false", origin: str | None = None
    ) -> Answer:
        """`/api/packages/{package}/recent`."""
        package = self._name(spelling)
        if not self._known(package):
            return UNKNOWN
        data = self._recent(package, "with_mirrors" if mirrors == "true" else "without_mirrors", origin)
        if period:
            data = {f"last_{period}": data[f"last_{period}"]}
        return 200, {"data": data, "package": package, "type": "recent_downloads"}

    def _recent(self, package: str, category: str = "without_mirrors", origin: str | None = None) -> dict[str, int]:
        periods = {"last_day": 1, "last_week": 7, "last_month": 30}
        counted = ("origin", origin) if origin else ("overall", category)
        return {key: self._sum(package, *counted, days) for key, days in periods.items()}

    def recent_of_many(self, spellings: Iterable[str], origin: str | None = None) -> Answer:
        """`/api/recent`."""
        packages = list(dict.fromkeys(self._name(spelling) for spelling in spellings))
        return 200, {
            "data": {package: self._recent(package, origin=origin) for package in packages if self._known(package)},
            "missing": [package for package in packages if not self._known(package)],
            "type": "recent_downloads",
        }

    def rows(self, package: str, dimension: str, query: Mapping[str, str]) -> list[tuple[str, str, int]]:
        """The rows of a series: category, date, downloads."""
        end = date.fromisoformat(query["end_date"]) if "end_date" in query else None
        start = date.fromisoformat(query["start_date"]) if "start_date" in query else None
        last = end or self.newest
        first = start or last - timedelta(days=self.window_days - 1)
        wanted = self._wanted(dimension, query.get(FILTERS[dimension]))
        sums: Counter[tuple[str, str]] = Counter()
        for (p, d, category, day), downloads in self.counts.items():
            if (p, d) == (package, dimension) and first <= day <= last and wanted in {None, category}:
                sums[category, _bucket(day, query.get("granularity", "day")).isoformat()] += downloads
        return [(category, day, downloads) for (category, day), downloads in sorted(sums.items())]

    @staticmethod
    def _wanted(dimension: str, value: str | None) -> str | None:
        if value is None:
            return None
        if dimension == "overall":
            return {"true": "with_mirrors", "false": "without_mirrors"}[value]
        if dimension == "origin":
            return value.lower()
        if dimension == "system":
            return {name.lower(): name for name in [*SYSTEMS, "other", "null"]}[value.lower()]
        if dimension == "country":
            return value if value == "null" else value.upper()
        return value

    def series(self, spelling: str, dimension: str, query: Mapping[str, str]) -> Answer:
        """The eight series. A body is text where the query says `format=csv`."""
        package = self._name(spelling)
        if not self._known(package):
            return UNKNOWN
        rows = self.rows(package, "origin" if dimension == "overall" and "origin" in query else dimension, query)
        if query.get("format") == "csv":
            return 200, "".join(f"{c},{d},{n}\r\n" for c, d, n in [("category", "date", "downloads"), *rows])
        return 200, {
            "data": [{"category": c, "date": d, "downloads": n} for c, d, n in rows],
            "package": package,
            "type": f"{dimension}_downloads",
        }

    def summary(self, spelling: str) -> Answer:
        """`/api/packages/{package}/summary`."""
        package = self._name(spelling)
        if not self._known(package):
            return UNKNOWN
        totals: dict[str, Any] = {"overall": self._sum(package, "overall", "without_mirrors", self.window_days)}
        for dimension in ("system", "python_major", "python_minor", "installer"):
            totals[dimension] = {}
            for category, _, downloads in self.rows(package, dimension, {}):
                totals[dimension][category] = totals[dimension].get(category, 0) + downloads
        return 200, {"package": package, "type": "summary", "totals": totals, "metadata": None}

    def profile(self, spelling: str) -> Answer:
        """`/api/packages/{package}/profile`, where all dimensions are loaded on all days."""
        package = self._name(spelling)
        if not self._known(package):
            return UNKNOWN
        start = self.newest - timedelta(days=29)
        days = len({day for day in self.days if day >= start})
        shares = {
            dimension: {"days": days, "categories": self._parts(package, dimension, start)} for dimension in OPTIONAL
        }
        releases = self._parts(package, "version", start)
        versions = [Version(text) for text in releases if VERSION.fullmatch(text)]
        newest = max((version for version in versions if not version.is_prerelease), default=None)
        release = next(
            (text for text in releases if newest and VERSION.fullmatch(text) and Version(text) == newest), None
        )
        return 200, {
            "package": package,
            "type": "profile",
            "window": {"start": start.isoformat(), "end": self.newest.isoformat()},
            "people": shares["origin"]["categories"].get("installer", {"downloads": 0, "share": 0}),
            "tells_ci": True,
            "newest_release": release and {"version": release, **releases[release]},
            "shares": shares,
        }

    def _parts(self, package: str, dimension: str, start: date) -> dict[str, Any]:
        sums: Counter[str] = Counter()
        for (p, d, category, day), downloads in self.counts.items():
            if (p, d) == (package, dimension) and day >= start:
                sums[category] += downloads
        return {category: {"downloads": n, "share": n / sums.total()} for category, n in sums.items()}

    def _ranked(self, packages: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
        ranked = sorted(packages, key=lambda pair: (-pair[1], pair[0]))
        return [{"package": package, "downloads": downloads} for package, downloads in ranked]

    def top(self, period: str = "month", limit: int = 100, offset: int = 0, origin: str | None = None) -> Answer:
        """`/api/top`: packages that have downloads in the period."""
        days = {"day": 1, "week": 7, "month": 30}[period]
        counted = ("origin", origin) if origin else ("overall", "without_mirrors")
        sums = [(package, self._sum(package, *counted, days)) for package in self.packages]
        data = self._ranked(pair for pair in sums if pair[1])
        return 200, {"data": data[offset : offset + limit], "period": period, "type": "top_packages"}

    def search(self, prefix: str, limit: int = 10) -> Answer:
        """`/api/search`: packages with any download in the window, mirrors included, ranked by the last month."""
        beginning = re.sub(r"[-_.]+", "-", prefix).lower()
        data = self._ranked(
            (package, self._sum(package, "overall", "without_mirrors", 30))
            for package in self.packages
            if package.startswith(beginning) and self._sum(package, "overall", "with_mirrors", self.window_days)
        )
        return 200, {"data": data[:limit], "type": "search"}


def _bucket(day: date, granularity: str) -> date:
    if granularity == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if granularity == "month" else day
