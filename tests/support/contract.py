"""openapi.yaml as the judge of every answer that a test gets."""

import httpx


def validate_answer(response: httpx.Response) -> None:
    """Fail where an answer is not one that openapi.yaml allows for its request."""
