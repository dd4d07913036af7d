# bench: heavy
"""How quick is the dataset page on all 70,000 digits, and what does a visitor more cost the server?

Claims:
(a) a change of filter, order or page takes less than 200 ms on the server (median and 95 %);
(b) the digits are shared: 19 visitors more than the first take less memory each than a tenth of the
    55 MB that the pixels take.

How:
(a) the page's script is run as the server runs it, by Streamlit's AppTest, whose own work counts,
    too: filters and orders on the 60,000 training digits and the 10,000 test digits, and pages.
    What a process computes once per split (ink, likeness) is measured apart.
(b) the app is started, a headless Chromium opens the grid of the training digits as one visitor,
    then as 20; the server's unique memory (USS) each time after it has come to rest.

    python -m benchmarks.dataset_page [--quick]

Writes `benchmarks/results/dataset_page.json`. Needs the full MNIST.
"""

from __future__ import annotations

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
from core.data import mnist

Change = dict[str, object]
CHANGES: list[Change] = [
    {"label": [3]},
    {"label": [3, 8], "sort": "ink"},
    {"descending": True},
    {"ink": (5.0, 20.0)},
    {"sort": "likeness"},
    {"label": [], "descending": False},
    {"dataset_turned": (1, 300)},
    {"ink": (0.0, 100.0), "sort": "index"},
    {"split": "test", "answer": "wrong"},
    {"answer": "unsure", "sort": "confidence"},
    {"answer": "any", "read_as": [9], "label": [4]},
    {"split": "train", "read_as": [], "label": [], "sort": "index"},
]


def changes(rounds: int) -> tuple[list[float], list[float]]:
    """(a) Seconds of each change: the first time in this process, and later."""
    firsts: list[float] = []
    later: list[float] = []
    link = {"view": "Browse", "data": "mnist", "split": "train"}
    with page_on_a_server("pages/dataset.py", **link) as app:
        app.run()
        for turn in range(rounds):
            for change in CHANGES:
                for name, value in change.items():
                    app.session_state[name] = value
                with timed(later if turn else firsts):
                    app.run()
                if app.exception or "0 digits" not in app.caption[0].value:
                    raise RuntimeError(f"{change}: the page is not what it should be")
    return firsts, later


def main() -> None:
    """Measure, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    mnist.load("mnist")  # says what to do if it is not there
    firsts, later = changes(2 if quick else 6)
    visitors = 3 if quick else 20
    look = "/dataset?view=Browse&data=mnist&split=train&sort=likeness"
    first_mb, all_mb = memory_mb([(look, "60,000 of 60,000 digits")] * visitors)
    figures = {
        "a change, milliseconds": median_and_p95([1000 * s for s in later], 0),
        "a the slowest first time, milliseconds": round(1000 * max(firsts)),
        "b memory with one visitor, MB": round(first_mb),
        f"b memory with {visitors} visitors, MB": round(all_mb),
        "b a visitor more, MB": round((all_mb - first_mb) / (visitors - 1), 2),
    }
    for name, value in figures.items():
        print(f"{name:45}{value}")
    write_result("dataset_page", figures, packages=BROWSER_PACKAGES, quick=quick)


if __name__ == "__main__":
    start(main)
