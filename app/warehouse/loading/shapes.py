"""The shapes in which inputs have downloads, and the expressions by which ClickHouse reads them.

FIELDS is what counts of a download, and under which names exports have it: those of BigQuery's `file_downloads`
(records, or dotted names), the same with underscores (BigQuery allows no dots in names of columns), and those of
ClickHouse's `pypi.pypi` and ClickPy's bucket, where the empty string stands for NULL. A row may stand for several
downloads: one of WEIGHTS is their number. SQL is put together here from constants only.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from app.warehouse.dimensions import COUNTED_WHERE_KNOWN
from app.warehouse.engines.errors import InputError
from app.warehouse.loading.files import File, Shape

TEXT = "LowCardinality(Nullable(String))"
ANY_TEXT = "Nullable(String)"
JSON = "JSONEachRow"


class Field(msgspec.Struct, frozen=True):
    """A raw event's column, the dimensions that it counts in, and its names in exports: BigQuery's, that of
    ClickHouse's table, and others. An input may lack one that is not in ClickHouse's table."""

    raw: str
    dimensions: tuple[str, ...]
    bigquery: str
    clickhouse: str = ""
    others: tuple[str, ...] = ()
    kind: str = TEXT

    @property
    def names(self) -> tuple[str, ...]:
        """All names; of several in a file the first counts."""
        return tuple(dict.fromkeys(filter(None, (self.bigquery, *self.others, self.clickhouse))))


FIELDS = (
    Field("raw_project", (), "project", "project", ("file.project", "file_project"), ANY_TEXT),
    Field("raw_country", ("country",), "country_code", "country_code"),
    Field("raw_version", ("version",), "file.version", "version", ("file_version",)),
    Field("raw_file_type", ("file_type",), "file.type", "type", ("file_type",)),
    Field(
        "raw_installer",
        ("installer",),
        "details.installer.name",
        "installer",
        ("details_installer_name", "installer.name", "installer_name"),
    ),
    Field("raw_python", ("python_minor",), "details.python", "python_minor", ("details_python", "python")),
    Field(
        "raw_system",
        ("system",),
        "details.system.name",
        "system",
        ("details_system_name", "system.name", "system_name"),
    ),
    Field("raw_ci", ("origin",), "details.ci", others=("details_ci", "ci")),
    Field("raw_cpu", ("cpu",), "details.cpu", others=("details_cpu", "cpu")),
    Field("raw_libc", ("libc",), "details.distro.libc.lib", others=("details_distro_libc_lib", "distro.libc.lib")),
    Field(
        "raw_libc_version",
        ("libc",),
        "details.distro.libc.version",
        others=("details_distro_libc_version", "distro.libc.version"),
    ),
    Field("raw_distro", ("distro",), "details.distro.name", others=("details_distro_name", "distro.name")),
    Field(
        "raw_distro_version", ("distro",), "details.distro.version", others=("details_distro_version", "distro.version")
    ),
    Field(
        "raw_implementation",
        ("implementation",),
        "details.implementation.name",
        others=("details_implementation_name", "implementation.name"),
    ),
    Field(
        "raw_installer_version",
        ("installer_version",),
        "details.installer.version",
        others=("details_installer_version", "installer.version"),
    ),
    Field("raw_filename", ("platform", "abi"), "file.filename", others=("file_filename",)),
)
OPTIONAL = tuple(field for field in FIELDS if not field.clickhouse)
TIMES = ("timestamp", "date")
WEIGHTS = ("downloads", "count", "num_downloads", "download_count")

# Which columns only ClickHouse's tables have at the top.
CLICKHOUSE_ONLY = ("installer", "installer.name", "python", "python_minor", "system", "system.name")

OBJECTS = ("installer", "system", "distro", "implementation")
"""ClickPy's records at the top of a row of JSON."""

JSON_KEYS = (*TIMES, "project", *WEIGHTS)
"""Keys that decide how a file of JSON is read; every row has them, if any has."""
JSON_PARTS = {
    field.bigquery: re.compile(
        "|".join(
            # By itself, or in the record that it is a part of; BigQuery's records hold one another once at most.
            [
                rf'"{record}"\s*:\s*{{(?:[^{{}}]|{{[^{{}}]*}})*"{key}"\s*:' if deep else rf'"{key}"\s*:',
                *(rf'"{re.escape(name)}"\s*:' for name in field.names),
            ]
        ).encode()
    )
    for field in OPTIONAL
    for deep, record, key in [(field.bigquery.count(".") > 1, *field.bigquery.split(".")[-2:])]
}
"""By BigQuery's name, what a text of JSON has that has a value of an optional column."""
DOTTED = "details."
"""Stands among these keys for the names of parts of records at the top, as in `"details.python": …`. Before 26.1,
ClickHouse refuses to read both those and records."""
RECORDS = ("file.", "details.")

