"""Request ids: each response and its log lines carry the client's own `X-Request-ID`, or one that is made here."""

import re
from random import getrandbits

MAX_LENGTH = 128

accepted = re.compile(rb"[A-Za-z0-9._=:+/-]{1,%d}" % MAX_LENGTH).fullmatch
"""Whether a client's request id is passed on: no character of it can end a line of a log or a header, or be markup."""


def new_id() -> bytes:
    """A random request id, 16 hexadecimal digits. It is no secret, and does not tell the number of requests."""
    return b"%016x" % getrandbits(64)
