"""Settings: read from the environment, refused with the variable's name, secrets shown nowhere."""

import logging
import re
from pathlib import Path

import msgspec
import pytest

from app.main import ROUTES
from app.public_url import OWN_SEGMENTS
from app.serving.logs import configure
from app.settings import Secret, SettingError, Settings
from app.warehouse.engines.connect import clickhouse_place, open_engine
from app.warehouse.engines.embedded import embedded_folder

README = Path(__file__).parents[1] / "README.md"
VARIABLES = [field.name.upper() for field in msgspec.structs.fields(Settings)]
SECRETS = ["CLICKHOUSE_PASSWORD", "GITHUB_TOKEN"]
ALL_SECRETS = [*SECRETS, "STORE_PASSWORD"]
NOWHERE = Path("/nonexistent/.secrets.toml")

# DESIGN's own table.
DEFAULTS: dict[str, object] = {
    "CLICKHOUSE_URL": "https://sql-clickhouse.clickhouse.com",
    "CLICKHOUSE_USER": "demo",
    "CACHE_TTL_SECONDS": 300,
    "CACHE_TTL_DOWNLOADS": 86400,
    "CACHE_TTL_DISCOVERY": 86400,
    "CACHE_MAX_ENTRIES": 100000,
    "WINDOW_DAYS": 180,
    "INDEX_REINDEX_INTERVAL": 3600,
    "INDEX_MAX_GITHUB_PAGES": 5,
    "INDEX_GITHUB_PER_PAGE": 100,
    "INDEX_DOWNLOAD_DAYS": 30,
    "LOCAL_INDEX_CACHE_TTL": 21600,
    "LOCAL_INDEX_CACHE_DIR": ".cache",
    "GITHUB_MAX_CONCURRENT": 10,
    "DISCOVERY_TOPICS": "flet",
    # The issue's.
    "GITHUB_API_URL": "https://api.github.com",
    "PYPI_API_URL": "",
    "DISCOVERY_OFFICIAL_REPO": "flet-dev/flet",
    "DISCOVERY_OFFICIAL_PATH": "sdk/python/packages",
    "BIGQUERY_PROJECT": "",
    "BIGQUERY_TABLE": "bigquery-public-data.pypi.file_downloads",
    "BIGQUERY_MAX_BYTES": 500_000_000_000,
    "BIGQUERY_API_ENDPOINT": "",
    "PUBLIC_URL": "",
    "KEEP_ALIVE_SECONDS": 75,
}


def from_environment(secrets_file: Path = NOWHERE, **environment: str) -> Settings:
    return Settings.from_environment(environment, secrets_file)


@pytest.mark.parametrize(("variable", "default"), DEFAULTS.items())
def test_defaults(variable: str, default: object) -> None:
    assert getattr(from_environment(), variable.lower()) == default


@pytest.mark.parametrize("variable", SECRETS)
def test_secrets_are_empty_by_default(variable: str) -> None:
    secret = getattr(from_environment(), variable.lower())

    assert (bool(secret), secret.reveal()) == (False, "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BIGQUERY_PROJECT", "my-project-1"),
        ("BIGQUERY_PROJECT", "example.com:my-project"),
        ("BIGQUERY_TABLE", "example.com:my-project.pypi_2026.file-downloads"),
        ("BIGQUERY_API_ENDPOINT", "http://127.0.0.1:9050"),
        ("BIGQUERY_API_ENDPOINT", "https://bigquery.example.com/"),
    ],
)
def test_values_of_bigquery(variable: str, value: str) -> None:
    assert getattr(from_environment(**{variable: value}), variable.lower()) == value


def test_values_from_the_environment() -> None:
    settings = from_environment(
        CLICKHOUSE_URL="chdb:///data", CACHE_TTL_SECONDS="60", WINDOW_DAYS="90", GITHUB_TOKEN="t0ken", UNRELATED="x"
    )

    assert settings.clickhouse_url == "chdb:///data"
    assert (settings.cache_ttl_seconds, settings.window_days) == (60, 90)
    assert settings.github_token.reveal() == "t0ken"


NUMBERS = [variable for variable, default in DEFAULTS.items() if isinstance(default, int)]


