"""What PyPI and GitHub know: the clients of their APIs, and cached look-ups of one package."""
