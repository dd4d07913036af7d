"""Asking the server's own addresses without a server."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from starlette.routing import BaseRoute, Router


def get(routes: Sequence[BaseRoute], address: str) -> tuple[int, str, bytes]:
    """The answer to a GET of an address relative to the server's: status, content type, body."""
    parts = urlsplit(address)
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/{parts.path}",
        "query_string": parts.query.encode(),
        "headers": [],
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    # In a thread of its own: beside browser tests, this one has an event loop running.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, Router(routes)(scope, receive, send)).result()
    kind = dict(sent[0]["headers"])[b"content-type"].decode()
    return sent[0]["status"], kind, sent[1]["body"]
