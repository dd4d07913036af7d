"""Does a folder of 10,000 runs still list, and does the page of all runs still open?

Claims: a folder of 10,000 runs lists in at most 1 s, once it was listed; the page of all runs is
drawn from it in at most 3 s, once it was shown.

How: copies of a finished run's `run.json` and a visitor's card, each with an id of its own, nothing
else. Listing is `core.runs.registry.list_runs`, which every page calls; the page's script is run as
the server runs it, by Streamlit's AppTest, whose own work counts, too. First times are given by
themselves, and what the process's memory grew by.

    python -m benchmarks.many_runs [--runs 10000] [--quick]          (quick: 500 runs)

Writes `benchmarks/results/many_runs.json`.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import (
    BROWSER_PACKAGES,
    median_and_p95,
    page_on_a_server,
    parser,
    start,
    timed,
    write_result,
)
from core.runs import registry
from core.runs.permissions import JobCard, write_card

ROUNDS = 5


def make_runs(root: Path, count: int) -> None:
    """Write folders of finished runs that differ by their ids."""
    fields = json.loads((registry.find_run("fast").folder / "run.json").read_text())
    for number in range(count):
        folder = root / f"run-{number:05d}"
        folder.mkdir()
        text = json.dumps({**fields, "id": folder.name})
        (folder / "run.json").write_text(text)
        write_card(folder, JobCard(owner="0" * 64))


def listing() -> dict[str, Any]:
    """Seconds of the first list, and of later ones."""
    first: list[float] = []
    later: list[float] = []
    for place in range(ROUNDS + 1):
        with timed(later if place else first):
            registry.list_runs()
    return {"first": round(first[0], 2), "later": median_and_p95(later)}


def page() -> dict[str, Any]:
    """Seconds of the page of all runs: the first time, and later."""
    first: list[float] = []
    later: list[float] = []
    with page_on_a_server("pages/train.py") as app:
        app.session_state["train-view"] = "All runs"
        for place in range(ROUNDS + 1):
            with timed(later if place else first):
                app.run()
            if app.exception or not app.dataframe:
                raise RuntimeError("the page of all runs is not what it should be")
    return {"first": round(first[0], 2), "later": median_and_p95(later)}


def main() -> None:
    """Make the runs, measure, print, write the result."""
    made = parser(__doc__)
    made.add_argument("--runs", type=int, default=10_000)
    asked = made.parse_args()
    count = 500 if asked.quick else asked.runs
    with tempfile.TemporaryDirectory() as folder:
        make_runs(Path(folder), count)
        os.environ["DIGITSCOPE_RUNS"] = folder
        before = psutil.Process().memory_info().rss
        lists = listing()
        grown = psutil.Process().memory_info().rss - before
        figures = {
            "runs": count,
            "list, seconds": lists,
            "memory of the list, MB": round(grown / 1e6),
            "page, seconds": page(),
        }
    for name, value in figures.items():
        print(f"{name:30}{value}")
    write_result("many_runs", figures, packages=BROWSER_PACKAGES, quick=asked.quick)


if __name__ == "__main__":
    start(main)
