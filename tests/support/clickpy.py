"""The tables of ClickHouse's public data set, filled with events as its own loader fills them."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

from clickhouse_connect.driver.client import Client

from app.warehouse.loading.journal import LoadedDay
from app.warehouse.reading.clickpy import ClickPy
from tests.support.dataset import Dataset
from tests.support.oracle import categories, normalised, usable, utc_day

TABLES = Path(__file__).with_suffix(".sql")
DIFFERENCES = {
    "it has no sum over all packages": [
        "test_all_is_the_sum_over_all_packages",
        "test_all_has_no_releases",
        "test_all_without_rows_is_an_empty_series",
        "test_all_is_a_package",
        "test_all_packages",
        "test_total_is_without_mirrors_and_over_all_days[clickpy-__all__",
        "test_the_examples_are_true[clickpy-get_overall_downloads-every_package]",
        "test_the_examples_are_true[clickpy-get_version_downloads-every_package]",
    ],
    "it is another, and says so": [
        "test_the_examples_are_true[clickpy-get_health-ready]",
        "test_the_examples_are_true[clickpy-ServiceUnavailable-not_ready]",
    ],
    "it has no loads": ["test_what_is_swept_changes_no_answer"],
    "its role has its own limit of time": ["test_a_query_that_takes_too_long_is_a_503_to_be_tried_again"],
    "an empty value is NULL": [
        "test_countries_are_upper_case_and_null_a_string",
        "test_country_selects_a_category_in_any_letter_case[clickpy-null-lines2]",
        "test_every_other_installer_counts_in_both[clickpy-empty-installer]",
        "test_every_installer_counts_and_null_is_a_string",
        "test_installer_selects_a_category[clickpy-null]",
        "test_mirrors_are_left_out_and_nexus_and_pep381client_are_none",
        "test_totals_over_the_window",
        "test_parameters_are_ignored",
        "test_os_selects_a_category_in_any_letter_case[clickpy-other",
        "test_os_selects_a_category_in_any_letter_case[clickpy-Other",
        "test_os_selects_a_category_in_any_letter_case[clickpy-OTHER",
        "test_os_selects_a_category_in_any_letter_case[clickpy-null",
        "test_os_selects_a_category_in_any_letter_case[clickpy-Null",
        "test_os_selects_a_category_in_any_letter_case[clickpy-NULL",
        "test_three_systems_have_names_and_all_else_is_other_but_null",
    ],
}
"""The tests that must fail on this data set, as they begin, by what it cannot give."""
COLUMNS = ("date", "country_code", "project", "type", "installer", "python_minor", "system", "version")


def create(client: Client) -> None:
    """The tables and their views, in the client's database."""
    for statement in TABLES.read_text(encoding="utf-8").split(";\n\n"):
        if statement.strip():
            client.command(statement)


def insert(client: Client, events: Iterable[Mapping[str, Any]]) -> None:
    """Insert events in two parts, so that rows of equal keys are added up only when something reads or merges them."""
    rows = [raw(event) for event in events]
    for part in (rows[::2], rows[1::2]):
        if part:
            client.insert("pypi", part, column_names=COLUMNS)


def raw(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """The row of an event. PyPI's log has names as they are normalised."""
    file, details = event["file"], event["details"]
    values = (
        event["country_code"],
        normalised(event["project"]),
        file["type"],
        details["installer"]["name"],
        ".".join((details["python"] or "").split(".")[:2]),
        details["system"]["name"],
        file["version"],
    )
    return (utc_day(event["timestamp"]), *("" if value is None else value for value in values))


def parsed(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event as PyPI's log parser tells it: of mirrors and unknown installers neither a Python nor a system."""
    details = event["details"]
    if ("overall", "without_mirrors") in categories(event):
        return event
    return {**event, "details": {**details, "python": None, "system": {"name": None}}}


class PublicDataset(Dataset):
    """A database with the public data set's tables, and apps that answer from it."""

    facts: ClassVar = {"layout": "clickpy", "dataset": "public"}
    layout = ClickPy
    needed_table = "pypi_downloads_per_day"
    answering_tables: ClassVar = ClickPy.tables[2:]
    ranking_table = "pypi_downloads_per_month"

    def make_tables(self) -> None:
        with self.engine.client() as client:
            create(client)

    def fill(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add events, as the public data set's loader does. What was there stays."""
        with self.engine.client() as client:
            if not self.query("SHOW TABLES"):
                create(client)
            insert(client, events)

    def load(self, events: Iterable[Mapping[str, Any]], *, replace: bool = False) -> list[LoadedDay]:
        """Add events, as far as the data set can tell them, and make their days complete, however few they are.

        That is by a package that is most downloaded, on these days, in the tables that are looked at for that alone.
        """
        events = list(events)
        if replace:
            self.empty({utc_day(event["timestamp"]) for event in events})
        self.fill(parsed(event) for event in events if usable(event))
        days = sorted({utc_day(event["timestamp"]) for event in events})
        with self.engine.client() as client:
            client.insert("pypi_downloads", [("~", 1_000_000)])
            client.insert("pypi_downloads_per_day", [(day, "~", 1_000_000) for day in days])
        return []

    def empty(self, days: Iterable[date]) -> None:
        """Take days out of the tables that have them. The others go on counting them: they are bounds, no answers."""
        with self.engine.client() as client:
            for table in ("pypi", *(name for name in ClickPy.tables if "per_day" in name)):
                client.command(
                    f"ALTER TABLE {table} DELETE WHERE date IN {{days:Array(Date)}} SETTINGS mutations_sync = 1",
                    parameters={"days": list(days)},
                )

    def merge(self) -> None:
        """Merge the parts of all tables, as ClickHouse does in its own time."""
        with self.engine.client() as client:
            for table in ("pypi", *ClickPy.tables):
                client.command(f"OPTIMIZE TABLE {table} FINAL")
