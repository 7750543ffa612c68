"""What GitHub or PyPI could not tell us. No message holds a token, a URL or a body, so each is safe to log and show.

DiscoveryError
├── SourceUnavailableError        an answer could not be had: no connection, too late, broken off, 5xx
│   ├── RefusedError              a status that is neither an answer nor a passing failure
│   ├── RedirectedAwayError       sent to another host, or round and round
│   ├── AnswerTooLargeError       a body larger than we take
│   └── MalformedAnswerError      a body that is not what its documentation says
├── QuotaSpentError               we are asked to wait until `reset_at`
└── BadTokenError                 GITHUB_TOKEN is not accepted
"""

from datetime import datetime


class DiscoveryError(Exception):
    """What a source could not tell us."""


class SourceUnavailableError(DiscoveryError):
    """One answer could not be had; others may be."""


class UnexpectedStatusError(SourceUnavailableError):
    """A source answered with a status that is neither an answer nor a passing failure."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RedirectError(SourceUnavailableError):
    """A source sends us where we do not go."""


class ResponseTooLargeError(SourceUnavailableError):
    """A body is larger than we take."""


class MalformedResponseError(SourceUnavailableError):
    """A body is not what the source's documentation says."""


class RateLimitedError(DiscoveryError):
    """A source asks us to wait. `reset_at` (UTC) is until when."""

    def __init__(self, message: str, reset_at: datetime) -> None:
        super().__init__(message)
        self.reset_at = reset_at


class BadTokenError(DiscoveryError):
    """GitHub does not accept the token."""
