"""The clock and the times by which cached responses are kept up to date."""

import time
from collections.abc import Callable

import msgspec


class CacheTiming(msgspec.Struct, frozen=True):
    """Times in seconds of a monotonic clock. Polls read what is published, in the background.

    `poll_first`: the start of the server waits so long for the first poll. `poll_interval`: between two polls.
    `poll_retry`: between two polls while they fail. `poll_late`: a poll that takes longer counts as failed, and
    goes on: a distant ClickHouse may be slow and well. `poll_again`: while ClickHouse is away, another poll starts
    beside one that takes longer. `poll_timeout`: a poll ends.

    `look`: health checks ask ClickHouse once in so long, together.

    `refresh`: how long responses of the previous day are sent after a new day, while they are computed again, by
    `refresh_tasks` tasks (as many as one query answers), each of which pauses for `refresh_pause` after each response.
    """

    clock: Callable[[], float] = time.monotonic
    poll_first: float = 5.0
    poll_interval: float = 3.0
    poll_retry: float = 0.5
    poll_late: float = 2.0
    poll_again: float = 1.0
    poll_timeout: float = 10.0
    look: float = 1.0
    refresh: float = 30.0
    refresh_tasks: int = 16
    refresh_pause: float = 0.0


DEFAULT_TIMING = CacheTiming()
