"""Who is looking, without a browser: what counts as a token, its cookie, one token a session."""

from collections.abc import Callable
from http.cookies import Morsel, SimpleCookie

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from pages.widgets.shared.visitor import VisitorCookie, valid_token
from tests.helpers.asking import ask

GOOD = "Abc_-123456789012345"  # 20 characters


@pytest.mark.parametrize("token", [GOOD, "a" * 64, "-" * 20])
def test_a_token_of_ours_is_taken(token: str) -> None:
    assert valid_token(token) == token


@pytest.mark.parametrize(
    "token",
    [None, "", GOOD[:19], "a" * 65, GOOD + " ", GOOD + "\n", GOOD + "/..", "é" * 20, "٣" * 20, 5],
)
def test_anything_else_is_not(token: object) -> None:
    assert valid_token(token) is None


def page() -> None:
    import streamlit as st

    from pages.widgets.shared.visitor import visitor

    st.text(visitor())
    st.text(visitor())
    st.button("Again")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The tokens on that page, in two runs of it, for a browser with these cookies."""

    def show(**cookies: str) -> list[str]:
        monkeypatch.setattr(ContextProxy, "cookies", cookies)
        app = AppTest.from_function(page).run()
        first = [text.value for text in app.text]
        app.button[0].click().run()
        assert not app.exception
        return first + [text.value for text in app.text]

    return show


def test_a_session_has_one_token_that_nobody_can_guess(shown: Callable[..., list[str]]) -> None:
    tokens = shown()
    assert len(tokens) == 4
    assert len(set(tokens)) == 1
    assert len(tokens[0]) == 32  # 24 random bytes
    assert valid_token(tokens[0])


def test_another_visitor_has_another_token(shown: Callable[..., list[str]]) -> None:
    assert shown()[0] != shown()[0]


def test_the_token_that_the_browser_kept_is_known_again(shown: Callable[..., list[str]]) -> None:
    assert set(shown(digitscope_visitor=GOOD, other="x")) == {GOOD}


@pytest.mark.parametrize("nonsense", ["", "x", "<script>alert(1)</script>", "a" * 5000])
def test_nonsense_in_the_cookie_is_no_token(nonsense: str, shown: Callable[..., list[str]]) -> None:
    token = shown(digitscope_visitor=nonsense)[0]
    assert token != nonsense
    assert valid_token(token)


# --- the cookie -----------------------------------------------------------------------------------


async def cacheable(request: Request) -> Response:
    return Response("<html></html>", headers={"Cache-Control": "public"})


def answer_to(scheme: str = "http", **headers: str) -> Headers:
    """The headers of a server's answer to a request with these."""
    server = Starlette(routes=[Route("/", cacheable)], middleware=[Middleware(VisitorCookie)])
    return ask(server, scheme=scheme, **headers)[1]


def cookie_of(scheme: str = "http", **headers: str) -> Morsel[str]:
    """The visitor's cookie as the answer to whoever opens a page sets it."""
    answer = answer_to(scheme, accept=PAGE, **headers)
    # No cache that several visitors share may keep it.
    assert answer["cache-control"] == "private, no-cache"
    return SimpleCookie(answer["set-cookie"])["digitscope_visitor"]


PAGE = "text/html,application/xhtml+xml,*/*;q=0.8"  # what a browser that opens a page accepts


def test_whoever_opens_a_page_gets_a_token_that_no_script_can_read() -> None:
    cookie = cookie_of()
    assert valid_token(cookie.value)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["max-age"] == str(365 * 86_400)
    assert not cookie["secure"]
    assert cookie_of().value != cookie.value


def test_a_kept_token_stays_and_nonsense_is_replaced() -> None:
    assert cookie_of(cookie=f"a=b; digitscope_visitor={GOOD}").value == GOOD
    assert valid_token(cookie_of(cookie="digitscope_visitor=x").value)


def test_over_https_the_cookie_is_secure() -> None:
    assert cookie_of("https")["secure"]


@pytest.mark.parametrize("proto", ["https", "https, http", "HTTPS"])
def test_behind_a_proxy_that_speaks_https_too(proto: str) -> None:
    assert cookie_of(x_forwarded_proto=proto)["secure"]


@pytest.mark.parametrize("accept", ["*/*", "image/avif,image/*", "application/json"])
def test_what_is_no_page_sets_no_cookie_and_may_be_cached(accept: str) -> None:
    answer = answer_to(accept=accept)
    assert "set-cookie" not in answer
    assert answer["cache-control"] == "public"
