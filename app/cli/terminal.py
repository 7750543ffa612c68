"""What `ingest` shows on a terminal, or in a log: how far it is, and what it has loaded."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.table import Column, Table

from app.serving.logs import ESCAPED_CONTROLS
from app.warehouse.loading.journal import LoadedDay
from app.warehouse.loading.progress import Progress, Report

PLAIN_REPORT_SECONDS = 5.0

output = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


# All of them but line breaks: a name, or what is quoted of a file, must not command the terminal.
_CONTROLS = {code: text for code, text in ESCAPED_CONTROLS.items() if code != ord("\n")}


def printable(text: str) -> str:
    """The text with control characters escaped."""
    return text.translate(_CONTROLS)


def note(text: str) -> None:
    """Show what a user should know and need not mend."""
    errors.print("[yellow]note:[/] ", end="")
    errors.print(printable(text), markup=False, soft_wrap=True)


@contextmanager
def progress_shown(clock: Callable[[], float] = time.monotonic, console: Console = errors) -> Iterator[Report]:
    """A progress bar on a terminal, with the time left where the size of the input is known; a line every few seconds
    elsewhere."""
    if not console.is_terminal:
        yield _plain_report()
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[left]}"),
    ]
    with ProgressBar(*columns, console=console, transient=True, get_time=clock) as bar:
        task = bar.add_task("starting", total=None, figures="", left="")

        def report(progress: Progress) -> None:
            elapsed = bar.tasks[0].elapsed or 0
            bar.update(
                task,
                description=progress.step,
                total=progress.total or None,
                completed=progress.rows_read,
                figures=_figures(progress, elapsed),
                left="left" if progress.total else "",
                refresh=True,
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
    figures = []
    if progress.rows_read:
        figures += [f"{progress.rows_read:,} rows", f"{progress.rows_read / max(elapsed, 0.1):,.0f} rows/s"]
    if progress.rows_written:
        figures += [f"{progress.days_written} days", f"{progress.rows_written:,} rows written"]
    return ", ".join(figures)


def loaded_table(days: Sequence[LoadedDay], today: LoadedDay | None = None, *, is_dry_run: bool = False) -> Table:
    """What was loaded, a row a day, and what was left out of it and of today; of a dry run, what would be."""
    # Narrow enough for 80 columns: a date or a number that is cut off says something else.
    table = Table(Column("day", no_wrap=True), show_footer=True, padding=0)
    columns: list[tuple[str, Callable[[LoadedDay], int], bool]] = [
        ("downloads read", lambda day: day.events, True),
        ("left out: today", lambda day: day.dropped if day is today else 0, True),
        ("malformed Python", lambda day: day.malformed_python, True),
        ("impossible name", lambda day: 0 if day is today else day.dropped - day.malformed_python, True),
        ("packages", lambda day: day.packages, False),
        *([] if is_dry_run else [("rows written", lambda day: day.rows, True)]),
    ]
    table.columns[0].footer = f"{len(days)} day{'s'[: len(days) != 1]}"
    rows = [*days, today] if today else days
    for name, value, has_sum in columns:
        footer = f"{sum(map(value, rows)):,}" if has_sum else ""
        width = max(map(len, (*name.split(), footer, *(f"{value(day):,}" for day in rows))))
        table.add_column(name, justify="right", footer=footer, width=width)
    for day in rows:
        table.add_row(str(day.date), *(f"{value(day):,}" for _, value, _ in columns))
    return table
