# bench: heavy, it starts many servers and a browser
"""What does a visitor wait for? Measured in a real Chromium against the real app.

Claims: home is painted before TensorFlow is imported; an answer stands on the screen soon after the
pen is lifted. The figures are what this script finds; there is no outside figure to beat.

How, each on a server started afresh, several times, medians (all in milliseconds):
(a) from starting the server until its health address answers;
(b) home: from navigation until the heading is visible, then the canvas, then the table of runs: by
    the first visitor of the fresh server, by the next one at once (TensorFlow is being imported
    meanwhile), by one who comes when all is warm, and by the same browser again;
(c) prediction page on a fresh server, with a stroke drawn as soon as there is a canvas: until the
    canvas is there, until the answer, and from pen up to the answer (TensorFlow still loading);
(e) the same as a second visitor, everything warm.
(d) warm, for `best` and `fast`: from pen up to the new answer, by the page's own clock: `mouseup`
    caught at the window, the answer by a MutationObserver; a 1 and a 7 in turn, the canvas cleared
    between, so that each answer appears anew; then the frame in which it is painted.

Peer, in the same run: for (a) and (b), a Streamlit app of one line, `st.title("Digitscope")`: what
Streamlit itself takes on this machine.

    python -m benchmarks.browser_times [--quick]         (quick: each once, 3 strokes)

Writes `benchmarks/results/browser_times.json`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from benchmarks.common import (
    BROWSER_PACKAGES,
    median_and_p95,
    one_line_app,
    parser,
    start,
    write_result,
)
from tests.browser.app import SLOW_MS, chromium, drawing_area, running_app, settle, stroke

RUNS = ("best", "fast")
STROKES: dict[str, list[tuple[float, float]]] = {
    "1": [(145, 50), (140, 230)],
    "7": [(80, 60), (195, 60), (125, 235)],
}
ANSWER = "[data-testid=stMetricValue]"
CLOCK = """() => {
    window.addEventListener("mouseup", () => { window.penUp = performance.now() }, true);
    new MutationObserver(() => {
        const answer = document.querySelector("[data-testid=stMetricValue]");
        if (window.answered || window.penUp === undefined || !answer?.textContent) return;
        const changed = performance.now();
        window.answered = {text: answer.textContent.trim(), changed: changed - window.penUp};
        // The first frame is about to be painted, the second comes after it was.
        requestAnimationFrame(() => requestAnimationFrame(() => {
            window.answered.painted = performance.now() - window.penUp;
        }));
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


@contextmanager
def visitor(browser: Browser) -> Iterator[Page]:
    """A page of someone who was never here: nothing in the browser's cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(SLOW_MS)
    yield context.new_page()
    context.close()


class Times:
    """Milliseconds under names, gathered over rounds."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}
        self.lap()

    def lap(self) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def note(self, name: str) -> None:
        """Write down the milliseconds since `lap`."""
        self.add(name, 1000 * (time.perf_counter() - self._began))

    def add(self, name: str, milliseconds: float) -> None:
        self.spent.setdefault(name, []).append(milliseconds)

    def summary(self) -> dict[str, dict[str, float]]:
        """Median, 95th percentile and count of each, printed as well."""
        rows = {n: median_and_p95(ms, 1) | {"n": len(ms)} for n, ms in self.spent.items()}
        for name, row in rows.items():
            spread = f"95 % {row['p95']:8,.0f} ms" if row["n"] >= 10 else ""
            print(f"{name:52}{row['median']:8,.0f} ms  of {row['n']:3} {spread}")
        return rows


def home(page: Page, address: str, times: Times, label: str, *, whole: bool = True) -> None:
    """(b) First paint of home."""
    times.lap()
    page.goto(address, wait_until="commit")
    page.get_by_role("heading", name="Digitscope").wait_for()
    times.note(f"b {label}: heading")
    if whole:
        drawing_area(page)
        times.note(f"b {label}: canvas")
        page.locator(".st-key-shipped-runs").wait_for()
        times.note(f"b {label}: table of runs")


def first_answer(page: Page, address: str, times: Times, label: str) -> None:
    """(c), (e) From opening the prediction page to the first answer."""
    times.lap()
    page.goto(f"{address}/predict", wait_until="commit")
    drawing_area(page)
    times.note(f"{label}: canvas")
    stroke(page, STROKES["7"])
    lifted = time.perf_counter()
    page.locator(ANSWER).wait_for()
    times.note(f"{label}: answer")
    times.add(f"{label}: pen up to answer", 1000 * (time.perf_counter() - lifted))
    expect(page.locator(ANSWER)).to_have_text("7")


def strokes(page: Page, address: str, run: str, times: Times, count: int) -> None:
    """(d) From pen up to the new answer; the first two strokes only warm the page up."""
    page.goto(f"{address}/predict?run={run}")
    drawing_area(page)
    page.evaluate(CLOCK)
    for number in range(count + 2):
        digit = list(STROKES)[number % 2]
        expect(page.get_by_text("The answer appears here")).to_be_visible(timeout=SLOW_MS)
        drawing_area(page)
        settle(page)
        page.evaluate("() => { window.penUp = window.answered = undefined }")
        stroke(page, STROKES[digit])
        page.wait_for_function("() => window.answered?.painted", timeout=SLOW_MS)
        answer = page.evaluate("() => window.answered")
        assert answer["text"] == digit, f"{run} reads {answer['text']}, a {digit} was drawn"
        if number >= 2:
            times.add(f"d {run}: pen up to answer in the page", answer["changed"])
            times.add(f"d {run}: pen up to answer painted", answer["painted"])
        settle(page)
        page.get_by_role("button", name="Clear").click()


def main() -> None:
    """Measure, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    rounds, count = (1, 3) if quick else (5, 15)
    times = Times()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        own_runs = Path(folder) / "runs"
        for _ in range(rounds):
            times.lap()
            with one_line_app(Path(folder)) as address:
                times.note("a one-line app: server start to health")
                for who in ("first visitor", "next visitor"):
                    with visitor(browser) as page:
                        home(page, address, times, f"one-line app, {who}", whole=False)
            times.lap()
            with running_app(own_runs) as address:
                times.note("a server start to health")
                for who in ("first visitor", "next visitor, TensorFlow loading"):
                    with visitor(browser) as page:
                        home(page, address, times, f"home, {who}")
                        settle(page)
                with visitor(browser) as page:
                    first_answer(page, address, Times(), "not noted: until all is warm")
                with visitor(browser) as page:
                    for who in ("new visitor, warm", "same browser again"):
                        home(page, address, times, f"home, {who}")
                        settle(page)
            with running_app(own_runs) as address:
                for label in ("c first visitor", "e next visitor, warm"):
                    with visitor(browser) as page:
                        first_answer(page, address, times, label)
                        settle(page)
        with running_app(own_runs) as address:
            for run in RUNS:
                with visitor(browser) as page:
                    strokes(page, address, run, times, count)
        chrome = browser.version
    figures = times.summary()
    write_result(
        "browser_times", figures, packages=BROWSER_PACKAGES, quick=quick, unit="ms", chromium=chrome
    )


if __name__ == "__main__":
    start(main)