# Only forms that can be read in one way: the year comes first, or it is a number of seconds (or of a part of one).
TIMESTAMP_TEXT = (
    "toDate32(parseDateTime64BestEffortOrNull(if((substring({0}, 5, 1) = '-' AND substring({0}, 8, 1) = '-')"
    " OR match({0}, '^[0-9]{{8,16}}([.][0-9]+)?$'), {0}, NULL), 6, 'UTC'))"
)
# ClickHouse reads 30 February as 2 March.
DATE_TEXT = "if(toString(toDate32OrNull({0})) = {0}, toDate32OrNull({0}), NULL)"

ONE = "toUInt64(1)"

ACCEPTED_TIMES = {
    "timestamp": "2026-11-20 10:00:00 UTC, 2026-11-20T10:00:00Z and 2026-11-20T10:00:00+01:00",
    "date": "2026-11-20",
}


def shape_of(name: str, format_: str, columns: Mapping[str, str], parts: Sequence[str]) -> Shape:
    """How to read a file with columns of these types; `parts` are the dotted names of what is in records, in its order.

    Raises InputError for a file that has a column missing.
    """
    names = {*columns, *parts}
    time = _time(name, names)
    found = {field: column for field in FIELDS if (column := next((n for n in field.names if n in names), ""))}
    missing = [field for field in FIELDS if field not in found and field not in OPTIONAL]
    _require(name, [field.bigquery if time == "timestamp" else field.clickhouse for field in missing])
    kind = _time_kind(name, time, columns[time])
    weight = next((n for n in WEIGHTS if n in columns), "")
    kinds = {time: kind, **{column: field.kind for field, column in found.items()}}
    if weight:
        kinds[weight] = columns[weight]
    # In the file's order: ClickHouse 24.8 assigns the fields of a record in a record by position.
    records = {n: kinds.pop(n) for n in parts if n in kinds and n not in columns}
    if format_ == "Avro":
        # Its reader takes records whole, and as they are.
        kinds |= {root: columns[root] for n in records if (root := n.partition(".")[0])}
        records = {}
    is_clickhouse = time == "date" and not any(n.startswith("details") for n in found.values())
    values = {
        field: _text(field, _column(n, is_top=n in columns), "1" if is_clickhouse or n in CLICKHOUSE_ONLY else "0")
        for field, n in found.items()
    }
    number = _number(f"`{weight}`", weight) if weight else ONE
    return _shape(time, kinds, records, _day(time, kind), values, number, _lacking(found))


def json_shape(name: str, keys: Collection[str]) -> Shape:
    """How to read JSON whose first rows have these of JSON_KEYS and of JSON_PARTS.

    All other keys may be absent from any row. A column of which the first rows have no value is one that is missing.
    """
    time = _time(name, keys)
    _require(name, [] if "project" in keys else ["project"])
    kinds = dict.fromkeys((*TIMES, *WEIGHTS, *OBJECTS), ANY_TEXT)
    kinds |= {n: field.kind for field in FIELDS for n in field.names}
    records = {} if DOTTED in keys else {n: kinds.pop(n) for n in list(kinds) if n.startswith(RECORDS)}
    weights = f"coalesce({', '.join(f'`{n}`' for n in WEIGHTS)})"
    weight = next((n for n in WEIGHTS if n in keys), "")
    day = f"if(isNull(timestamp), {_day('date', ANY_TEXT)}, {_day('timestamp', ANY_TEXT)})"
    top = ", ".join(f"`{n}`" for n in CLICKHOUSE_ONLY)
    values = {
        field: _text(
            field,
            f"coalesce({', '.join(_json_columns(field, records))})",
            f"isNull(timestamp) OR isNotNull(coalesce({top}))",
        )
        for field in FIELDS
    }
    number = _number(weights, weight) if weight else _no_number(weights)
    lacking = _lacking([field for field in FIELDS if field not in OPTIONAL or field.bigquery in keys])
    return _shape(time, kinds, records, day, values, number, lacking)


def _lacking(found: Collection[Field]) -> tuple[str, ...]:
    """The columns that are not among those that were found."""
    return tuple(field.bigquery for field in OPTIONAL if field not in found)


def missing_columns(files: Sequence[tuple[File, Shape]]) -> dict[str, str]:
    """The optional columns that an input lacks, and a file without each.

    Files of JSON are looked at as one: where NULL is not written, a small one may have no value of a column.
    """
    missing = {column: file.name for file, shape in files if file.format != JSON for column in shape.lacking}
    of_json = [(file, shape) for file, shape in files if file.format == JSON]
    for file, shape in of_json[:1]:
        common = set(shape.lacking).intersection(*(other.lacking for _, other in of_json))
        missing |= {column: file.name for column in shape.lacking if column in common}
    return missing


