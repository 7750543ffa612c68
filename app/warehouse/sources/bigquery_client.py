"""The border to BigQuery's client: its pages are lists of rows, and its errors are SourceError."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from google.api_core.exceptions import ClientError, GoogleAPICallError, RetryError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.cloud import bigquery

from app.settings import Settings
from app.warehouse.sources.errors import SourceError

BATCH_ROWS = 100_000
"""At most: BigQuery ends a page at about 10 MB, which may be fewer rows."""
REQUEST_SECONDS = 60
"""How long BigQuery may take to accept a query."""
QUERY_SECONDS = 1800
"""How long a query may take. One of a day of all of PyPI takes minutes."""

LOGIN = "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS"
UNREACHABLE = "it does not answer; try again later"
REASONS = {
    "accessDenied": "access is denied; the account needs the roles BigQuery Job User on BIGQUERY_PROJECT and BigQuery "
    "Data Viewer on BIGQUERY_TABLE",
    "billingNotEnabled": "BIGQUERY_PROJECT has no billing account; add one",
    "bytesBilledLimitExceeded": "a query could be billed more than BIGQUERY_MAX_BYTES; raise it",
    "invalidQuery": "it refuses the query; BIGQUERY_TABLE needs the columns of PyPI's file_downloads",
    "notFound": "there is no such project, dataset or table; see BIGQUERY_PROJECT and BIGQUERY_TABLE",
    "quotaExceeded": "the quota of BIGQUERY_PROJECT is used up; raise it, or try again tomorrow",
    "rateLimitExceeded": "BIGQUERY_PROJECT sends too many requests; try again later",
    "resourcesExceeded": "the query needs more than BigQuery gives one; ask for fewer packages",
}
"""What is wrong, and what to do, by the reason that BigQuery gives."""

TYPES = {bool: "BOOL", datetime: "TIMESTAMP", str: "STRING"}

Parameters = dict[str, bool | str | datetime | list[str]]


class Client:
    """A connection. `bytes_billed` is what its queries were billed."""

    def __init__(self, client: bigquery.Client, max_bytes: int, patience: float) -> None:
        self._client = client
        self._max_bytes = max_bytes
        self._retry = bigquery.DEFAULT_RETRY.with_timeout(patience)
        self.bytes_billed = 0

    def pages(self, sql: str, parameters: Parameters) -> Iterator[list[Any]]:
        """The rows of a query, in lists of up to 100,000."""
        job = self._start(sql, parameters, maximum_bytes_billed=self._max_bytes)
        rows = job.result(BATCH_ROWS, retry=self._retry, timeout=QUERY_SECONDS)
        self.bytes_billed += job.total_bytes_billed or 0
        yield from filter(None, map(list, rows.pages))

    def estimate(self, sql: str, parameters: Parameters) -> int:
        """The bytes that a query can be billed at most. It does not run."""
        job = self._start(sql, parameters, dry_run=True, use_query_cache=False)
        return int(job.total_bytes_processed)

    def _start(self, sql: str, parameters: Parameters, **options: Any) -> bigquery.QueryJob:
        config = bigquery.QueryJobConfig(query_parameters=[_parameter(*item) for item in parameters.items()], **options)
        # Failed jobs are not started again: the client's job_retry would repeat refused requests too, for ten minutes.
        return self._client.query(sql, config, retry=self._retry, job_retry=None, timeout=REQUEST_SECONDS)


def _parameter(name: str, value: Any) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if isinstance(value, list):
        return bigquery.ArrayQueryParameter(name, "STRING", value)
    return bigquery.ScalarQueryParameter(name, TYPES[type(value)], value)


@contextmanager
def connected(settings: Settings, patience: float) -> Iterator[Client]:
    """A connection to `BIGQUERY_API_ENDPOINT` for `BIGQUERY_PROJECT`. Raises SourceError, within it too."""
    if not settings.bigquery_project:
        raise SourceError("BigQuery: BIGQUERY_PROJECT is not set; it is the project that queries are billed to")
    endpoint = settings.bigquery_api_endpoint
    credentials = AnonymousCredentials() if endpoint.startswith("http://") else None
    options = {"api_endpoint": endpoint} if endpoint else None
    try:
        with bigquery.Client(settings.bigquery_project, credentials, client_options=options) as client:
            yield Client(client, settings.bigquery_max_bytes, patience)
    except (GoogleAPICallError, RetryError, GoogleAuthError, OSError) as error:
        raise SourceError(f"BigQuery: {_advice(error)}") from error


def _advice(error: Exception) -> str:
    """What is wrong, and what to do. Nothing of the error's own text is shown but the reason, which is one word."""
    if isinstance(error, RetryError) and isinstance(error.cause, Exception):
        return _advice(error.cause)
    if isinstance(error, DefaultCredentialsError):
        return f"there are no credentials; {LOGIN}"
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return f"the credentials are refused; {LOGIN}"
    reason = next((one.get("reason") for one in getattr(error, "errors", ())), None)
    if reason in REASONS:
        return REASONS[reason]
    return f"it refuses a request: {type(error).__name__}" if isinstance(error, ClientError) else UNREACHABLE
