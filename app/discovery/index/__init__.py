"""The index of packages: how it is built, searched, and kept on disk."""