def counted_dimensions(missing: Collection[str]) -> list[str]:
    """The optional dimensions that can be counted although some columns are missing."""
    without = {dimension for field in OPTIONAL if field.bigquery in missing for dimension in field.dimensions}
    return [dimension for dimension in COUNTED_WHERE_KNOWN if dimension not in without]


def _shape(
    time: str,
    columns: dict[str, str],
    records: dict[str, str],
    day: str,
    values: dict[Field, str],
    number: str,
    lacking: tuple[str, ...],
) -> Shape:
    """The structure of columns and records that is sent to ClickHouse, and the expressions of the raw events."""
    structure = [f"`{name}` {kind}" for name, kind in columns.items()] + _tuples(records)
    nothing = f"CAST(NULL, '{TEXT}')"
    select = [f"{day} AS day", *(f"{values.get(field, nothing)} AS {field.raw}" for field in FIELDS)]
    sql = ",\n    ".join([*select, f"{number} AS downloads"])
    return Shape(time, ", ".join(structure), sql, number != ONE, lacking)


def _tuples(columns: dict[str, str]) -> list[str]:
    """Declarations of the records that these dotted names are parts of."""
    tree: dict[str, dict[str, str]] = {}
    for name, kind in columns.items():
        root, _, rest = name.partition(".")
        tree.setdefault(root, {})[rest] = kind
    return [f"{root} {p['']}" if "" in p else f"{root} Tuple({', '.join(_tuples(p))})" for root, p in tree.items()]


def _column(name: str, *, is_top: bool) -> str:
    if is_top:
        return f"`{name}`"
    root, *path = name.split(".")
    for part in path:
        root = f"tupleElement({root}, '{part}')"
    return root


def _json_columns(field: Field, records: Collection[str]) -> Iterator[str]:
    """Each place in which JSON may have a value."""
    for name in field.names:
        if name in records:
            yield _column(name, is_top=False)
            continue
        column = _column(name, is_top=True)
        root, *path = name.split(".")
        if root in OBJECTS:
            # ClickPy's records have the names of ClickHouse's columns. An object is read as its text.
            keys = ", ".join(f"'{key}'" for key in path or ["name"])
            part = f"JSONExtract(ifNull(`{root}`, ''), {keys}, '{ANY_TEXT}')"
            yield f"if(startsWith(`{root}`, '{{'), {part}, {column})"
        else:
            yield column


def _text(field: Field, value: str, is_clickhouse: str) -> str:
    """A text, or NULL; `is_clickhouse` is where the empty string stands for NULL."""
    if field.kind != TEXT or is_clickhouse == "0":
        return value
    nothing = f"nullIf({value}, '')"
    return nothing if is_clickhouse == "1" else f"if({is_clickhouse}, {nothing}, {value})"


def _number(value: str, name: str) -> str:
    """How many downloads a row stands for. ClickHouse stops at a row that does not say it."""
    number = f"toUInt64OrNull(replaceRegexpOne(toString({value}), '[.]0+$', ''))"
    message = f"column {name} is empty, negative or not a whole number"
    return f"if(throwIf(isNull({number}), '{message}') = 0, assumeNotNull({number}), 0)"


def _no_number(value: str) -> str:
    """One download a row, unless a row that is not among the first has a number."""
    message = f"a column {' or '.join(WEIGHTS)} is in some rows, and not in the first"
    return f"if(throwIf(isNotNull({value}), '{message}') = 0, {ONE}, 0)"


def _day(time: str, kind: str) -> str:
    if kind != ANY_TEXT:
        return f"toDate32({time})"
    return (TIMESTAMP_TEXT if time == "timestamp" else DATE_TEXT).format(time)


def _time(name: str, names: Collection[str]) -> str:
    for time in TIMES:
        if time in names:
            return time
    raise InputError(
        f"{name}: there is neither a column timestamp, as in BigQuery's file_downloads, "
        "nor a column date, as in ClickHouse's pypi.pypi"
    )


def _time_kind(name: str, time: str, kind: str) -> str:
    if "String" in kind:
        return ANY_TEXT
    if time == "date":
        return "Nullable(Date32)"
    if "DateTime" not in kind:
        raise InputError(f"{name}: column timestamp is {kind}; accepted are timestamps and text")
    return "Nullable(DateTime64(6, 'UTC'))"


def _require(name: str, missing: Sequence[str]) -> None:
    if missing:
        are = "column {} is" if len(missing) == 1 else "columns {} are"
        raise InputError(f"{name}: {are.format(', '.join(missing))} missing")
