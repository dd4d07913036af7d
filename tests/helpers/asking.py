"""Asking an application or the server's own addresses without a server."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp


def get(routes: Sequence[BaseRoute], address: str) -> tuple[int, str, bytes]:
    """The answer to a GET of an address relative to the server's: status, content type, body."""
    status, headers, body = ask(Router(routes), f"/{address}")
    return status, headers["content-type"], body


def ask(
    application: ASGIApp, address: str = "/", scheme: str = "http", **headers: str
) -> tuple[int, Headers, bytes]:
    """The answer to a GET of an address: status, headers, body.

    `headers`: what the request says, `_` in place of `-`.
    """
    parts = urlsplit(address)
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": scheme,
        "path": parts.path,
        "query_string": parts.query.encode(),
        "server": ("localhost", 80),
        "headers": [
            (name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()
        ],
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    # In a thread of its own: beside browser tests, this one has an event loop running.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, application(scope, receive, send)).result()
    return sent[0]["status"], Headers(scope=dict(sent[0])), sent[1]["body"]
