"""The schema of a Parquet file: its footer without what grows with the file.

A footer is a struct of Thrift's compact protocol, `FileMetaData` in parquet.thrift: version (field 1), schema (2),
number of rows (3), row groups (4), and what is optional. Writers put fields in that order.
"""

MAGIC = b"PAR1"
TAIL_BYTES = 8
"""The length of the footer, then the magic number."""

ROW_COUNT = 3
ROW_GROUPS = 4
NO_ROW_GROUPS = b"\x0c"
"""A list of structs without elements."""
STOP = b"\x00"

# Types of the compact protocol.
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
FIXED = {TRUE: 0, FALSE: 0, BYTE: 1, DOUBLE: 8}
INTEGERS = {I16, I32, I64}
LONG_LIST = 15


def footer_bytes(tail: bytes) -> int:
    """How long the footer is, its tail included, that ends with these bytes; 0 where they are not of a Parquet file."""
    if len(tail) < TAIL_BYTES or not tail.endswith(MAGIC):
        return 0
    return int.from_bytes(tail[-TAIL_BYTES : -len(MAGIC)], "little") + TAIL_BYTES


def schema_alone(footer: bytes) -> bytes:
    """A Parquet file that has the columns of this footer, and no rows. Raises ValueError for what is no footer."""
    metadata = memoryview(footer)[:-TAIL_BYTES]
    try:
        end = _start_of(metadata, ROW_GROUPS)
    except IndexError:
        raise ValueError("the footer is not whole") from None
    short = bytes(metadata[:end]) + NO_ROW_GROUPS + STOP
    return MAGIC + short + len(short).to_bytes(4, "little") + MAGIC


def _start_of(struct: memoryview, wanted: int) -> int:
    """Where the value of a struct's field begins."""
    at, field = 0, 0
    while struct[at]:
        field, kind, at = _field(struct, at, field)
        if field == wanted:
            return at
        at = _after(struct, at, kind)
    raise ValueError(f"there is no field {wanted}")


def _field(data: memoryview, at: int, before: int) -> tuple[int, int, int]:
    """The number and the type of a field, and where its value begins. `before` is the number of the field before it."""
    delta, kind = data[at] >> 4, data[at] & 0x0F
    if delta:
        return before + delta, kind, at + 1
    number, at = _varint(data, at + 1)
    return number >> 1 ^ -(number & 1), kind, at


def _after(data: memoryview, at: int, kind: int) -> int:
    """Where a value ends."""
    if kind in FIXED:
        return at + FIXED[kind]
    if kind in INTEGERS:
        return _varint(data, at)[1]
    if kind == BINARY:
        length, at = _varint(data, at)
        return at + length
    if kind in {LIST, SET}:
        size, kind, at = data[at] >> 4, data[at] & 0x0F, at + 1
        if size == LONG_LIST:
            size, at = _varint(data, at)
        for _ in range(size):
            # In a list a boolean is a byte.
            at = at + 1 if kind in {TRUE, FALSE} else _after(data, at, kind)
        return at
    if kind == STRUCT:
        field = 0
        while data[at]:
            field, kind, at = _field(data, at, field)
            at = _after(data, at, kind)
        return at + 1
    raise ValueError(f"there is no type {kind} in a schema")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """An integer of variable length, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def row_count(footer: bytes) -> int:
    """How many rows the file has. Raises ValueError for what is no footer."""
    metadata = memoryview(footer)[:-TAIL_BYTES]
    try:
        value, _ = _varint(metadata, _start_of(metadata, ROW_COUNT))
    except IndexError:
        raise ValueError("the footer is not whole") from None
    return value >> 1 ^ -(value & 1)
