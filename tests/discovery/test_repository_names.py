"""Names of repositories, and repositories in untrusted URLs."""

import pytest

from app.discovery.sources.repository_names import ImpossibleRepositoryError, RepositoryName, repository_in_url


@pytest.mark.parametrize(
    "full_name",
    ["o/n", "flet-dev/flet", "Zope-Foundation/zope.interface", "a1/_", "a/-", "a" * 39 + "/" + "n" * 100, "o/.github"],
)
def test_what_github_allows_is_a_name(full_name: str) -> None:
    assert str(RepositoryName.parse(full_name)) == full_name


@pytest.mark.parametrize(
    "full_name",
    [
        "",
        "n",
        "/n",
        "o/",
        "o/n/m",
        "-o/n",
        "o-/n",
        "o--p/n",
        "o_p/n",
        "o.p/n",
        "a" * 40 + "/n",
        "a" + "-a" * 20 + "/n",
        "o/" + "n" * 101,
        "o/.",
        "o/..",
        "../n",
        "o/n.git",
        "o/n.wiki",
        "o/n m",
        "o/n\n",
        "o\n/n",
        "o/n%2f",
        "o/n?x",
        "o/n#x",
        "ö/n",
        "o/ñ",
        "o/n\x00",
    ],
)
def test_what_github_does_not_allow_is_none(full_name: str) -> None:
    with pytest.raises(ImpossibleRepositoryError):
        RepositoryName.parse(full_name)


def test_letter_case_does_not_matter() -> None:
    assert RepositoryName.parse("Flet-Dev/Flet") == RepositoryName.parse("flet-dev/flet")
    assert len({RepositoryName.parse("Flet-Dev/Flet"), RepositoryName.parse("flet-dev/flet")}) == 1
    assert RepositoryName.parse("o/n") != RepositoryName.parse("o/m")
    assert RepositoryName.parse("o/n") != "o/n"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/owner/name",
        "http://github.com/owner/name",
        "HTTPS://GitHub.com/owner/name",
        "https://www.github.com/owner/name",
        "https://github.com/owner/name/",
        "https://github.com/owner/name.git",
        "git+https://github.com/owner/name.git",
        "  https://github.com/owner/name\n",
        "https://github.com/owner/name/issues",
        "https://github.com/owner/name/blob/main/README.md#usage",
        "https://github.com/owner/name#readme",
        "https://github.com/owner/name?tab=readme-ov-file",
    ],
)
def test_a_repository_in_a_url(url: str) -> None:
    assert repository_in_url(url) == RepositoryName("owner", "name")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "github.com/owner/name",
        "//github.com/owner/name",
        "ssh://git@github.com/owner/name",
        "git@github.com:owner/name",
        "ftp://github.com/owner/name",
        "javascript://github.com/owner/name",
        "https://github.com",
        "https://github.com/owner",
        "https://github.com//owner/name",
        "https://github.com/owner//name",
        "https://github.com/sponsors/owner",
        "https://github.com/orgs/owner/projects",
        "https://gist.github.com/owner/name",
        "https://raw.githubusercontent.com/owner/name/main",
        "https://api.github.com/repos/owner/name",
        "https://github.com.example.org/owner/name",
        "https://example.org/github.com/owner/name",
        "https://example.org/?https://github.com/owner/name",
        "https://example.org#@github.com/owner/name",
        "https://github.com@example.org/owner/name",
        "https://example.org@github.com/owner/name",
        "https://user:password@github.com/owner/name",
        "https://github.com:443@example.org/owner/name",
        "https://github.com:8080/owner/name",
        "https://github.com:80:80/owner/name",
        "https://github.com\\@example.org/owner/name",
        "https://github.com\\.example.org/owner/name",
        "https:\\\\github.com\\owner\\name",
        "https://github.com./owner/name",
        "https://github.com%2eexample.org/owner/name",
        "https://\uff47ithub.com/owner/name",
        "https://github\u3002com/owner/name",
        "https://git\thub.com/owner/name",
        "https://github.com/ow\nner/name",
        "https://github.com/owner/name\r\nHost: example.org",
        "https://github.com/owner/..",
        "https://github.com/../name",
        "https://github.com/owner/%2e%2e",
        "https://github.com/owner/.git",
        "https://github.com/owner/na me",
        "https://[::1/owner/name",
        "https://[github.com]/owner/name",
        "https://0x7f000001/owner/name",
        "https://127.0.0.1/owner/name",
        "file:///owner/name",
    ],
)
def test_no_repository_in_any_other_url(url: str) -> None:
    assert repository_in_url(url) is None
