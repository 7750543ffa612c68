"""Logging: a JSON object per event, or a line of text; neither contains a secret or a line break.

uvicorn logs the same way: `configure` returns the dictionary for its `log_config`.
"""

import logging
import logging.config
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from app.settings import Settings

Format = Literal["json", "text"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered. Not set for responses from the cache, which log nothing."""

MIN_SECRET_LENGTH = 4
"""Characters. A shorter secret is not masked: it would be found in ordinary words."""

# Attributes of every record; any other attribute was given with `extra`.
STANDARD_ATTRIBUTES = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", "color_message"}
ESCAPED_CONTROLS = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]}

_secrets: list[str] = []


def configure(settings: Settings) -> dict[str, Any]:
    """Configure logging in this process; return the configuration, for uvicorn's worker processes."""
    _secrets[:] = [secret for secret in settings.secrets() if len(secret) >= MIN_SECRET_LENGTH]
    configuration = _configuration(chosen_format(settings), settings.log_level)
    logging.config.dictConfig(configuration)
    return configuration


def configure_command() -> None:
    """Log text at level `info`: for commands, before the settings have been read."""
    logging.config.dictConfig(_configuration("text", "info"))


def configure_worker(form: Format, level: str) -> None:
    """Log as the server does, in a process that it has started; warnings of libraries are lines of the log too."""
    logging.config.dictConfig(_configuration(form, level))
    logging.captureWarnings(True)


def chosen_format(settings: Settings) -> Format:
    """The format of LOG_FORMAT; `auto` is text on a terminal and JSON elsewhere."""
    if settings.log_format == "auto":
        return "text" if sys.stderr.isatty() else "json"
    return settings.log_format


def _configuration(form: Format, level: str) -> dict[str, Any]:
    formatter = "app.serving.logs.JSONFormatter" if form == "json" else "app.serving.logs.TextFormatter"
    # Other libraries log warnings; uvicorn also its start and its end.
    ours = {"level": level.upper(), "propagate": True}
    # They also raise what they log; the exception is logged with the name of its query, or ends the command.
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
    """The line with every secret masked: an exception of a library may quote one."""
    for secret in _secrets:
        line = line.replace(secret, "…")
    return line


class JSONFormatter(logging.Formatter):
    """`time` (RFC 3339, UTC), `level`, `logger`, `message`; `request_id` and `exception` where there is one; extras."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object on one line."""
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
    """Level, message, extras as `name=value`; a traceback on further lines."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, then the lines of a traceback."""
        extras = "".join(f"  {name}={value}" for name, value in _extras(record).items())
        line = f"{record.levelname + ':':<9} {record.getMessage()}{extras}".translate(ESCAPED_CONTROLS)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return without_secrets(line)


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    extras = {name: value for name, value in record.__dict__.items() if name not in STANDARD_ATTRIBUTES}
    if (current := request_id.get()) and "request_id" not in extras:
        extras["request_id"] = current
    return extras
