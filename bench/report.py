"""Findings as a table: on the terminal, and between two marks in a Markdown file."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table


class Row(msgspec.Struct, frozen=True):
    """A finding; `met` says whether it reaches the goal, where there is one.

    `of_this_machine` is a time that says nothing about another machine: it is shown, but no document gets it.
    """

    what: str
    found: str
    goal: str = ""
    met: bool = True
    of_this_machine: bool = False


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the rows."""
    table = Table("", "measured", "goal", title=title, title_justify="left")
    for row in rows:
        table.add_row(row.what, row.found, _goal(row), style="" if row.met else "red")
    Console(highlight=False).print(table)


def write_markdown(path: Path, rows: Sequence[Row], mark: str = "bench") -> bool:
    """Put the rows that say something elsewhere too between a file's marks of a name. False where it has none."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = ["| | measured | goal |", "| --- | --- | --- |"]
    lines += [f"| {row.what} | {row.found} | {_goal(row)} |" for row in rows if not row.of_this_machine]
    body = "\n".join(lines)
    marked = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    changed, marks = marked.subn(lambda match: f"{match[1]}{body}\n{match[2]}", text)
    if marks:
        path.write_text(changed, encoding="utf-8")
    return bool(marks)


def _goal(row: Row) -> str:
    return f"{row.goal}: {'met' if row.met else 'missed'}" if row.goal else ""
