"""The examples in openapi.yaml, and the downloads that make them true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.support.contract import CONTRACT
from tests.support.events import event

MONDAY, TUESDAY = "2026-03-09 23:59:59 UTC", "2026-03-10 00:00:00 UTC"

SDIST: dict[str, Any] = {
    "file_type": "sdist",
    "filename": "numpy-1.16.6.zip",
    "installer_version": "20.3.4",
    "implementation": "PyPy",
    "libc": (None, None),
    "distro": (None, None),
}
MAC: dict[str, Any] = {
    "filename": "numpy-2.1.0-cp313-cp313t-macosx_11_0_arm64.whl",
    "installer_version": "0.9.5",
    "cpu": "arm64",
    "libc": (None, None),
    "distro": ("macOS", "15.1"),
}
EXAMPLE_EVENTS = [
    event(MONDAY, python="3.9.18"),
    event(TUESDAY, version="2.1.0", country="de", ci=True, filename="numpy-2.1.0-cp313-cp313-win_amd64.whl"),
    event(TUESDAY, version="2.1.0", country="DE", installer="uv", python="3.13.0rc1", system="Darwin", **MAC),
    event(TUESDAY, version="1.16.6", country="FR", python="2.7.18", system="FreeBSD", **SDIST),
    event(TUESDAY, version="2.1.0", country=None, python=None, system=None),
    # A mirror, and a client that does not say what it is: both count with mirrors alone.
    event(TUESDAY, version="2.1.0", installer="bandersnatch", python=None, system=None),
    event(TUESDAY, version="2.1.0", installer=None, python="2.7", system=None),
    event(TUESDAY, "numpy-financial", version="1.0.0"),
]


class Example(msgspec.Struct, frozen=True):
    """A request and its answer, as the contract has them. `body` is None where `file` holds it, and of a picture that
    is only said to have a `size`, width and height in pixels."""

    name: str
    operation: str
    request: str
    status: str
    media_type: str
    body: Any
    file: Path | None
    size: tuple[int, int] | None


def examples(contract: dict[str, Any]) -> Iterator[Example]:
    """Every example of an answer: of each operation, and of the answers that operations share."""
    for methods in contract["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if "$ref" not in answer:
                    yield from _of_answer(operation["operationId"], status, answer, contract)
    for name, answer in contract["components"]["responses"].items():
        yield from _of_answer(name, "", answer, contract)


def _of_answer(operation: str, status: str, answer: dict[str, Any], contract: dict[str, Any]) -> Iterator[Example]:
    for media_type, content in answer.get("content", {}).items():
        for name, example in content.get("examples", {}).items():
            yield Example(
                name=f"{operation}-{name}",
                operation=operation,
                request=example["summary"],
                status=status or str(example["value"]["status"]),
                media_type=media_type,
                body=example.get("value"),
                file=CONTRACT.parent / example["x-file"] if "x-file" in example else None,
                size=tuple(example["x-size"]) if "x-size" in example else None,
            )


def without_example(contract: dict[str, Any]) -> list[str]:
    """The operations that show no example of their success: of a media type, or of where a redirect leads."""
    lacking = []
    for path, methods in contract["paths"].items():
        for operation in methods.values():
            for status in operation["responses"].keys() & {"200", "308"}:
                answer = operation["responses"][status]
                shown = {name: content.get("examples") for name, content in answer.get("content", {}).items()}
                if not shown:
                    shown = {"Location": answer["headers"]["Location"].get("example")}
                lacking += [f"{path} {status} {name}" for name, example in shown.items() if not example]
    return lacking
