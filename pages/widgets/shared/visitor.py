"""Who is looking: a random token by which a browser is known again, so that its trainings are its.

The token is kept in a cookie, which comes back with a reload, in a second tab, and after a restart
of the server. Streamlit reads cookies but sets none: `VisitorCookie`, in front of it, does.
"""

import re
import secrets
from typing import Final

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "digitscope_visitor"
_KEY: Final = "visitor_token"
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{20,64}")
_YEAR_S: Final = 365 * 24 * 3600


class VisitorCookie:
    """Starlette middleware: the answer to whoever opens a page sets the visitor's cookie.

    A token that the browser keeps already stays, and its year begins anew. The cookie is set with
    the HTML, long before the page's scripts have come and opened the web socket, which then
    carries it; two tabs that were opened at the same moment both carry what the browser kept last.
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
        token = checked(connection.cookies.get(COOKIE)) or _new_token()
        cookie = f"{COOKIE}={token}; Path=/; Max-Age={_YEAR_S}; HttpOnly; SameSite=Lax"
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
    """This browser's secret token: 20 to 64 of A-Z a-z 0-9 _ and -.

    Where cookies are blocked, or the server sets none, the session has a token of its own. Whoever
    has it may stop and delete this visitor's trainings: it belongs in no link, page or log.
    """
    state = st.session_state
    if _KEY not in state:
        state[_KEY] = checked(st.context.cookies.get(COOKIE)) or _new_token()
    token: str = state[_KEY]
    return token


def checked(token: object) -> str | None:
    """The token if a browser may have got it from here, else None: cookies can hold anything."""
    return token if isinstance(token, str) and _FORM.fullmatch(token) else None


def _new_token() -> str:
    """A token that nobody can guess: 32 characters from 24 random bytes."""
    return secrets.token_urlsafe(24)


def _is_https(connection: HTTPConnection) -> bool:
    """Whether the browser speaks HTTPS: to this server, or to the proxy in front of it."""
    forwarded = connection.headers.get("x-forwarded-proto", "")
    return "https" in (connection.url.scheme, forwarded.split(",")[0].strip().lower())
