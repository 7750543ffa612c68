"""The command `pypistats-server`: its subcommands, what `check` looks at, and its output on a terminal."""
