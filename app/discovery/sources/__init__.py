"""The clients of GitHub and PyPI: HTTP, limits, errors."""
