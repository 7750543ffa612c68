"""How long a response holds, as a value."""

from collections.abc import Callable
from math import inf

import msgspec

NO_STORE = "no-store"

SHORT_SECONDS = 5
"""How long HTTP caches may keep a response that is about to change."""


class Lifetime(msgspec.Struct, frozen=True):
    """How long a response holds: for `seconds`, while `is_valid()`, and, if it has downloads, until the next day.

    HTTP caches may keep it for `min_age` seconds at least; `cache_control`, if given, is the whole header. A response
    that is not `stored` is computed again for the next request. Shared caches keep none
    that `is_private`.
    """

    seconds: float = inf
    is_valid: Callable[[], bool] | None = None
    min_age: int = 0
    cache_control: str = ""
    stored: bool = True
    is_private: bool = False


UNTIL_NEXT_DAY = Lifetime()
"""For a response that depends on downloads alone."""

RANKED = Lifetime(3600)
"""For a response with a ranking that is fetched from a source, which may be renewed at any time."""

CHOSEN_BY_ACCEPT = Lifetime(is_private=True)
"""For a response whose URL has another one for most clients: caches that ignore `Vary` would give it to them."""

UNCACHEABLE = Lifetime(cache_control=NO_STORE)
"""For an error: the server keeps it until the next day, HTTP caches do not."""

TRANSIENT = Lifetime(SHORT_SECONDS, stored=False)
"""For a response that lacks something which may be there a moment later."""
