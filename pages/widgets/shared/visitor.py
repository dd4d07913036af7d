"""The visitor's identity: a random token in a cookie, which makes a browser the owner of its runs.

The cookie is sent again after a reload, in a second tab, and after a restart of the server.
Streamlit reads cookies but sets none: the middleware `VisitorCookie` does.
"""

import re
import secrets
from typing import Final

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_COOKIE: Final = "digitscope_visitor"
_KEY: Final = "visitor_token"
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{20,64}")
_YEAR_S: Final = 365 * 24 * 3600


class VisitorCookie:
    """Starlette middleware: the response to a request for a page sets the visitor's cookie.

    A token that the browser already has stays valid, and its year begins again. The cookie is set
    with the HTML, long before the page's scripts open the web socket, which then carries it. Two
    tabs that are opened at the same moment both carry the cookie that the browser stored last.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; where it opens a page, add the cookie to the answer's headers."""
        connection = HTTPConnection(scope) if scope["type"] == "http" else None
        # Other answers may lie in a cache that several visitors share.
        if connection is None or "text/html" not in connection.headers.get("accept", ""):
            await self._app(scope, receive, send)
            return
        token = valid_token(connection.cookies.get(_COOKIE)) or _new_token()
        cookie = f"{_COOKIE}={token}; Path=/; Max-Age={_YEAR_S}; HttpOnly; SameSite=Lax"
        if _is_https(connection):
            cookie += "; Secure"

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("Set-Cookie", cookie)
                headers["Cache-Control"] = "private, no-cache"
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def visitor() -> str:
    """Return this browser's secret token: 20 to 64 characters of A-Z, a-z, 0-9, _ and -.

    Where cookies are blocked, or the server sets none, the session gets its own token. Its holder
    may stop and delete this visitor's trainings, so it must not appear in a link, page or log.
    """
    state = st.session_state
    if _KEY not in state:
        state[_KEY] = valid_token(st.context.cookies.get(_COOKIE)) or _new_token()
    token: str = state[_KEY]
    return token


def valid_token(token: object) -> str | None:
    """Return the token if it has the form of one, otherwise None: a cookie can hold anything."""
    return token if isinstance(token, str) and _FORM.fullmatch(token) else None


def _new_token() -> str:
    """Make a token that nobody can guess: 32 characters from 24 random bytes."""
    return secrets.token_urlsafe(24)


def _is_https(connection: HTTPConnection) -> bool:
    """Return whether the browser uses HTTPS, to this server or to the proxy in front of it."""
    forwarded = connection.headers.get("x-forwarded-proto", "")
    return "https" in (connection.url.scheme, forwarded.split(",")[0].strip().lower())
