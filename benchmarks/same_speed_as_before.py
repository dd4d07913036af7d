# bench: needs another tree of this repository, starts many servers and a browser
"""Is the app as fast as another version of it? For changes that should change no behavior.

Claim: for each figure below, the median is within the noise of the other version's: the noise is
what the other version's own rounds differ by (its quartiles).

- `start`: from starting the server until its health address answers.
- `first paint`: the first visitor of that fresh server, from navigation to the heading of Home.
- `switch to PAGE`: warm, from the click on the page's link to its heading in the page, by the
  page's own clock (`mouseup` caught at the window, the heading by a MutationObserver).
- `stroke to answer`: warm, on Predict with `best`, from pen up to the text of the answer.

Both versions run in the same environment; each round measures the one and then the other, so that a
busy moment of the machine falls on both alike.

    python -m benchmarks.same_speed_as_before TREE [--quick]       (quick: 2 rounds)

TREE is a checkout of the other version (`git worktree add TREE COMMIT`). Prints a table and writes
no result: it compares two moments in the life of the code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from benchmarks.browser_times import CLOCK, STROKES, Times, visitor
from benchmarks.common import parser, serving, start
from benchmarks.stroke_answer import clear, opened, timed_stroke
from tests.browser.app import ROOT, SLOW_MS, chromium, free_port, settle

PAGES = ("dataset", "train", "confusion", "filters", "predict", "")
"""Their paths, which are the same in every version; the last is the home page's."""
HEADING_CLOCK = """() => {
    if (window.headingClock) return;
    window.headingClock = true;
    window.addEventListener("mouseup", () => { window.clicked = performance.now() }, true);
    new MutationObserver(() => {
        const heading = document.querySelector("[data-testid=stMain] h1");
        if (window.shown !== undefined || !heading || heading.textContent === window.left) return;
        window.shown = performance.now() - window.clicked;
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


@contextmanager
def app_of(tree: Path) -> Iterator[str]:
    """A fresh server of the app in a tree; its address."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with serving([*command, "--server.headless", "true"], tree, port) as address:
        yield address


def switch(page: Page, path: str, times: Times) -> None:
    """Go to another page of the app by its link in the sidebar."""
    page.evaluate(HEADING_CLOCK)
    heading = page.get_by_test_id("stMain").locator("h1").inner_text()
    page.evaluate("(left) => { window.left = left; window.shown = undefined }", heading)
    page.get_by_test_id("stSidebar").locator(f'a[href$="/{path}"]').first.click()
    page.wait_for_function("() => window.shown !== undefined", timeout=SLOW_MS)
    times.add(f"switch to {path or 'home'}", page.evaluate("() => window.shown"))
    settle(page)


def measure_fresh(tree: Path, page: Page, times: Times) -> None:
    """A server's start and its first visitor."""
    times.lap()
    with app_of(tree) as address:
        times.note("start")
        times.lap()
        page.goto(address, wait_until="commit")
        page.get_by_role("heading", name="Digitscope").wait_for()
        times.note("first paint")
        settle(page)


def measure_warm(page: Page, times: Times) -> None:
    """A walk through all pages, and a stroke on Predict."""
    page.bring_to_front()
    for path in PAGES:
        switch(page, path, times)
        if path == "predict":
            page.evaluate(CLOCK)
            for digit in STROKES:
                answer = timed_stroke(page, STROKES[digit], digit)
                times.add("stroke to answer", answer["in the page"])
                clear(page)


def report(ours: Times, theirs: Times) -> None:
    """Medians in milliseconds, their ratio, and the noise of the other version."""
    print(f"{'':22}{'here':>8}{'there':>8}{'ratio':>8}   quartiles there")
    for name, there in theirs.spent.items():
        here = float(np.median(ours.spent[name]))
        low, median, high = np.percentile(there, [25, 50, 75])
        print(
            f"{name:22}{here:8.0f}{median:8.0f}{here / median:8.2f}   "
            f"{low / median:.2f} to {high / median:.2f}  ({len(there)} of each)"
        )


def main() -> None:
    """Measure both versions in turn and print the table."""
    options = parser(__doc__)
    options.add_argument("tree", type=Path, help="a checkout of the other version")
    chosen = options.parse_args()
    rounds = 2 if chosen.quick else 12
    trees = {ROOT: Times(), chosen.tree.resolve(): Times()}
    with chromium() as browser:
        for _ in range(rounds):
            for tree, times in trees.items():
                with visitor(browser) as page:
                    measure_fresh(tree, page, times)
        here, there = trees
        with (
            app_of(here) as ours,
            app_of(there) as theirs,
            visitor(browser) as our_page,
            visitor(browser) as their_page,
        ):
            pages = {here: our_page, there: their_page}
            for tree, address in ((here, ours), (there, theirs)):
                opened(pages[tree], f"{address}/predict")
                measure_warm(pages[tree], Times())  # whatever is loaded once, is
            for _ in range(rounds):
                for tree, times in trees.items():
                    measure_warm(pages[tree], times)
    report(*trees.values())


if __name__ == "__main__":
    start(main)
