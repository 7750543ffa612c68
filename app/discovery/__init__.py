"""Metadata of packages from PyPI and GitHub, and a searchable index of an ecosystem's packages."""
