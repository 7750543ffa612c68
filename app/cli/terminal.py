"""What `ingest` shows on a terminal, or in a log: how far it is, and what it has loaded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from app.warehouse.loading.journal import LoadedDay
from app.warehouse.loading.progress import Progress, Report

PLAIN_REPORT_SECONDS = 5.0

output = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def note(text: str) -> None:
    """Show what a user should know and need not mend."""
    errors.print("[yellow]note:[/] ", end="")
    errors.print(text, markup=False, soft_wrap=True)


@contextmanager
def progress_shown() -> Iterator[Report]:
    """A progress bar on a terminal, a line every few seconds elsewhere."""
    if not errors.is_terminal:
        yield _plain_report()
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
    ]
    with ProgressBar(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("starting", total=None, figures="")

        def report(progress: Progress) -> None:
            elapsed = bar.tasks[0].elapsed or 0
            bar.update(
                task,
                description=progress.step,
                total=progress.total or None,
                completed=progress.rows_read,
                figures=_figures(progress, elapsed),
            )

        yield report


def _plain_report() -> Report:
    started = datetime.now(UTC)
    last: dict[str, Any] = {"step": "", "at": started}

    def report(progress: Progress) -> None:
        now = datetime.now(UTC)
        if progress.step == last["step"] and (now - last["at"]).total_seconds() < PLAIN_REPORT_SECONDS:
            return
        last.update(step=progress.step, at=now)
        figures = _figures(progress, (now - started).total_seconds())
        errors.print(f"{progress.step} {figures}".rstrip(), markup=False)

    return report


def _figures(progress: Progress, elapsed: float) -> str:
    """Rows, rows a second, and what is written once writing has begun."""
    if not progress.rows_read:
        return ""
    figures = f"{progress.rows_read:,} rows, {progress.rows_read / max(elapsed, 0.1):,.0f} rows/s"
    if progress.rows_written:
        figures += f", {progress.days_written} days, {progress.rows_written:,} rows written"
    return figures


def loaded_table(days: list[LoadedDay]) -> Table:
    table = Table("day", show_footer=True)
    columns: list[tuple[str, Callable[[LoadedDay], int], bool]] = [
        ("events", lambda day: day.events, True),
        ("left out", lambda day: day.dropped, True),
        ("packages", lambda day: day.packages, False),
        ("rows written", lambda day: day.rows, True),
    ]
    table.columns[0].footer = f"{len(days)} day{'s'[: len(days) > 1]}"
    for name, value, has_sum in columns:
        table.add_column(name, justify="right", footer=f"{sum(map(value, days)):,}" if has_sum else "")
    for day in days:
        table.add_row(str(day.date), *(f"{value(day):,}" for _, value, _ in columns))
    return table
