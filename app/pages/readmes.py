"""READMEs on pages: which are rendered, in a process of their own, and for how long."""

from functools import partial

import msgspec

from app.discovery.sources.github import Document
from app.serving.logs import Format
from app.serving.worker_pool import Worker, WorkerPool, worker_command

MARKDOWN_SUFFIXES = (".md", ".markdown")

MAX_LENGTH = 200_000
"""Characters. Longer documents take too long to render."""

SECONDS = 5.0
"""Time for one README. Beyond it the process is ended; an ordinary one takes some hundredths of a second."""

MAX_WAITING = 50


def is_rendered(document: Document) -> bool:
    """Whether a document is rendered. Other documents are only linked."""
    return document.path.lower().endswith(MARKDOWN_SUFFIXES) and len(document.content) <= MAX_LENGTH


def readme_workers(form: Format = "text", level: str = "info") -> WorkerPool:
    """The process that renders READMEs; it logs in this form, from this level on."""
    command = worker_command("app.pages.readme_worker", form, level)
    return WorkerPool(partial(Worker.start, command), max_workers=1, max_waiting=MAX_WAITING, timeout_seconds=SECONDS)


async def rendered(workers: WorkerPool, document: Document) -> str:
    """The document as sanitised HTML. Raises WorkerError."""
    return (await workers.run(msgspec.msgpack.encode((document.content, document.source)))).decode()
