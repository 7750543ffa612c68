"""The process that renders READMEs: `python -m app.pages.readme_worker FORMAT LEVEL`, see app/serving/worker.py."""

import resource
from contextlib import suppress

import msgspec

from app.pages.readme import readme_html
from app.serving.worker import Answer, main

MAX_MEMORY_BYTES = 512 << 20
"""A link's target counts once in a README, and in HTML as often as it is named: 200 KB became 1.6 GB."""

MAX_HTML_LENGTH = 1_000_000
"""Characters. Beyond it, as where memory ends, the answer is empty."""


def _rendering() -> Answer:
    with suppress(OSError, ValueError):
        # A system may not have this limit.
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    decoder = msgspec.msgpack.Decoder(tuple[str, str])

    def rendered(body: bytes) -> bytes:
        try:
            html = readme_html(*decoder.decode(body))
        except MemoryError:
            return b""
        return html.encode() if len(html) <= MAX_HTML_LENGTH else b""

    return rendered


if __name__ == "__main__":
    main("README", _rendering)
