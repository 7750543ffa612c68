"""Errors of requests to GitHub and PyPI. Messages are safe to log and show: they hold no token, URL or body.

DiscoveryError
├── SourceUnavailableError        one request failed: no connection, timeout, connection lost, 5xx
│   ├── UnexpectedStatusError     a status that the API does not document
│   ├── RedirectError             a redirect to another host, or too many redirects
│   ├── ResponseTooLargeError     a body beyond the client's limit
│   └── MalformedResponseError    a body that does not match the API's documentation
├── RateLimitedError              no requests are allowed until `reset_at`
└── BadTokenError                 GITHUB_TOKEN is refused
"""

from datetime import datetime


class DiscoveryError(Exception):
    """A source could not be asked."""


class SourceUnavailableError(DiscoveryError):
    """One request failed; others may succeed."""


class UnexpectedStatusError(SourceUnavailableError):
    """A source answered with a status that its API does not document."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RedirectError(SourceUnavailableError):
    """A source redirects to another host, or too often."""


class ResponseTooLargeError(SourceUnavailableError):
    """A body is larger than the client's limit."""


class MalformedResponseError(SourceUnavailableError):
    """A body does not match the API's documentation."""


class RateLimitedError(DiscoveryError):
    """A source allows no requests until `reset_at` (UTC)."""

    def __init__(self, message: str, reset_at: datetime) -> None:
        super().__init__(message)
        self.reset_at = reset_at


class BadTokenError(DiscoveryError):
    """GitHub does not accept the token."""