@pytest.mark.parametrize("variable", NUMBERS)
@pytest.mark.parametrize("value", ["0", "-1", "soon", "1.5", "5m"])
def test_a_number_that_is_none_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(
        SettingError, match=rf"^{variable}={re.escape(repr(value))} is not accepted; accepted is [^^]+$"
    ):
        from_environment(**{variable: value})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WINDOW_DAYS", "29"),
        ("WINDOW_DAYS", "3661"),
        ("INDEX_GITHUB_PER_PAGE", "101"),
        ("DISCOVERY_OFFICIAL_REPO", "flet"),
        ("DISCOVERY_OFFICIAL_REPO", "https://github.com/flet-dev/flet"),
        ("PYPI_API_URL", "ftp://127.0.0.1"),
        ("CLICKHOUSE_DATABASE", "a-b"),
        ("CLICKHOUSE_DATABASE", "a b"),
        ("CLICKHOUSE_DATABASE", "1a"),
        ("CLICKHOUSE_DATABASE", "x; DROP DATABASE y"),
        ("CLICKHOUSE_DATABASE", "x\n"),
        ("BIGQUERY_PROJECT", "My Project"),
        ("BIGQUERY_PROJECT", "123"),
        ("BIGQUERY_TABLE", "pypi.file_downloads"),
        ("BIGQUERY_TABLE", "`bigquery-public-data.pypi.file_downloads`"),
        ("BIGQUERY_TABLE", "a.b.c` WHERE TRUE --"),
        ("BIGQUERY_TABLE", "a.b.c\n"),
        ("BIGQUERY_MAX_BYTES", "10485759"),
        ("BIGQUERY_API_ENDPOINT", "127.0.0.1:9050"),
        ("BIGQUERY_API_ENDPOINT", "http://127.0.0.1:9050/?key=x"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(
        SettingError, match=rf"^{variable}={re.escape(repr(value))} is not accepted; accepted is [^^]+$"
    ):
        from_environment(**{variable: value})


@pytest.mark.parametrize("variable", SECRETS)
def test_secrets_are_shown_nowhere(variable: str) -> None:
    settings = from_environment(**{variable: "hush-hush"})

    assert "hush" not in repr(settings)
    assert "hush" not in f"{settings} {getattr(settings, variable.lower())}"
    with pytest.raises(TypeError) as error:
        msgspec.json.encode(settings)
    assert "hush" not in str(error.value)


def written(folder: Path, text: bytes, mode: int = 0o600) -> Path:
    """A file of secrets."""
    file = folder / ".secrets.toml"
    file.write_bytes(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666, 0o777, 0o601])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path, b'GITHUB_TOKEN = "hush"', mode)

    with pytest.raises(SettingError) as error:
        from_environment(file)
    assert str(error.value) == f"{file} can be accessed by users other than its owner and group: chmod o= {file}"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_a_file_may_be_open_to_its_group(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path, b'GITHUB_TOKEN = "from-file"', mode)

    assert from_environment(file).github_token.reveal() == "from-file"


def test_secrets_from_their_file(tmp_path: Path) -> None:
    file = written(tmp_path, b'GITHUB_TOKEN = "from-file"\nCLICKHOUSE_PASSWORD = "pass-word"\n')

    settings = from_environment(file)

    assert settings.github_token.reveal() == "from-file"
    assert settings.clickhouse_password.reveal() == "pass-word"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, b'GITHUB_TOKEN = "from-file"\n')

    assert from_environment(file, GITHUB_TOKEN="from-environment").github_token.reveal() == "from-environment"


@pytest.mark.parametrize("variable", [name for name in VARIABLES if name not in ALL_SECRETS])
def test_an_empty_variable_means_the_default(variable: str) -> None:
    assert from_environment(**{variable: ""}) == Settings()


def test_an_empty_secret_is_not_set(tmp_path: Path) -> None:
    file = written(tmp_path, b'GITHUB_TOKEN = "from-file"\n')

    settings = from_environment(file, GITHUB_TOKEN="", CLICKHOUSE_PASSWORD="", CLICKHOUSE_PASSWORD_FILE="")

    assert settings.github_token.reveal() == "from-file"
    assert settings.clickhouse_password.reveal() == ""


@pytest.mark.parametrize(
    ("variable", "value", "accepted"),
    [
        ("LOG_LEVEL", "loud", "one of debug, error, info, warning"),
        ("ACCESS_LOG", "maybe", "true or false, also written yes or no, on or off, 1 or 0"),
        ("WINDOW_DAYS", "29", "a whole number from 30 to 3660"),
        ("KEEP_ALIVE_SECONDS", "0", "a whole number, 1 or more"),
        ("BIGQUERY_PRICE", "-1", "a number, 0 or more"),
        ("RATE_LIMIT", "5", "off, or a rate such as 100/second, 600/minute or 5000/hour"),
        ("CLICKHOUSE_DATABASE", "a-b", "a letter or _, then letters, digits and _"),
    ],
)
def test_a_refusal_says_in_words_what_is_accepted(variable: str, value: str, accepted: str) -> None:
    with pytest.raises(SettingError) as error:
        from_environment(**{variable: value})
    assert str(error.value) == f"{variable}={value!r} is not accepted; accepted is {accepted}"


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_every_pattern_has_words(field: msgspec.structs.FieldInfo) -> None:
    metas = getattr(field.type, "__metadata__", ())
    assert all("accepted" in (meta.extra or {}) for meta in metas if meta.pattern)


