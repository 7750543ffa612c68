"""What `ingest` shows on a terminal while it runs."""

import io
from collections.abc import Sequence
from datetime import date

import pytest
from rich.console import Console

from app.cli import terminal
from app.cli.terminal import printable, progress_shown
from app.warehouse.loading.demo import load_demo
from app.warehouse.loading.progress import Progress
from tests.support.dataset import Dataset
from tests.support.fixtures import Backend


def shown(reports: Sequence[tuple[float, Progress]]) -> str:
    """All that a terminal shows of reports, each at its second."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=200, highlight=False, color_system=None)
    seconds = [0.0]
    with progress_shown(lambda: seconds[-1], console) as report:
        for second, progress in reports:
            seconds.append(second)
            report(progress)
    return text.getvalue()


def test_rows_a_second_and_time_left() -> None:
    said = shown(
        [(second, Progress("loading", rows_read=1000 * second, total=100_000)) for second in (0, 10, 20)],
    )

    assert "20,000 rows, 1,000 rows/s" in said
    # 80,000 rows at 1,000 a second.
    assert "0:00:20 01:20 left" in said


def test_no_time_is_left_where_the_size_is_not_known() -> None:
    said = shown([(second, Progress("loading", rows_read=1000 * second)) for second in (0, 10, 20)])

    assert "20,000 rows, 1,000 rows/s" in said
    assert "left" not in said


@pytest.mark.only_backend(Backend.EMBEDDED)
def test_the_demo_says_what_it_makes(dataset: Dataset) -> None:
    """What it reads are 213 packages, and not rows of an input."""
    dataset.make_tables()
    reports: list[Progress] = []

    # It has to take longer than the half second until the first report of a step.
    load_demo(dataset.engine.client, date(2026, 11, 21), reports.append, days=90)

    making = {report.step for report in reports if report.step.startswith("making synthetic")}
    assert making == {"making synthetic downloads of 213 packages on 90 days"}
    said = shown(list(enumerate(reports)))
    assert "rows/s" not in said
    assert "loading" not in said


def test_what_a_file_says_commands_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(terminal, "errors", Console(file=text, force_terminal=True, color_system=None))

    terminal.note("a\x1b]0;title\x07\x1b[2J\x9b1mb\r\n\x7f")

    assert text.getvalue() == "note: a\\x1b]0;title\\x07\\x1b[2J\\x9b1mb\\x0d\n\\x7f\n"
    assert printable("Grüße, 日本") == "Grüße, 日本"
