"""JSON as GitHub and PyPI document it, for the stub.

GitHub: https://docs.github.com/en/rest/repos/repos, /rest/repos/contents, /rest/search/search.
PyPI: the JSON API's page in its documentation. Of GitHub's many URL keys only some are here; clients must not mind.
"""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

BASE64_LIMIT = 1_000_000
"""GitHub answers files beyond this many bytes with `encoding: none` and no content."""


def repository_json(full_name: str, number: int, api: str) -> dict[str, Any]:
    """A repository as `GET /repos/{owner}/{repo}` has it, with nothing special about it."""
    owner, name = full_name.split("/")
    return {
        "id": number,
        "node_id": base64.b64encode(b"010:Repository%d" % number).decode(),
        "name": name,
        "full_name": full_name,
        "private": False,
        "owner": {"login": owner, "id": number, "type": "User", "site_admin": False},
        "html_url": f"https://github.com/{full_name}",
        "description": "What it is",
        "fork": False,
        "url": f"{api}/repos/{full_name}",
        "contents_url": f"{api}/repos/{full_name}/contents/{{+path}}",
        "created_at": "2024-01-26T19:01:12Z",
        "updated_at": "2026-03-01T19:14:43Z",
        "pushed_at": "2026-03-05T19:06:43Z",
        "homepage": None,
        "size": 108,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": "Python",
        "has_issues": True,
        "forks_count": 0,
        "archived": False,
        "disabled": False,
        "open_issues_count": 0,
        "license": license_json("MIT"),
        "topics": [],
        "visibility": "public",
        "default_branch": "main",
    }


def license_json(spdx_id: str | None) -> dict[str, Any] | None:
    """A license; `NOASSERTION` is one that GitHub does not recognise."""
    if spdx_id is None:
        return None
    return {"key": spdx_id.lower(), "name": f"{spdx_id} License", "spdx_id": spdx_id, "url": None, "node_id": "MDc="}


def file_json(full_name: str, path: str, text: str, api: str) -> dict[str, Any]:
    """A file as `GET /repos/{owner}/{repo}/contents/{path}` has it."""
    data = text.encode()
    large = len(data) > BASE64_LIMIT
    return {
        **entry_json(full_name, path, "file", len(data), api),
        "encoding": "none" if large else "base64",
        # In lines of 60 characters, each with its end, as GitHub writes it.
        "content": "" if large else _lines(base64.b64encode(data).decode(), 60),
    }


def folder_json(full_name: str, path: str, files: Mapping[str, str], api: str) -> list[dict[str, Any]] | None:
    """A folder: its files and folders; None if it does not exist."""
    folder = PurePosixPath(path)
    inside = [
        PurePosixPath(file).relative_to(folder).parts for file in files if PurePosixPath(file).is_relative_to(folder)
    ]
    kinds = {parts[0]: "dir" if len(parts) > 1 else "file" for parts in inside if parts}
    entries = [entry_json(full_name, str(folder / name), kind, 0, api) for name, kind in sorted(kinds.items())]
    return entries or None


def entry_json(full_name: str, path: str, kind: str, size: int, api: str) -> dict[str, Any]:
    """What files and folders have in common."""
    view = "tree" if kind == "dir" else "blob"
    return {
        "type": kind,
        "size": size,
        "name": PurePosixPath(path).name,
        "path": path,
        "sha": hashlib.sha1(path.encode()).hexdigest(),
        "url": f"{api}/repos/{full_name}/contents/{path}?ref=main",
        "html_url": f"https://github.com/{full_name}/{view}/main/{path}",
        "download_url": f"https://raw.githubusercontent.com/{full_name}/main/{path}" if kind == "file" else None,
    }


def project_json(
    name: str, version: str, info: Mapping[str, Any], releases: Mapping[str, list[dict[str, Any]]], base: str
) -> dict[str, Any]:
    """A project as `GET /pypi/{project}/json` has it. `info` overrides its defaults."""
    page = f"{base.removesuffix('/pypi')}/project/{name}/"
    return {
        "info": {
            "author": "",
            "author_email": "Somebody <somebody@example.org>",
            "bugtrack_url": None,
            "classifiers": [],
            "description": "# What it is",
            "description_content_type": "text/markdown",
            "docs_url": None,
            "download_url": None,
            "downloads": {"last_day": -1, "last_month": -1, "last_week": -1},
            "dynamic": None,
            "home_page": None,
            "keywords": None,
            "license": None,
            "license_expression": None,
            "license_files": None,
            "maintainer": None,
            "maintainer_email": None,
            "name": name,
            "package_url": page,
            "platform": None,
            "project_url": page,
            "project_urls": None,
            "provides_extra": None,
            "release_url": f"{page}{version}/",
            "requires_dist": None,
            "requires_python": None,
            "summary": "What it is",
            "version": version,
            "yanked": False,
            "yanked_reason": None,
            **info,
        },
        "last_serial": 1,
        "releases": dict(releases),
        "urls": releases.get(version, []),
        "vulnerabilities": [],
    }


def upload_json(name: str, version: str, uploaded_at: str, *, yanked: bool = False) -> dict[str, Any]:
    """One uploaded file of a release. `uploaded_at` is like 2026-03-01T12:00:00."""
    return {
        "comment_text": "",
        "digests": {"blake2b_256": "0" * 64, "md5": "0" * 32, "sha256": "0" * 64},
        "downloads": -1,
        "filename": f"{name}-{version}.tar.gz",
        "has_sig": False,
        "md5_digest": "0" * 32,
        "packagetype": "sdist",
        "python_version": "source",
        "requires_python": None,
        "size": 1000,
        "upload_time": uploaded_at,
        "upload_time_iso_8601": f"{uploaded_at}.123456Z",
        "url": f"https://files.example.org/packages/{name}-{version}.tar.gz",
        "yanked": yanked,
        "yanked_reason": "broken" if yanked else None,
    }


def _lines(text: str, width: int) -> str:
    return "".join(f"{text[start : start + width]}\n" for start in range(0, len(text), width))
