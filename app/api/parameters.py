"""Query parameters: one struct an endpoint, whose fields say what is accepted; openapi.yaml says the same."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from msgspec import Meta, inspect

from app.charts.badge import COLOR_PATTERN, COLOR_RULE, BadgeStyle
from app.charts.colors import Theme
from app.charts.data import ChartType
from app.discovery.index.search import Sort
from app.names import NAME_RULE, PREFIX_RULE, ImpossibleNameError, normalise, normalise_prefix
from app.windows import Granularity, Period

MAX_BATCH = 500
MAX_TOP = 1000
MAX_SEARCH = 100
MAX_PAGE = 100_000
MAX_PER_PAGE = 100
MAX_PARAMETERS = MAX_BATCH + 100
"""In one request, known or not, each time that one is repeated."""

PlainText = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Label = Annotated[str, Meta(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]
Color = Annotated[str, Meta(pattern=COLOR_PATTERN)]
BadgePeriod = Literal["day", "week", "month", "total"]
SeriesFormat = Literal["json", "csv", "spreadsheet"]
BadgeFormat = Literal["svg", "shields"]
Switch = Literal["true", "false"]
System = Literal["Windows", "Linux", "Darwin", "other", "null"]
Origin = Literal["mirror", "ci", "installer", "browser", "other", "null"]


class BadParameterError(ValueError):
    """A parameter has a value that is not accepted; the message names both."""


class NoQuery(msgspec.Struct, frozen=True):
    """An endpoint without parameters."""


class RecentQuery(msgspec.Struct, frozen=True):
    period: Period | None = None
    mirrors: Switch = "false"
    origin: Origin | None = None


class SeriesQuery(msgspec.Struct, frozen=True, kw_only=True):
    start_date: date | None = None
    end_date: date | None = None
    granularity: Granularity = "day"
    partial: Switch = "true"
    format: SeriesFormat | None = None


class OverallQuery(SeriesQuery, frozen=True):
    mirrors: Switch | None = None
    origin: Origin | None = None


class VersionQuery(SeriesQuery, frozen=True):
    version: PlainText | None = None


class SystemQuery(SeriesQuery, frozen=True):
    os: System | None = None


class InstallerQuery(SeriesQuery, frozen=True):
    installer: PlainText | None = None


class CountryQuery(SeriesQuery, frozen=True):
    country: PlainText | None = None


class FileTypeQuery(SeriesQuery, frozen=True):
    type: PlainText | None = None


class OriginQuery(SeriesQuery, frozen=True):
    origin: Origin | None = None


def series_query(parameter: str) -> type[SeriesQuery]:
    """The parameters of a series that one of any name selects a category of."""
    name = f"{parameter.title().replace('_', '')}Query"
    fields = [(parameter, PlainText | None, None)]
    return cast(type[SeriesQuery], msgspec.defstruct(name, fields, bases=(SeriesQuery,), frozen=True, kw_only=True))


class ChartedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a chart shows: the parameters of every series, the filters of all of them, and lines or bars."""

    chart: ChartType = "line"
    mirrors: Switch | None = None
    version: PlainText | None = None
    os: System | None = None
    installer: PlainText | None = None
    country: PlainText | None = None
    type: PlainText | None = None
    origin: Origin | None = None
    cpu: PlainText | None = None
    libc: PlainText | None = None
    distro: PlainText | None = None
    implementation: PlainText | None = None
    installer_version: PlainText | None = None
    platform: PlainText | None = None
    abi: PlainText | None = None
    start_date: date | None = None
    end_date: date | None = None
    granularity: Granularity = "day"
    partial: Switch = "false"


class ChartQuery(ChartedQuery, frozen=True, kw_only=True):
    format: Literal["png", "svg", "json", "data"] = "png"
    theme: Theme = "light"
    width: Annotated[int, Meta(ge=320, le=2400)] = 1200
    height: Annotated[int, Meta(ge=240, le=1600)] = 600
    nocache: PlainText | None = None
    cache: PlainText | None = None


class BadgeQuery(msgspec.Struct, frozen=True):
    period: BadgePeriod = "month"
    origin: Origin | None = None
    label: Label | None = None
    color: Color = "blue"
    style: BadgeStyle = "flat"
    format: BadgeFormat = "svg"
    strict: Switch = "false"


class BatchQuery(msgspec.Struct, frozen=True):
    package: Annotated[list[str], Meta(min_length=1, max_length=MAX_BATCH)]
    origin: Origin | None = None


class TopQuery(msgspec.Struct, frozen=True):
    period: Period = "month"
    limit: Annotated[int, Meta(ge=1, le=MAX_TOP)] = 100
    offset: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    origin: Origin | None = None


class SearchQuery(msgspec.Struct, frozen=True):
    q: Annotated[str, Meta(min_length=1, max_length=200)]
    limit: Annotated[int, Meta(ge=1, le=MAX_SEARCH)] = 10


class PackagesQuery(msgspec.Struct, frozen=True):
    q: PlainText | None = None
    topic: PlainText | None = None
    official: Switch | None = None
    verified: Switch | None = None
    new: Switch | None = None
    sort: Sort = "relevance"
    page: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 1
    per_page: Annotated[int, Meta(ge=1, le=MAX_PER_PAGE)] = 10


