"""The smallest ASGI app on uvicorn that sends an answer: its headers, its body. Cached answers are measured by it."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn


def main() -> None:
    """Serve what a file says on a port."""
    answer = json.loads(Path(sys.argv[1]).read_text())
    headers = [(name.encode(), value.encode()) for name, value in answer["headers"]]
    body = base64.b64decode(answer["body"])
    start = {"type": "http.response.start", "status": answer["status"], "headers": headers}
    end = {"type": "http.response.body", "body": body}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send(end)

    uvicorn.run(app, port=int(sys.argv[2]), lifespan="off", access_log=False, server_header=False, log_level="error")


if __name__ == "__main__":
    main()
