# bench: heavy
"""How quick is the confusions page on MNIST's 10,000 test digits?

Claim: a change of page to the matrix of 10,000 answers takes less than 300 ms on the server, and so
does everything that a visitor does on it: another run, a second run, a cell, a row, another order
(median and 95 %).

How: the page's script is run as the server runs it, by Streamlit's AppTest, whose own work counts
too, in a process that does nothing else. The page is entered from the home page for each run that
ships; then each of the changes is made for it. What a process does once, such as reading a run's
answers, is measured apart, as the slowest first time; so is the first time of each other view.

    python -m benchmarks.confusion_page [--quick]

Writes `benchmarks/results/confusion_page.json`. Needs the full MNIST.
"""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from benchmarks.common import (
    BROWSER_PACKAGES,
    median_and_p95,
    page_on_a_server,
    parser,
    start,
    timed,
    write_result,
)
from core.data import mnist
from core.runs import registry
from core.runs.run import Run
from pages.widgets.confusion.choices import DIGITS, DYNAMICS, ROBUSTNESS, VIEW, VIEWS, WITH

Change = dict[str, object]
CHANGES: list[Change] = [
    {"cell": (9, 4)},
    {"cell": (9, None)},
    {"confusion-matrix-mistakes": False},
    {"cell": (None, 9)},
    {"cell": None, "confusion-matrix-order": "similarity"},
    {"confusion-matrix-order": "digit", "confusion-matrix-values": "row"},
    {"confusion-matrix-values": "counts"},
]
SECOND, THIRD = "purawr", "fast"
ALONE: Change = {WITH: "no other run"}


def entered(app: AppTest, run: str, into: list[float]) -> None:
    """From the home page to the matrix of a run: the seconds of the change."""
    app.switch_page("pages/home.py").run()
    app.session_state["run"] = run
    app.switch_page("pages/confusion.py")
    with timed(into):
        app.run()
    check(app, run)


def check(app: AppTest, run: str) -> None:
    """Raise RuntimeError unless the page shows what it should."""
    said = " ".join(str(element.value) for element in app.markdown)
    if app.exception or app.error or f"**{run}** misreads" not in said or "of 10,000" not in said:
        raise RuntimeError(f"{run}: the page is not what it should be")


def measured(rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds: the first entry into each run's matrix, later ones, and the changes on it."""
    first: list[float] = []
    later: list[float] = []
    changes: list[float] = []
    names = [run.id for run in registry.list_shipped() if isinstance(run, Run)]
    with page_on_a_server("pages/confusion.py", **{DIGITS: "mnist"}) as app:
        app.run()
        for turn in range(rounds):
            for run in names:
                entered(app, run, later if turn else first)
                second: Change = {WITH: THIRD if run == SECOND else SECOND}
                for change in (*CHANGES, second, ALONE):
                    for name, value in change.items():
                        app.session_state[name] = value
                    # The first round fills what is kept of each run.
                    with timed(changes if turn else []):
                        app.run()
                    check(app, run)
    return first, later, changes


def views() -> dict[str, tuple[float, float]]:
    """Milliseconds of each view without TensorFlow, the first time in this process and later."""
    milliseconds: dict[str, tuple[float, float]] = {}
    with page_on_a_server("pages/confusion.py", **{DIGITS: "mnist", "run": "yalcin"}) as app:
        app.run()
        for view in VIEWS:
            if view in {ROBUSTNESS, DYNAMICS}:  # they ask networks: benchmarks.stress_update
                continue
            times: list[float] = []
            app.session_state[VIEW] = view
            for _ in range(6):
                with timed(times):
                    app.run()
            check(app, "yalcin")
            milliseconds[view] = (1000 * times[0], 1000 * sorted(times[1:])[2])
    return milliseconds


def main() -> None:
    """Measure, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    mnist.load("mnist")  # says what to do if it is not there
    first, later, changes = measured(2 if quick else 8)
    figures: dict[str, object] = {
        "into the matrix, milliseconds": median_and_p95([1000 * s for s in later], 0),
        "into the matrix, the slowest first time, milliseconds": round(1000 * max(first)),
        "a change on the matrix, milliseconds": median_and_p95([1000 * s for s in changes], 0),
    }
    for view, (once, again) in views().items():
        figures[f"view {view}: first, later, milliseconds"] = [round(once), round(again)]
    for name, value in figures.items():
        print(f"{name:60}{value}")
    write_result("confusion_page", figures, packages=BROWSER_PACKAGES, quick=quick)


if __name__ == "__main__":
    start(main)
