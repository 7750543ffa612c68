"""Reads settings as texts from the environment, from files of secrets, and converts them.

An empty variable counts as one that is not set: compose files pass `${X:-}`.
"""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")

SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
FILE_SUFFIX = "_FILE"
"""`GITHUB_TOKEN_FILE` names a file with the value of GITHUB_TOKEN."""


class SettingError(Exception):
    """The program cannot start with the value of a setting; the message names its variable."""


def without_credentials(url: str) -> str:
    """A URL, or a text with URLs, with user and password masked."""
    return _CREDENTIALS.sub("…@", url)


class Secret:
    """A value that no repr, log line or error shows."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret('…')" if self._value else "Secret('')"

    def __bool__(self) -> bool:
        return bool(self._value)

    def reveal(self) -> str:
        return self._value


def read_values(kind: type[msgspec.Struct], environment: Mapping[str, str], secrets_file: Path) -> dict[str, Any]:
    """The values by field of a struct of settings, without those that are not set.

    Raises SettingError for a value that is not accepted.
    """
    fields = msgspec.structs.fields(kind)
    types = {field.name: field.type for field in inspect.type_info(kind).fields}  # type: ignore[attr-defined]
    secrets = {field.name.upper() for field in fields if isinstance(field.default, Secret)}
    of_toml = _read_toml(secrets_file, secrets)
    values: dict[str, Any] = {}
    for field in fields:
        variable = field.name.upper()
        if variable in secrets:
            text = _secret_of_environment(variable, environment) or of_toml.get(variable, "")
            if text:
                values[field.name] = Secret(_checked_secret(variable, text))
        elif text := environment.get(variable, ""):
            values[field.name] = _converted(variable, text, field.type, types[field.name])
    return values


def _converted(variable: str, text: str, kind: Any, described: inspect.Type) -> Any:
    constraint = described.type if isinstance(described, inspect.Metadata) else described
    try:
        if isinstance(constraint, inspect.BoolType):
            return SWITCHES[text.lower()]
        if isinstance(constraint, inspect.LiteralType):
            return {str(choice).lower(): choice for choice in constraint.values}[text.lower()]
        return msgspec.convert(text, kind, strict=False)
    except (KeyError, msgspec.ValidationError):
        raise SettingError(
            f"{variable}={without_credentials(text)!r} is not accepted; accepted is {accepted(described)}"
        ) from None


def accepted(described: inspect.Type) -> str:
    """What a setting accepts, in words; those of a text are in the `accepted` of its Meta's `extra`."""
    if isinstance(described, inspect.Metadata):
        words = (described.extra or {}).get("accepted")
        return str(words) if words else accepted(described.type)
    match described:
        case inspect.BoolType():
            return "true or false, also written yes or no, on or off, 1 or 0"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.IntType() | inspect.FloatType():
            number = "a whole number" if isinstance(described, inspect.IntType) else "a number"
            least = described.ge if described.gt is None else described.gt + 1
            return f"{number} from {least} to {described.le}" if described.le else f"{number}, {least} or more"
    raise NotImplementedError(described)


def _secret_of_environment(variable: str, environment: Mapping[str, str]) -> str:
    text, path = environment.get(variable, ""), environment.get(variable + FILE_SUFFIX, "")
    if not path:
        return text
    if text:
        raise SettingError(f"{variable} and {variable}{FILE_SUFFIX} are both set; set one of them")
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{variable}{FILE_SUFFIX}: {path} cannot be read: {type(error).__name__}") from None


def _checked_secret(variable: str, text: str) -> str:
    """The secret without the newline that editors and `echo` add. A message never quotes the secret."""
    secret = text.removesuffix("\n").removesuffix("\r")
    if found := CONTROL.search(secret):
        raise SettingError(
            f"{variable} has the control character U+{ord(found[0]):04X} at position {found.start() + 1}; "
            "accepted are printable characters, and one newline at the end"
        )
    return secret


def _read_toml(path: Path, names: set[str]) -> dict[str, str]:
    """The secrets in a TOML file, by variable; none if there is no file."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & stat.S_IRWXO:
                raise SettingError(f"{path} can be accessed by users other than its owner and group: chmod o= {path}")
            values = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read: {type(error).__name__}") from None
    except tomllib.TOMLDecodeError:
        # The parser's own message may quote the line, and with it the secret.
        raise SettingError(f"{path} is not TOML") from None
    for name, value in values.items():
        if name not in names:
            raise SettingError(f"{path}: {name} is not a secret; it accepts {', '.join(sorted(names))}")
        if not isinstance(value, str):
            raise SettingError(f"{path}: {name} must be a string")
    return values
