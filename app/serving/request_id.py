"""A name for each request, which its answer and its log lines carry: the client's own, or one that is made here."""

import re
from random import getrandbits

MOST_CHARACTERS = 128

accepted = re.compile(rb"[A-Za-z0-9._=:+/-]{1,%d}" % MOST_CHARACTERS).fullmatch
"""Whether a client's own name is passed on: nothing that could end a line of a log or a header, or pass for markup."""


def new_id() -> bytes:
    """A name that no other request has. It is no secret, and does not say how many there were before."""
    return b"%016x" % getrandbits(64)
