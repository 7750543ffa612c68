"""Download events as BigQuery's file_downloads has them, and files of them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DEFAULT = "the wheel of a release for every platform"


def event(
    timestamp: str = "2026-03-10 12:00:00 UTC",
    project: str | None = "numpy",
    *,
    installer: str | None = "pip",
    python: str | None = "3.13.1",
    system: str | None = "Linux",
    country: str | None = "US",
    version: str | None = "2.0.0",
    file_type: str | None = "bdist_wheel",
    filename: str | None = DEFAULT,
    installer_version: str | None = "25.3",
    ci: bool | None = None,
    cpu: str | None = "x86_64",
    libc: tuple[str | None, str | None] = ("glibc", "2.39"),
    distro: tuple[str | None, str | None] = ("Ubuntu", "24.04"),
    implementation: str | None = "CPython",
) -> dict[str, Any]:
    """One download. Without a `filename`, that of a wheel for every platform."""
    return {
        "timestamp": timestamp,
        "country_code": country,
        "project": project,
        "file": {
            "filename": f"{project}-{version}-py3-none-any.whl" if filename is DEFAULT else filename,
            "project": project,
            "version": version,
            "type": file_type,
        },
        "details": {
            "installer": {"name": installer, "version": installer_version},
            "python": python,
            "system": {"name": system},
            "ci": ci,
            "cpu": cpu,
            "distro": {
                "name": distro[0],
                "version": distro[1],
                "libc": {"lib": libc[0], "version": libc[1]},
            },
            "implementation": {"name": implementation},
        },
    }


def write_jsonl(path: Path, events: Iterable[Mapping[str, Any]]) -> Path:
    """The events as a JSON Lines file."""
    path.write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
    return path
