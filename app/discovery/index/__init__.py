"""The index of packages: how it is built, searched, and stored on disk."""
