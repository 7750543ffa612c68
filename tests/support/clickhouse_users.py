"""Who may ask the ClickHouse servers of the tests. No engine here: what forks must not have loaded one."""

import msgspec

READ_ONLY, CHANGES_SETTINGS = "1", "2"


class User(msgspec.Struct, frozen=True):
    """Who may ask, and the settings that are put upon them."""

    password: str
    settings: dict[str, str] = {}


USERS = {
    "admin": User("secret-of-admin"),
    "ingest": User("secret-of-ingest"),
    # May change settings; its reads end early with a partial result where they are too large.
    "hasty": User("", {"readonly": CHANGES_SETTINGS, "max_rows_to_read": "1000", "read_overflow_mode": "break"}),
    "api": User("secret-of-api", {"readonly": CHANGES_SETTINGS}),
    "hurried": User("", {"max_execution_time": "5", "readonly": CHANGES_SETTINGS}),
    # The public data set's, as published. Its results are cut at the end of a block, wherever that is; `limit` cuts
    # them at the row, so that no test passes because a block happened to be long.
    "demo": User(
        "",
        {
            "max_execution_time": "60",
            "max_result_rows": "1000",
            "result_overflow_mode": "break",
            "limit": "1000",
            "readonly": READ_ONLY,
        },
    ),
}
