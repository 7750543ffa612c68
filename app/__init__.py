"""pypistats-server: a self-hostable JSON API for PyPI download statistics."""

__version__ = "0.1.0"
