"""The header of an Avro file: the magic number, a map of metadata with the schema, and the mark between blocks.

The form is that of the Avro specification, "Object Container Files".
"""

from typing import BinaryIO

MAGIC = b"Obj\x01"
MARK_BYTES = 16
LONGEST = 1 << 24


class Recorder:
    """Reads from a file, and keeps what was read."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self.text = b""

    def read(self, length: int) -> bytes:
        """Exactly so many bytes. Raises ValueError where there are fewer."""
        if not 0 <= length <= LONGEST or len(text := self._content.read(length)) < length:
            raise ValueError("its header is not whole")
        self.text += text
        return text

    def integer(self) -> int:
        """A number of variable length; every other one is negative."""
        value = shift = 0
        while True:
            (byte,) = self.read(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004
                return value >> 1 ^ -(value & 1)


def header(content: BinaryIO) -> bytes:
    """A file's header: a file of the same columns without rows. It is empty where the file is.

    Raises ValueError for what is no Avro.
    """
    if not (magic := content.read(len(MAGIC))):
        return b""
    if magic != MAGIC:
        raise ValueError("it is something else")
    recorder = Recorder(content)
    while entries := recorder.integer():
        if entries < 0:
            recorder.integer()  # the size of these entries in bytes
        for _ in range(2 * abs(entries)):
            recorder.read(recorder.integer())
    recorder.read(MARK_BYTES)
    # Any mark will do, and the same one makes equal heads of equal schemas.
    return MAGIC + recorder.text[:-MARK_BYTES] + bytes(MARK_BYTES)
