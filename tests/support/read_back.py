"""What an engine makes of configuration files: python -m tests.support.read_back CONFIG STATEMENT…

Prints the rows of each statement as a line of JSON. In a process of its own, for an engine is configured once.
"""

import json
import os
import sys

import chdb


def main() -> None:
    """The command."""
    config, *statements = sys.argv[1:]
    connection = chdb.connect(f":memory:?config-file={config}")
    for statement in statements:
        rows = connection.query(statement, "JSONCompactEachRow").bytes().decode().splitlines()
        print(json.dumps([json.loads(row) for row in rows]), flush=True)
    # With replicated tables and no Keeper, the engine does not end cleanly.
    os._exit(0)


if __name__ == "__main__":
    main()
