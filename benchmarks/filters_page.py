# bench: heavy
"""How quick are the filter page's views, and do twenty visitors add up to twenty networks?

Claims:
(a) each view of a run shows another digit within 1 s on the server, once the run's network is
    loaded (median and 95 %), for the largest shipped network and a small one;
(b) 19 visitors more than the first, each with a digit of their own, take no 19 networks more of
    memory: the networks and what they gave are shared, and what is kept has a bound.

How:
(a) the page's script is run as the server runs it, by Streamlit's AppTest, whose own work counts
    too, in a process that does nothing else; each time with a digit that was not shown before.
    Dreams are measured by themselves, as the page works them out: all ten at once. As on the
    server, TensorFlow's objects are out of the garbage collector's way.
(b) the app is started, a headless Chromium opens the network view with `best` as one visitor, then
    as 20; the server's unique memory (USS) each time after it has come to rest.

    python -m benchmarks.filters_page [--quick]

Writes `benchmarks/results/filters_page.json`.
"""

from __future__ import annotations

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks._visitors import memory_mb
from benchmarks.common import (
    BROWSER_PACKAGES,
    median_and_p95,
    page_on_a_server,
    parser,
    start,
    timed,
    write_result,
)
from core.explain.feature_visualization import class_targets, visualize_feature
from core.runs import registry
from core.runs.run import Network
from pages.widgets.filters.choices import DETECTOR, QUESTIONS, VIEW

RUNS = ("best", "fast")
WARM_UP = 2
DIGITS, QUICK = 15, 3


def views(run: str, digits: int) -> dict[str, list[float]]:
    """(a) Milliseconds of each view for a digit that was not shown before."""
    milliseconds: dict[str, list[float]] = {}
    link = {"run": run, "data": "mnist-sample", "split": "test", "index": "0"}
    with page_on_a_server("pages/filters.py", **link) as app:
        app.run()
        gc.collect()
        gc.freeze()
        index = 0
        for view in (name for name in QUESTIONS if name != DETECTOR):
            app.session_state[VIEW] = view
            times: list[float] = []
            for _ in range(WARM_UP + digits):
                index += 1
                app.session_state["index"] = index
                with timed(times):
                    app.run()
                if app.exception or app.error or f"Test digit {index}" not in _said(app):
                    raise RuntimeError(f"{run}, {view}: the page is not what it should be")
            milliseconds[view] = [1000 * seconds for seconds in times[WARM_UP:]]
    return milliseconds


def _said(app: object) -> str:
    return " ".join(str(element.value) for element in app.markdown)  # type: ignore[attr-defined]


def dreaming(run: str, rounds: int) -> list[float]:
    """Seconds for the ten digits, as readable as can be."""
    times: list[float] = []
    for seed in range(rounds + 1):
        with timed(times):
            visualize_feature(
                Network(registry.find_run(run)),
                class_targets(),
                "strong",
                lambda _done, _all: None,
                seed=seed,
            )
    return times[1:]  # the first traces the network


def main() -> None:
    """Measure, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    figures: dict[str, object] = {}
    for run in RUNS:
        for view, times in views(run, QUICK if quick else DIGITS).items():
            figures[f"a {run}, {view}, milliseconds"] = median_and_p95(times, 0)
        seconds = dreaming(run, 2 if quick else 5)
        figures[f"a {run}, ten dreams, seconds"] = median_and_p95(seconds, 2)
    visitors = 3 if quick else 20
    looks = [
        (f"/filters?run=best&data=mnist-sample&index={k}", f"Test digit {k}, labeled")
        for k in range(visitors)
    ]
    first_mb, all_mb = memory_mb(looks)
    figures["b memory with one visitor, MB"] = round(first_mb)
    figures[f"b memory with {visitors} visitors, MB"] = round(all_mb)
    figures["b a visitor more, MB"] = round((all_mb - first_mb) / (visitors - 1), 2)
    for name, value in figures.items():
        print(f"{name:45}{value}")
    write_result("filters_page", figures, packages=BROWSER_PACKAGES, seed=0, quick=quick)


if __name__ == "__main__":
    start(main)
