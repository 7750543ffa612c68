"""Findings as a table: on the terminal, and between two marks in a Markdown file."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

FIGURES = Path(__file__).with_name("README.md")
"""Where all figures stand, those of one machine too."""


class Row(msgspec.Struct, frozen=True):
    """A finding; `met` says whether it reaches the goal, where there is one.

    `of_this_machine` is a time that says nothing about another machine: it is shown, and no README for users gets it.
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


def write_markdown(path: Path, rows: Sequence[Row], mark: str) -> None:
    """Put rows between a file's marks of a name. Raises ValueError where it has none."""
    text = path.read_text(encoding="utf-8")
    lines = ["| | measured | goal |", "| --- | --- | --- |"]
    lines += [f"| {row.what} | {row.found} | {_goal(row)} |" for row in rows]
    body = "\n".join(lines)
    marked = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    changed, marks = marked.subn(lambda match: f"{match[1]}{body}\n{match[2]}", text)
    if not marks:
        raise ValueError(f"{path} has no <!-- {mark} --> and <!-- /{mark} -->")
    path.write_text(changed, encoding="utf-8")


def _goal(row: Row) -> str:
    return f"{row.goal}: {'met' if row.met else 'missed'}" if row.goal else ""
