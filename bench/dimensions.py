"""Measure what the optional dimensions cost: rows, bytes, the time of a load, and cold answers.

python -m bench.dimensions [--events 50000000] [--repeat 2] [--each] [--markdown]

The same events are loaded without them, with those of the setting's default, with all, and (`--each`) with each one
alone. Everything happens in a temporary folder.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from app.settings import Settings
from app.warehouse.dimensions import COUNTED_WHERE_KNOWN
from bench.processes import run
from bench.report import FIGURES, Row, show, write_markdown

MOST_ROWS = 1.6
MOST_SECONDS = 1.4


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--asked", type=int, default=400, help="packages that are asked for")
    parser.add_argument("--each", action="store_true", help="load each dimension alone, too")
    parser.add_argument("--markdown", action="store_true", help="write the rows into bench/README.md as well")
    options = parser.parse_args()
    choices = {"none": [], "the default": Settings().loaded_dimensions(), "all": list(COUNTED_WHERE_KNOWN)}
    if options.each:
        choices |= {f"{name} alone": [name] for name in COUNTED_WHERE_KNOWN}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in choices}
    with tempfile.TemporaryDirectory(prefix="pypistats-bench-") as name:
        source = Path(name) / "events"
        run("events", folder=str(source), count=options.events)
        for number in range(options.repeat):
            # The order is reversed every time.
            for choice in choices if number % 2 == 0 else reversed(choices):
                with tempfile.TemporaryDirectory(dir=name) as data:
                    arguments = {"data": data, "folder": str(source), "loaded": choices[choice], "asked": options.asked}
                    found[choice].append(run("dimensions", **arguments))
    rows = [Row("events", f"{options.events:,}, loaded {options.repeat} times")]
    rows += _rows(found)
    show("Dimensions", rows)
    if options.markdown:
        write_markdown(FIGURES, rows, "dimensions")


def _rows(found: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """What each choice costs, of the load without any."""
    keys = ("seconds", "rows", "bytes", "cpu")
    without = found.pop("none")
    base = {key: median(run[key] for run in without) for key in keys}
    answer = median(seconds for run in without for seconds in run["answers"])
    rows = []
    for choice, runs in found.items():
        ratio = {key: median(run[key] for run in runs) / base[key] for key in keys}
        asked = median(seconds for run in runs for seconds in run["answers"]) / answer
        text = f"{ratio['rows']:.2f} x rows, {ratio['bytes']:.2f} x bytes, {ratio['seconds']:.2f} x time"
        text += f" (CPU {ratio['cpu']:.2f} x), {asked:.2f} x the time of a cold answer"
        has_goal = choice == "the default"
        goal = f"at most {MOST_ROWS} x rows and {MOST_SECONDS} x time" if has_goal else ""
        met = not has_goal or (ratio["rows"] <= MOST_ROWS and ratio["seconds"] <= MOST_SECONDS)
        rows.append(Row(choice, text, goal, met))
    return rows


if __name__ == "__main__":
    main()
