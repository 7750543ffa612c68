"""Projects in PyPI's documented format, and as old and new projects fill it in."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp
import pytest
from distlib.index import DEFAULT_INDEX
from packaging.licenses import canonicalize_license_expression
from trove_classifiers import classifiers as trove_classifiers

from app.discovery.sources.errors import (
    MalformedResponseError,
    RedirectError,
    SourceUnavailableError,
    UnexpectedStatusError,
)
from app.discovery.sources.http import USER_AGENT
from app.discovery.sources.licenses import SPDX_BY_CLASSIFIER, normalise_license
from app.discovery.sources.pypi import Project, PyPI, Release
from app.discovery.sources.repository_names import RepositoryName
from tests.discovery.conftest import TEST_SECONDS, Clock
from tests.discovery.stub import Stub

OSI = "License :: OSI Approved"


async def project_of(pypi: PyPI, name: str = "name") -> Project:
    """A project that is there."""
    project = await pypi.project(name)
    assert project is not None
    return project


def moment(text: str) -> datetime:
    """An upload's moment, with the stub's fractions."""
    return datetime.fromisoformat(f"{text}.123456+00:00")


async def test_a_project(stub: Stub, pypi: PyPI) -> None:
    stub.add_project(
        "Zope.Interface",
        version="2.0",
        releases={"2.0": "2026-03-01T12:00:00", "1.0": "2020-01-01T00:00:00", "1.1": "2021-01-01T00:00:00"},
        yanked=["1.1"],
        summary=" Interfaces for Python ",
        license_expression="ZPL-2.1",
        requires_python=">=3.10",
        keywords="interface, components",
        project_urls={"Source": "https://github.com/zopefoundation/zope.interface", "Docs": "https://example.org"},
        requires_dist=["setuptools", 'zope.event>=5; extra == "test"'],
    )
    assert await pypi.project("zope_interface") == Project(
        name="zope-interface",
        display_name="Zope.Interface",
        version="2.0",
        summary="Interfaces for Python",
        license="ZPL-2.1",
        requires_python=">=3.10",
        keywords=("interface", "components"),
        links={"Source": "https://github.com/zopefoundation/zope.interface", "Docs": "https://example.org"},
        project_url=f"{stub.pypi_url.removesuffix('/pypi')}/project/Zope.Interface/",
        dependencies=("setuptools", 'zope.event>=5; extra == "test"'),
        releases=(
            Release("1.0", moment("2020-01-01T00:00:00"), yanked=False),
            Release("1.1", moment("2021-01-01T00:00:00"), yanked=True),
            Release("2.0", moment("2026-03-01T12:00:00"), yanked=False),
        ),
        created_at=moment("2020-01-01T00:00:00"),
        updated_at=moment("2026-03-01T12:00:00"),
        repository=RepositoryName("zopefoundation", "zope.interface"),
    )
    (request,) = stub.requests
    assert (request.source, request.path) == ("pypi", "/pypi/zope-interface/json")
    assert request.headers["User-Agent"] == USER_AGENT
    assert "Authorization" not in request.headers


async def test_an_old_project_that_says_little(stub: Stub, pypi: PyPI) -> None:
    project = stub.add_project(
        "name", summary=None, license="UNKNOWN", keywords="", requires_python="", home_page="UNKNOWN", project_url=None
    )
    project["releases"] = {"0.1": [], "1.0": []}
    project["info"]["package_url"] = "javascript:alert(1)"
    found = await project_of(pypi)
    assert (found.summary, found.license, found.requires_python, found.keywords) == (None, None, None, ())
    assert (found.links, found.project_url, found.repository, found.dependencies) == ({}, None, None, ())
    assert (found.releases, found.created_at, found.updated_at) == ((), None, None)


async def test_files_of_a_release(stub: Stub, pypi: PyPI) -> None:
    project = stub.add_project("name", version="1.0", releases={"1.0": "2026-03-01T12:00:00"}, yanked=["1.0"])
    project["releases"]["1.0"].append(
        project["releases"]["1.0"][0] | {"upload_time_iso_8601": "2026-03-04T00:00:00+02:00", "yanked": False}
    )
    found = await project_of(pypi)
    assert found.releases == (Release("1.0", moment("2026-03-01T12:00:00"), yanked=False),)
    assert found.updated_at == datetime(2026, 3, 3, 22, tzinfo=UTC)


async def test_an_index_that_only_has_the_newest_files(stub: Stub, pypi: PyPI) -> None:
    project = stub.add_project("name", version="1.0")
    del project["releases"]
    del project["urls"][0]["upload_time_iso_8601"]
    assert (await project_of(pypi)).releases == (Release("1.0", datetime(2026, 3, 1, 12, tzinfo=UTC), yanked=False),)


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("a b  c", ("a", "b", "c")),
        ("two words, b,,c ,b", ("two words", "b", "c")),
        ("one", ("one",)),
        (" , ", ()),
        ("a\nb\tc", ("a", "b", "c")),
    ],
)
async def test_keywords(stub: Stub, pypi: PyPI, text: str, keywords: tuple[str, ...]) -> None:
    stub.add_project("name", keywords=text)
    assert (await project_of(pypi)).keywords == keywords


async def test_links_are_http(stub: Stub, pypi: PyPI) -> None:
    urls = {
        "Good": " https://example.org/a ",
        "Plain": "http://example.org",
        "Script": "javascript:alert(1)",
        "Data": "data:text/html,x",
        "File": "file:///etc/passwd",
        "Mail": "mailto:a@example.org",
        "Relative": "/a",
        "Hostless": "https:///a",
        "Broken": "http://[::1",
        "Unknown": "UNKNOWN",
        "Empty": "",
        "None": None,
    }
    stub.add_project("name", project_urls=urls, home_page="https://home.example.org")
    assert (await project_of(pypi)).links == {
        "Good": "https://example.org/a",
        "Plain": "http://example.org",
        "Homepage": "https://home.example.org",
    }


async def test_the_home_page_is_one_link(stub: Stub, pypi: PyPI) -> None:
    stub.add_project("name", project_urls={"home-page": "https://a.example.org"}, home_page="https://b.example.org")
    assert (await project_of(pypi)).links == {"home-page": "https://a.example.org"}


@pytest.mark.parametrize(
    ("urls", "repository"),
    [
        ({"Docs": "https://github.com/o/docs", "Source Code": "https://github.com/o/n"}, "o/n"),
        ({"Homepage": "https://github.com/o/home", "Repository": "https://github.com/o/n.git"}, "o/n"),
        ({"Code": "https://github.com/o/code", "source": "https://github.com/o/n"}, "o/n"),
        ({"Source": "https://gitlab.example.org/o/x", "Tracker": "https://github.com/o/n/issues"}, "o/n"),
        ({"Changes": "https://github.com/o/n/releases", "Issues": "https://github.com/o/m/issues"}, "o/n"),
        ({"Homepage": "https://github.com/o/n", "Funding": "https://github.com/sponsors/somebody"}, "o/n"),
        ({"Funding": "https://github.com/sponsors/somebody"}, None),
        ({"Source": "https://github.com@example.org/o/n", "Code": "https://example.org/o/n"}, None),
        ({"Source": "git+https://github.com/o/n.git"}, "o/n"),
        (None, None),
    ],
)
async def test_the_repository_of_a_project(
    stub: Stub, pypi: PyPI, urls: dict[str, str] | None, repository: str | None
) -> None:
    stub.add_project("name", project_urls=urls)
    found = (await project_of(pypi)).repository
    assert found == (RepositoryName.parse(repository) if repository else None)


async def test_the_repository_of_an_old_project(stub: Stub, pypi: PyPI) -> None:
    stub.add_project("name", home_page="http://www.github.com/o/n")
    assert (await project_of(pypi)).repository == RepositoryName("o", "n")


async def test_invalid_dependencies_are_left_out(stub: Stub, pypi: PyPI) -> None:
    good = ["flet~=0.2", "flet[all]!=0.1", "x @ https://example.org/x.whl", "y (>=1)"]
    stub.add_project("name", requires_dist=[good[0], "not a requirement", "", good[1], ">=1", *good[2:]])
    assert (await project_of(pypi)).dependencies == tuple(good)


@pytest.mark.parametrize(
    ("expression", "classifiers", "text", "license_"),
    [
        ("MIT OR Apache-2.0", [f"{OSI} :: BSD License"], "GPL", "MIT OR Apache-2.0"),
        (None, [f"{OSI} :: MIT License"], "whatever", "MIT"),
        (None, ["Topic :: Internet", OSI, f"{OSI} :: MIT License"], None, "MIT"),
        (None, [f"{OSI} :: GNU General Public License v3 or later (GPLv3+)"], "", "GPL-3.0-or-later"),
        (None, [f"{OSI} :: Apache Software License"], "Apache 2.0", "Apache 2.0"),
        (None, [f"{OSI} :: Apache Software License"], "apache-2.0", "Apache-2.0"),
        (None, [f"{OSI} :: BSD License"], None, None),
        (None, [f"{OSI} :: MIT License", f"{OSI} :: ISC License (ISCL)"], None, None),
        (None, [f"{OSI} :: MIT License", f"{OSI} :: ISC License (ISCL)"], "mit or isc", "MIT OR ISC"),
        (None, [], "mit", "MIT"),
        (None, [], " BSD ", "BSD"),
        (None, [], "UNKNOWN", None),
        (" ", [], "x" * 65, None),
        (None, [], "Copyright (c) me\n\nDo what", None),
    ],
)
def test_licenses(expression: str | None, classifiers: list[str], text: str | None, license_: str | None) -> None:
    assert normalise_license(expression, classifiers, text) == license_


def test_classifiers_are_mapped_to_spdx_licenses() -> None:
    assert set(SPDX_BY_CLASSIFIER) <= set(trove_classifiers)
    assert [canonicalize_license_expression(spdx) for spdx in SPDX_BY_CLASSIFIER.values()] == list(
        SPDX_BY_CLASSIFIER.values()
    )


@pytest.mark.parametrize("name", ["..", "a/b", "", "-a", "a\n", "ä", "__all__", "a" * 201, "a?b", "a%2fb"])
async def test_impossible_names_are_not_asked_for(stub: Stub, pypi: PyPI, name: str) -> None:
    assert await pypi.project(name) is None
    assert stub.requests == []


async def test_a_project_that_does_not_exist_is_none(stub: Stub, pypi: PyPI) -> None:
    assert await pypi.project("name") is None
    stub.add_project("name")
    assert await pypi.project("name") is not None
    stub.remove_project("name")
    assert await pypi.project("name") is None


async def test_failures_that_pass_are_tried_again(stub: Stub, pypi: PyPI, clock: Clock) -> None:
    stub.add_project("name")
    stub.fail_next("pypi", status=503)
    stub.cut_next("pypi")
    await project_of(pypi)
    assert (len(stub.requests), len(clock.naps)) == (3, 2)


async def test_failures_that_stay_are_errors(stub: Stub, pypi: PyPI) -> None:
    stub.add_project("name")
    stub.fail_next("pypi", status=503, times=3)
    with pytest.raises(SourceUnavailableError, match=r"^PyPI answers 503$"):
        await pypi.project("name")
    stub.cut_next("pypi", times=3)
    with pytest.raises(SourceUnavailableError, match=r"^PyPI does not answer"):
        await pypi.project("name")
    stub.fail_next("pypi", status=429)
    with pytest.raises(SourceUnavailableError, match=r"^PyPI limits the rate of requests$"):
        await pypi.project("name")
    stub.fail_next("pypi", status=403)
    with pytest.raises(UnexpectedStatusError, match=r"^PyPI answers 403$"):
        await pypi.project("name")
    stub.unplug("pypi")
    with pytest.raises(SourceUnavailableError, match=r"^PyPI does not answer"):
        await pypi.project("name")
    stub.plug_in("pypi")
    await project_of(pypi)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"info": {"name": 1}}',
        b'{"info": {"name": "other"}}',
        b'{"info": {"name": "../name"}}',
        b'{"info": {"name": "name"}, "releases": {"1": [{"upload_time": "never"}]}}',
        b'{"info": {"name": "name", "project_urls": ["x"]}}',
        b'{"info": {"name": "\xff"}}',
        b"[" * 100_000,
    ],
)
async def test_a_malformed_answer_is_an_error(stub: Stub, pypi: PyPI, body: bytes) -> None:
    stub.malform_next("pypi", body=body)
    with pytest.raises(MalformedResponseError, match="PyPI gave a malformed response"):
        await pypi.project("name")


async def test_redirects(stub: Stub, pypi: PyPI) -> None:
    stub.add_project("name")
    stub.redirect_next("pypi", "/pypi/Name/json")  # which redirects to the normalised name
    await project_of(pypi)
    for location in (f"{stub.elsewhere_url}/pypi/name/json", "/simple/name", "http://example.org/pypi/name/json"):
        stub.redirect_next("pypi", location)
        with pytest.raises(RedirectError, match=r"^PyPI redirects to another place$"):
            await pypi.project("name")


async def test_untrusted_urls_are_never_requested(stub: Stub, pypi: PyPI) -> None:
    there = f"{stub.elsewhere_url}/owner/name"
    stub.add_project(
        "name", home_page=there, project_url=there, package_url=there, docs_url=there, project_urls={"Source": there}
    )
    found = await project_of(pypi)
    assert found.repository is None
    assert {request.source for request in stub.requests} == {"pypi"}


async def test_eight_at_once_and_no_more(stub: Stub, session: aiohttp.ClientSession) -> None:
    stub.hold("pypi", until_in_flight=8)
    pypi = PyPI(session, stub.pypi_url)
    async with asyncio.timeout(TEST_SECONDS):
        await asyncio.gather(*(pypi.project(f"name-{number}") for number in range(20)))
    assert stub.most_in_flight["pypi"] == 8
    assert len(stub.requests) == 20


def test_the_base_url_is_that_of_distlib(session: aiohttp.ClientSession) -> None:
    assert urlsplit(DEFAULT_INDEX).scheme == "https"
    assert PyPI(session).url("name").human_repr() == f"{DEFAULT_INDEX}/name/json"


NESTED = 'nested; python_version == "3" and ' + "(" * 600 + 'os_name == "x"' + ")" * 600


async def test_what_a_project_states_costs_a_bounded_time(stub: Stub, pypi: PyPI) -> None:
    """Requirements are parsed in the event loop. Python's own parsers refuse deep parentheses with errors of their
    own."""
    stub.add_project(
        "name",
        summary="s" * 100_000,
        license_expression="",
        license="(" * 63,
        keywords=",".join(f"k{number}" for number in range(20_000)) + "k" * 10_000,
        project_urls={f"Link {number}": "https://example.org" for number in range(20_000)},
        home_page="https://example.org/" + "x" * 10_000,
        requires_dist=[NESTED, "long; " + "x" * 10_000, "good>=1", *[f"r{number}" for number in range(20_000)]],
    )

    project = await project_of(pypi)

    assert project.dependencies[:2] == ("good>=1", "r0")
    assert len(project.dependencies) == 498
    assert (len(project.summary or ""), len(project.keywords), len(project.links)) == (2_000, 500, 500)
    assert project.license == "(" * 63


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_time_that_utc_has_not_is_malformed(stub: Stub, pypi: PyPI, time: str) -> None:
    project = stub.add_project("name")
    for upload in project["releases"]["1.0"]:
        upload["upload_time_iso_8601"] = time

    with pytest.raises(MalformedResponseError, match="not possible"):
        await pypi.project("name")
