"""What `ingest` shows on a terminal while it runs."""

import io
from collections.abc import Sequence
from datetime import date

import pytest
from rich.console import Console

from app.cli import terminal
from app.warehouse.loading.demo import load_demo
from app.warehouse.loading.progress import Progress
from tests.support.dataset import Dataset
from tests.support.fixtures import Backend


def shown(monkeypatch: pytest.MonkeyPatch, reports: Sequence[tuple[float, Progress]]) -> str:
    """All that a terminal shows of reports, each at its second."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=200, highlight=False, color_system=None)
    monkeypatch.setattr(terminal, "errors", console)
    seconds = [0.0]
    with terminal.progress_shown(lambda: seconds[-1]) as report:
        for second, progress in reports:
            seconds.append(second)
            report(progress)
    return text.getvalue()


def test_rows_a_second_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(
        monkeypatch,
        [(second, Progress("loading", rows_read=1000 * second, total=100_000)) for second in (0, 10, 20)],
    )

    assert "20,000 rows, 1,000 rows/s" in said
    # 80,000 rows at 1,000 a second.
    assert "0:00:20 01:20 left" in said


def test_no_time_is_left_where_the_size_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(monkeypatch, [(second, Progress("loading", rows_read=1000 * second)) for second in (0, 10, 20)])

    assert "20,000 rows, 1,000 rows/s" in said
    assert "left" not in said


@pytest.mark.only_backend(Backend.EMBEDDED)
def test_the_demo_says_what_it_makes(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it reads are 213 packages, and not rows of an input."""
    dataset.make_tables()
    reports: list[Progress] = []

    load_demo(dataset.engine.client, date(2026, 11, 21), reports.append, days=3)

    making = {report.step for report in reports if report.step.startswith("making synthetic")}
    assert making == {"making synthetic downloads of 213 packages on 3 days"}
    said = shown(monkeypatch, list(enumerate(reports)))
    assert "rows/s" not in said
    assert "loading" not in said