@pytest.mark.parametrize(
    ("variable", "value", "setting"),
    [
        ("LOG_LEVEL", "INFO", "info"),
        ("LOG_FORMAT", "Json", "json"),
        ("SYNC_FROM", "OFF", "off"),
        *[("ACCESS_LOG", text, True) for text in ("yes", "Yes", "on", "TRUE", "true", "1")],
        *[("ACCESS_LOG", text, False) for text in ("no", "off", "False", "0")],
    ],
)
def test_choices_and_switches_are_accepted_in_any_case(variable: str, value: str, setting: object) -> None:
    assert getattr(from_environment(**{variable: value}), variable.lower()) == setting


@pytest.mark.parametrize("variable", ALL_SECRETS)
def test_a_secret_from_a_file_of_its_own(tmp_path: Path, variable: str) -> None:
    """As container secrets are mounted: readable by all, often with a newline at the end."""
    file = tmp_path / "secret"
    for text in ("hush hush", "hush hush\n", "hush hush\r\n"):
        file.write_text(text, newline="")
        settings = from_environment(**{f"{variable}_FILE": str(file)})
        assert getattr(settings, variable.lower()).reveal() == "hush hush"


def test_a_secret_and_its_file_are_not_both_set(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^GITHUB_TOKEN and GITHUB_TOKEN_FILE are both set; set one of them$"):
        from_environment(GITHUB_TOKEN="one", GITHUB_TOKEN_FILE=str(tmp_path / "two"))


def test_a_file_of_a_secret_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=rf"^GITHUB_TOKEN_FILE: {tmp_path}/none cannot be read: FileNotFoundError$"):
        from_environment(GITHUB_TOKEN_FILE=f"{tmp_path}/none")


@pytest.mark.parametrize("variable", ALL_SECRETS)
@pytest.mark.parametrize(
    ("text", "character"),
    [("hush\n\n", "U+000A at position 5"), ("hu\tsh", "U+0009 at position 3"), ("\nhush", "U+000A at position 1")],
)
def test_other_control_characters_of_a_secret_are_refused_by_name(variable: str, text: str, character: str) -> None:
    with pytest.raises(SettingError) as error:
        from_environment(**{variable: text})
    assert str(error.value) == (
        f"{variable} has the control character {character}; "
        "accepted are printable characters, and one newline at the end"
    )


@pytest.mark.parametrize(
    ("text", "origin", "root"),
    [
        ("", "", ""),
        ("/pypistats", "", "/pypistats"),
        ("/pypistats/", "", "/pypistats"),
        ("/apis/of-ours", "", "/apis/of-ours"),
        ("https://example.com", "https://example.com", ""),
        ("https://example.com/", "https://example.com", ""),
        ("https://example.com:8443/pypistats/", "https://example.com:8443", "/pypistats"),
        ("http://[::1]:8000/a/b", "http://[::1]:8000", "/a/b"),
    ],
)
def test_the_parts_of_a_public_url(text: str, origin: str, root: str) -> None:
    assert from_environment(PUBLIC_URL=text).public() == (origin, root)


@pytest.mark.parametrize(
    "text",
    [
        *("example.com", "//example.com", "ftp://example.com", "https://u@x", "/a?b"),
        *("/a b", "/%61", "/a//b", "/a\n", "/api", "/packages/x", "https://example.com/docs/"),
    ],
)
def test_no_public_url(text: str) -> None:
    with pytest.raises(SettingError, match=r"^PUBLIC_URL="):
        from_environment(PUBLIC_URL=text)


def test_no_route_can_be_taken_for_the_path_of_the_public_url() -> None:
    segments = {next(iter(route.paths)).split("/")[1] for route in ROUTES}

    assert {segment for segment in segments if "." not in segment} - {""} == set(OWN_SEGMENTS)


