"""A name for each request, which its answer and its log lines carry: the client's own, or one that is made here."""

import os
import re
from collections.abc import Callable
from itertools import count

MOST_CHARACTERS = 128

accepted = re.compile(rb"[A-Za-z0-9._=:+/-]{1,%d}" % MOST_CHARACTERS).fullmatch
"""Whether a client's own name is passed on: nothing that could end a line of a log or a header, or pass for markup."""


def maker() -> Callable[[], bytes]:
    """Makes names that no other process makes: something random, then a number. They are no secret."""
    prefix, numbers = os.urandom(6).hex().encode(), count(1)
    return lambda: b"%b-%x" % (prefix, next(numbers))
