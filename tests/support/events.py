"""Download events as BigQuery's file_downloads has them, and files of them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


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
) -> dict[str, Any]:
    """One download."""
    return {
        "timestamp": timestamp,
        "country_code": country,
        "project": project,
        "file": {"filename": f"{project}-{version}.whl", "project": project, "version": version, "type": file_type},
        "details": {"installer": {"name": installer, "version": "1"}, "python": python, "system": {"name": system}},
    }


def write_jsonl(path: Path, events: Iterable[Mapping[str, Any]]) -> Path:
    """The events as a JSON Lines file."""
    path.write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
    return path
