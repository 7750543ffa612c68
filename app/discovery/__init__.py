"""What a package is: GitHub and PyPI, asked over HTTP, and the index of what they said."""
