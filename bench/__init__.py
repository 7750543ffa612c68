"""What makes the README's figures: `make bench`, or `python -m bench --help`."""
