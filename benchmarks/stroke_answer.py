# bench: starts two servers and a browser
"""How much later than a mere echo does the answer to a stroke stand on the page?

Claim: at most 1.3 times as late, in the median. Both are measured in one run, in a real Chromium:

- `echo`: a page that holds the same canvas, in a fragment too, and shows how many strokes the
  browser has sent: what canvas, Streamlit and this machine take before anything is read.
- `answer`: the Predict page, which finds the digits, asks the network `best`, judges the answer
  and shows it.

Strokes are interleaved, one on each page in turn, so that a busy moment falls on both alike. Time
runs from `mouseup`, caught at the window, to the change that puts the text into the page (a
MutationObserver), and to the frame in which it is painted. Each page is cleared between strokes, so
that every answer appears anew; the first two strokes only warm the pages up. A third page is the
Predict page with a view, "Preprocessing", open below the answer.

    python -m benchmarks.stroke_answer [--quick]         (quick: 3 strokes)

Writes `benchmarks/results/stroke_answer.json`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from benchmarks.browser_times import CLOCK, STROKES, Times, visitor
from benchmarks.common import BROWSER_PACKAGES, parser, start, write_result
from tests.browser.app import (
    SLOW_MS,
    chromium,
    drawing_area,
    running_app,
    settle,
    stroke,
    without_measurement,
)

ECHO = """
import streamlit as st
from streamlit_drawable_canvas import st_canvas

@st.fragment
def echo():
    left, right = st.columns([5, 6], gap="large")
    with left:
        tries = st.session_state.setdefault("tries", 0)
        sent = st_canvas(stroke_width=18, stroke_color="#000000", background_color="#ffffff",
                         height=280, width=280, return_image_data=True, key=f"canvas-{tries}")
        st.button("Clear", on_click=lambda: st.session_state.update(tries=tries + 1))
    strokes = len((sent.json_data or {}).get("objects", []))
    with right:
        if strokes and sent.image_bytes:
            st.metric("Strokes", strokes)
        else:
            st.info("The answer appears here")

st.set_page_config(layout="wide")
st.title("Echo")
echo()
"""


def opened(page: Page, address: str) -> Page:
    """A page with its canvas, and the clock that waits for a stroke."""
    page.goto(address)
    drawing_area(page)
    settle(page)
    page.evaluate(CLOCK)
    return page


def timed_stroke(page: Page, points: list[tuple[float, float]], text: str) -> dict[str, float]:
    """One stroke, and the milliseconds until its answer, which must be that text."""
    page.bring_to_front()
    drawing_area(page)
    settle(page)
    page.evaluate("() => { window.penUp = window.answered = undefined }")
    stroke(page, points)
    page.wait_for_function("() => window.answered?.painted", timeout=SLOW_MS)
    answer = page.evaluate("() => window.answered")
    assert answer["text"] == text, f"{answer['text']} is on the page, not {text}"
    settle(page)
    return {"in the page": answer["changed"], "painted": answer["painted"]}


def clear(page: Page) -> None:
    """An empty canvas, and no answer."""
    page.bring_to_front()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("The answer appears here")).to_be_visible(timeout=SLOW_MS)
    settle(page)


def main() -> None:
    """Measure, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    count = 3 if quick else 40
    times = Times()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        script = Path(folder) / "echo.py"
        script.write_text(ECHO, encoding="utf-8")
        own_runs = without_measurement(Path(folder) / "runs")
        start_echo = ("-m", "streamlit", "run", str(script))
        with (
            running_app(own_runs) as address,
            running_app(own_runs, start=start_echo) as echo_address,
            visitor(browser) as page,
            visitor(browser) as echo,
            visitor(browser) as looking,
        ):
            opened(page, f"{address}/predict")
            opened(echo, echo_address)
            opened(looking, f"{address}/predict")
            looking.get_by_role("radio", name="Preprocessing").click()
            settle(looking)
            for number in range(count + 2):
                digit = list(STROKES)[number % 2]
                ways = {
                    "echo": (echo, "1"),
                    "answer": (page, digit),
                    "answer, a view open": (looking, digit),
                }
                for name, (where, text) in ways.items():
                    spent = timed_stroke(where, STROKES[digit], text)
                    if number >= 2:
                        for end, ms in spent.items():
                            times.add(f"{name}: pen up to text {end}", ms)
                    clear(where)
        chrome = browser.version
    figures = times.summary()
    ratios = {
        f"{name}, {end}": round(
            figures[f"{name}: pen up to text {end}"]["median"]
            / figures[f"echo: pen up to text {end}"]["median"],
            3,
        )
        for name in ("answer", "answer, a view open")
        for end in ("in the page", "painted")
    }
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f} times the echo")
    write_result(
        "stroke_answer",
        figures,
        packages=BROWSER_PACKAGES,
        quick=quick,
        unit="ms",
        ratio_of_medians=ratios,
        strokes=count,
        chromium=chrome,
    )


if __name__ == "__main__":
    start(main)
