"""How much of the suite runs: `make test` runs each test on the embedded engine, and random tests at a small size.

`make test-all` then sets TEST_ALL=1, which runs what that leaves out: the other kinds of ClickHouse, and the tests that
are marked `large` at their large sizes.
"""

import os
from typing import TypeVar

ALL = os.environ.get("TEST_ALL") == "1"

Value = TypeVar("Value")


def sized(small: Value, large: Value) -> Value:
    """The size of a test that is marked `large`; or which parameters of a test run on the embedded engine, and which
    on the other kinds."""
    return large if ALL else small
