"""Queries of readers: what is published, and the downloads of packages."""
