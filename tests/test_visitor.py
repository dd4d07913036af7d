"""Who is looking, without a browser: what counts as a token, and one token a session."""

from collections.abc import Callable

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from pages.widgets.visitor import checked

GOOD = "Abc_-123456789012345"  # 20 characters


@pytest.mark.parametrize("token", [GOOD, "a" * 64, "-" * 20])
def test_a_token_of_ours_is_taken(token: str) -> None:
    assert checked(token) == token


@pytest.mark.parametrize(
    "token",
    [None, "", GOOD[:19], "a" * 65, GOOD + " ", GOOD + "\n", GOOD + "/..", "é" * 20, "٣" * 20, 5],
)
def test_anything_else_is_not(token: object) -> None:
    assert checked(token) is None


def page() -> None:
    import streamlit as st

    from pages.widgets.visitor import keep_visitor, visitor

    first = visitor()
    keep_visitor()
    st.text(first)
    st.text(visitor())
    st.button("Again")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The tokens on that page, before and after a second run, for a browser with these cookies."""

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
    assert checked(tokens[0])


def test_another_visitor_has_another_token(shown: Callable[..., list[str]]) -> None:
    assert shown()[0] != shown()[0]


def test_the_token_that_the_browser_kept_is_known_again(shown: Callable[..., list[str]]) -> None:
    assert set(shown(digitscope_visitor=GOOD, other="x")) == {GOOD}


@pytest.mark.parametrize("nonsense", ["", "x", "<script>alert(1)</script>", "a" * 5000])
def test_nonsense_in_the_cookie_is_no_token(nonsense: str, shown: Callable[..., list[str]]) -> None:
    token = shown(digitscope_visitor=nonsense)[0]
    assert token != nonsense
    assert checked(token)
