"""Log lines: a JSON object per event for machines, or a line to read for people; in both no secret and no line break.

uvicorn's own lines take the same way: `configure` gives it what `logging.config.dictConfig` takes.
"""

import logging
import logging.config
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from app.settings import Secret, Settings

Format = Literal["json", "text"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is being answered. Not set where its answer is a finished one: nothing is logged then."""

SHORTEST_MASKED = 4
"""Characters of a secret that is looked for in lines: a shorter one would be found in every word."""

# What every record has; whatever else it has was given with `extra`.
USUAL = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", "color_message"}
VISIBLE = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]}

_secrets: list[str] = []


def configure(settings: Settings) -> dict[str, Any]:
    """Log as the settings say from now on, in this process; return the configuration, for uvicorn's processes."""
    _secrets[:] = [
        value.reveal()
        for value in msgspec.structs.astuple(settings)
        if isinstance(value, Secret) and len(value.reveal()) >= SHORTEST_MASKED
    ]
    configuration = _configuration(chosen_format(settings), settings.log_level)
    logging.config.dictConfig(configuration)
    return configuration


def configure_command() -> None:
    """Log for a person who waits for a command to end, before there are settings."""
    logging.config.dictConfig(_configuration("text", "info"))


def chosen_format(settings: Settings) -> Format:
    """`auto` is text on a terminal and JSON elsewhere."""
    if settings.log_format == "auto":
        return "text" if sys.stderr.isatty() else "json"
    return settings.log_format


def _configuration(form: Format, level: str) -> dict[str, Any]:
    formatter = "app.serving.logs.JSONFormatter" if form == "json" else "app.serving.logs.TextFormatter"
    # Libraries are heard when they warn; uvicorn also when it starts and stops.
    ours = {"level": level.upper(), "propagate": True}
    # They raise what they log, and that is logged with the query's name, or is what a command ends with.
    raised = {"level": "CRITICAL", "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"app": ours, "uvicorn": ours, "clickhouse_connect": raised, "urllib3": raised},
    }


def without_secrets(line: str) -> str:
    """A line as it may be shown: nobody writes a secret into one, but an error of somebody else's might quote it."""
    for secret in _secrets:
        line = line.replace(secret, "…")
    return line


class JSONFormatter(logging.Formatter):
    """`time` (RFC 3339, UTC), `level`, `logger`, `message`; `request_id` and `exception` where there is one; extras."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        time = datetime.fromtimestamp(record.created, UTC)
        event: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return without_secrets(msgspec.json.encode(event, enc_hook=str).decode())


class TextFormatter(logging.Formatter):
    """Level, message, extras as `name=value`; then a traceback, on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and more for a traceback."""
        extras = "".join(f"  {name}={value}" for name, value in _extras(record).items())
        line = f"{record.levelname + ':':<9} {record.getMessage()}{extras}".translate(VISIBLE)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return without_secrets(line)


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    extras = {name: value for name, value in record.__dict__.items() if name not in USUAL}
    if (current := request_id.get()) and "request_id" not in extras:
        extras["request_id"] = current
    return extras
