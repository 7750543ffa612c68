"""A load that has the writer lease, and the times that loads go by."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import msgspec


class LoadTiming(msgspec.Struct, frozen=True):
    """The clock of a load, and times in seconds.

    `now`: says which day is today, in UTC. `heartbeat`: between two heartbeats. `silent`: a writer without a heartbeat
    for so long is dead, or will be refused. `retry`: before what may be done twice is done again, after its
    connection broke.

    `poll`: between two looks whether a statement still runs. `unreachable`: how long it is tried to learn what became
    of a statement; after that, another writer may have the lease. `stop`: how long statements may take to end.
    `progress`: between two headers that ClickHouse sends while it runs a statement: load balancers end connections
    that are silent for 30 to 60 seconds, and nginx refuses an answer with more than some dozens of headers.
    """

    now: Callable[[], datetime] = partial(datetime.now, UTC)
    heartbeat: float = 10.0
    silent: float = 60.0
    retry: float = 2.0
    poll: float = 0.5
    unreachable: float = 60.0
    stop: float = 60.0
    progress: float = 20.0


DEFAULT_LOAD_TIMING = LoadTiming()


class Load(msgspec.Struct, frozen=True):
    """A load that has the lease. `cluster` is empty on a single server; `comment` is that of all its statements."""

    number: int
    source: str
    cluster: str
    comment: str
    timing: LoadTiming