class HealthQuery(msgspec.Struct, frozen=True):
    deep: Literal["0", "1"] = "0"


Query = TypeVar("Query", bound=msgspec.Struct)


def parse_query(request: Request[Any, Any, Any], kind: type[Query]) -> Query:
    """The request's parameters. Those that the endpoint does not know are ignored, as upstream does.

    Raises BadParameterError.
    """
    query, wrong = parse_leniently(request, kind)
    if wrong is not None:
        raise wrong
    return query


def parse_leniently(request: Request[Any, Any, Any], kind: type[Query]) -> tuple[Query, BadParameterError | None]:
    """The parameters as far as they are accepted, others as if they were absent; and the first that is not accepted.

    Raises BadParameterError where one that is required is not accepted, or where there are too many.
    """
    given: dict[str, list[str]] = {}
    for name, value in _pairs(request.scope["query_string"]):
        given.setdefault(name, []).append(value)
    values: dict[str, Any] = {}
    wrong = None
    for field in _fields(kind):
        texts = given.get(field.encode_name)
        if texts is None:
            if field.required:
                raise BadParameterError(f"{field.encode_name} is required: {_accepted(field.type)}")
            continue
        try:
            values[field.encode_name] = _value(field, texts)
        except BadParameterError as error:
            if field.required:
                raise
            wrong = wrong or error
    return kind(**values), wrong


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise BadParameterError(f"a request may have {MAX_PARAMETERS} parameters") from None


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    """A struct's fields; looking at its types anew for each request would take longer than all the rest."""
    fields: tuple[inspect.Field, ...] = inspect.type_info(kind).fields  # type: ignore[attr-defined]
    return fields


def _value(field: inspect.Field, texts: Sequence[str]) -> Any:
    if isinstance(field.type, inspect.ListType):
        _check(field, len(texts) <= (field.type.max_length or len(texts)), f"{len(texts)} values")
        return list(texts)
    _check(field, len(texts) == 1, f"{len(texts)} values")
    (text,) = texts
    kind = _without_none(field.type)
    if isinstance(kind, inspect.LiteralType):
        choices = {str(choice).lower(): choice for choice in kind.values}
        _check(field, text.lower() in choices, repr(text))
        return choices[text.lower()]
    try:
        return msgspec.convert(text, _TYPES[type(kind)](kind), strict=False)
    except msgspec.ValidationError:
        _check(field, False, repr(text))


def _check(field: inspect.Field, accepted: bool, given: str) -> None:
    if not accepted:
        raise BadParameterError(
            f"{field.encode_name}: {given[:80]} is not accepted; accepted is {_accepted(field.type)}"
        )


def _without_none(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.UnionType):
        (kind,) = (member for member in kind.types if not isinstance(member, inspect.NoneType))
    return kind


# The type to convert a text to, constraints included, for each kind of parameter.
_TYPES: dict[type[inspect.Type], Any] = {
    inspect.DateType: lambda _: date,
    inspect.IntType: lambda kind: Annotated[int, Meta(ge=kind.ge, le=kind.le)],
    inspect.StrType: lambda kind: Annotated[
        str,
        # Patterns are JSON Schema's, whose `$` is the end; Python's is also before a last newline.
        Meta(min_length=kind.min_length, max_length=kind.max_length, pattern=(kind.pattern or "").replace("$", r"\Z")),
    ],
}


def _accepted(kind: inspect.Type) -> str:
    """What a parameter accepts, in words."""
    match _without_none(kind):
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.DateType():
            return "a date that exists, written YYYY-MM-DD"
        case inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case inspect.ListType(max_length=most):
            return f"1 to {most} of them"
        case inspect.StrType(pattern=pattern) if pattern == COLOR_PATTERN:
            return COLOR_RULE
        case inspect.StrType(min_length=least, max_length=most):
            return f"{least or 0} to {most} printable characters"
    raise NotImplementedError(kind)


def check_dates(start: date | None, end: date | None) -> None:
    """Raises BadParameterError where a window ends before it begins."""
    if start and end and start > end:
        raise BadParameterError(f"start_date: {start} is after end_date, {end}")


def check_origin(mirrors: str | None, origin: Origin | None) -> None:
    """Raises BadParameterError where downloads are asked for with mirrors, and of one origin."""
    if origin and mirrors:
        raise BadParameterError(f"mirrors: {mirrors} is not accepted beside origin; mirrors are one of its values")


def package_name(text: str) -> str:
    """A package's normalised name. Raises BadParameterError for one that no package can have."""
    try:
        return normalise(text)
    except ImpossibleNameError:
        raise BadParameterError(f"package: {text[:80]!r} cannot be a package's name; accepted is {NAME_RULE}") from None


def name_prefix(text: str) -> str:
    """The normalised beginning of a name. Raises BadParameterError where no name begins so."""
    try:
        return normalise_prefix(text)
    except ImpossibleNameError:
        raise BadParameterError(f"q: {text[:80]!r} cannot begin a package's name; accepted is {PREFIX_RULE}") from None