def test_the_file_is_looked_for_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, b'GITHUB_TOKEN = "here"\n')
    monkeypatch.chdir(tmp_path)

    assert Settings.from_environment({}).github_token.reveal() == "here"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'GITHUB_TOKEN = "hush', "is not TOML"),
        (b"GITHUB_TOKEN = hush", "is not TOML"),
        (b"GITHUB_TOKEN = 5", "GITHUB_TOKEN must be a string"),
        (b'GITHUB_TOKEN = ["hush"]', "GITHUB_TOKEN must be a string"),
        (
            b'WINDOW_DAYS = "hush"',
            "WINDOW_DAYS is not a secret; it accepts CLICKHOUSE_PASSWORD, GITHUB_TOKEN, STORE_PASSWORD",
        ),
        (b"\xff\xfe hush", "cannot be read: UnicodeDecodeError"),
    ],
)
def test_a_bad_file_is_refused_without_its_secret(tmp_path: Path, text: bytes, message: str) -> None:
    file = written(tmp_path, text)

    with pytest.raises(SettingError) as error:
        from_environment(file)
    assert str(file) in str(error.value)
    assert str(error.value).endswith(message)
    assert "hush" not in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read: IsADirectoryError"):
        from_environment(tmp_path)


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("chdb:///var/lib/pypistats", Path("/var/lib/pypistats")),
        ("chdb://data", Path("data").absolute()),
        ("chdb://data/below", Path("data/below").absolute()),
        ("chdb:///with%20space", Path("/with space")),
    ],
)
def test_an_embedded_folder(url: str, folder: Path) -> None:
    assert embedded_folder(url) == folder


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chdb:",
        "chdb://",
        "chdb:///",
        "/var/lib/pypistats",
        "file:///data",
        "chdb:///data?x=1",
        "chdb:///data#x",
        "https://user:hush@server:8443/db?password=hush",
        "https://user:hush@server:8443",
        "http://user@server",
        "http://server/hush",
        "http://server?password=hush",
        "http://server#hush",
        "http://",
        "http://:8123",
        "http://server:port",
        "http://[::1",
        "postgres://hush@localhost",
    ],
)
def test_any_other_url_is_refused_by_name_without_what_it_holds(url: str) -> None:
    with pytest.raises(SettingError, match=r"^CLICKHOUSE_URL") as error:
        open_engine(clickhouse_place(Settings(clickhouse_url=url)))
    assert "chdb:///path/to/folder" in str(error.value) or "://host:port and no more" in str(error.value)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://sql-clickhouse.clickhouse.com", "at https://sql-clickhouse.clickhouse.com:8443, user demo"),
        ("http://localhost", "at http://localhost:8123, user demo"),
        ("http://10.0.0.1:80/", "at http://10.0.0.1:80, user demo"),
        ("https://[::1]:9443", "at https://[::1]:9443, user demo"),
    ],
)
def test_a_url_of_a_server_names_host_and_port(url: str, where: str) -> None:
    assert open_engine(clickhouse_place(Settings(clickhouse_url=url))).where == where


def test_every_setting_is_in_the_readmes_table_with_its_default_and_description() -> None:
    table = re.findall(r"^\| `([A-Z_]+)` \| (.*?) ?\| (.*) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    rows = {variable: default for variable, default, _ in table}

    assert sorted(rows) == sorted(VARIABLES)
    for field in msgspec.structs.fields(Settings):
        if not isinstance(field.default, Secret):
            assert (f"`{field.default}`" if field.default != "" else "") in rows[field.name.upper()], field.name
    assert {variable: description for variable, _, description in table} == {
        field.name.upper(): field.type.__metadata__[-1].description for field in msgspec.structs.fields(Settings)
    }


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_every_setting_says_what_it_is(field: msgspec.structs.FieldInfo) -> None:
    assert [part.description for part in field.type.__metadata__ if part.description]


@pytest.mark.parametrize("variable", ["PYPI_API_URL", "GITHUB_API_URL", "STORE_URL", "CLICKHOUSE_URL"])
def test_credentials_in_urls_are_shown_nowhere(variable: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = from_environment(**{variable: "http://user:hush-hush@127.0.0.1:9/simple"})

    assert settings.changed() == {variable: "http://…@127.0.0.1:9/simple"}
    configure(settings)
    logging.getLogger("app").warning("cannot ask http://user:hush-hush@127.0.0.1")
    assert "hush" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "scheme"), [("PYPI_API_URL", "ftp"), ("GITHUB_API_URL", "ftp"), ("BIGQUERY_API_ENDPOINT", "http")]
)
def test_credentials_in_a_url_that_is_refused_are_not_repeated(variable: str, scheme: str) -> None:
    with pytest.raises(
        SettingError, match=rf"^{variable}='{scheme}://…@127[.]0[.]0[.]1' is not accepted; accepted is "
    ):
        from_environment(**{variable: f"{scheme}://user:hush-hush@127.0.0.1"})
