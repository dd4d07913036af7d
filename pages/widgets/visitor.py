"""Who is looking: a random token by which a browser is known again, so that its trainings are its.

The token is kept in a cookie, which comes back with a reload, in a second tab, and after a restart
of the server. Streamlit reads cookies but sets none, so a component sets it from the browser.
"""

import re
import secrets

import streamlit as st

COOKIE = "digitscope_visitor"
_MINE = "visitor_token"
_FORM = re.compile(r"[A-Za-z0-9_-]{20,64}")

# A token that the browser keeps already is never replaced. Two tabs that are opened at the same
# moment come without a cookie and get a token each, of which the browser keeps one: the tab whose
# token it is not says so, once more after a second, when the other has surely written its own.
# Where cookies are blocked, nothing can be read back, and the session goes on with its own token.
_KEEP = """
const NAME = "digitscope_visitor";
const YEAR = 365 * 24 * 3600;  // from the last visit, since each writes it anew

const kept = () =>
  document.cookie
    .split("; ")
    .map((pair) => pair.split("="))
    .find(([name, value]) => name === NAME && /^[A-Za-z0-9_-]{20,64}$/.test(value))?.[1];

export default function ({ data, setStateValue }) {
  const keep = () => {
    const token = kept() ?? data.token;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${NAME}=${token}; path=/; max-age=${YEAR}; SameSite=Lax${secure}`;
    const found = kept();
    if (found && found !== data.token) setStateValue("token", found);
  };
  keep();
  const again = setTimeout(keep, 1000);
  return () => clearTimeout(again);
}
"""
_component = st.components.v2.component(COOKIE, js=_KEEP)


def visitor() -> str:
    """This browser's secret token: 20 to 64 of A-Z a-z 0-9 _ and -.

    Whoever has it may stop and delete this visitor's trainings: it belongs in no link, page or log.
    """
    state = st.session_state
    if _MINE not in state:
        state[_MINE] = checked(st.context.cookies.get(COOKIE)) or secrets.token_urlsafe(24)
    token: str = state[_MINE]
    return token


def keep_visitor() -> None:
    """Let the browser keep the token: for `app.py`, before the page, which may end the script."""
    with st.sidebar:  # it has no height, but a gap, which nobody sees at the sidebar's end
        told = _component(key=COOKIE, data={"token": visitor()}, on_token_change=lambda: None)
    st.session_state[_MINE] = checked(told.token) or visitor()


def checked(token: object) -> str | None:
    """The token if a browser may have got it from here, else None: cookies can hold anything."""
    return token if isinstance(token, str) and _FORM.fullmatch(token) else None
