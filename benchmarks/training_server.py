# bench: heavy
"""What trainings do to the server and to the visitor: first point, switching pages, memory.

Claims:
(a) from the click on Train to the first point of the curve: at most 2.5 s (sample, warm server) for
    a visitor who has looked at the page for eight seconds, in which a process has imported
    TensorFlow. Peer, in the same run: the same server without such a process
    (`DIGITSCOPE_WARM_WORKER=0`). What importing TensorFlow and Keras alone takes is measured, too;
(b) switching to another page while a training runs takes at most 2 times as long as on an idle
    server (medians);
(c) after ten trainings, one after another and each watched, the server takes at most 5 % more
    memory than after the first.

How, with a server and a headless Chromium on the same machine:
(a) the default recipe (`fast` on the sample) is opened and, eight seconds later, trained, ten times
    on either server; the clock runs from the click until the page says that a step of the first
    epoch is done, at which the curve has its first point;
(b) links of the sidebar are clicked in turn (home, Train, Predict), from the click until the new
    page's heading is there and nothing runs: first idle, then while `best` is being trained in
    another process, then idle again (both idle rounds count);
(c) the server's unique memory (USS) after the first and the tenth training of (a), each time after
    the page was closed and the garbage of a few seconds was let go.

    python -m benchmarks.training_server [--quick]

Writes `benchmarks/results/training_server.json`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Browser, Page, expect

from benchmarks.common import (
    BROWSER_PACKAGES,
    median_and_p95,
    parser,
    start,
    timed,
    write_result,
)
from core.recipes.presets import find_preset
from core.recipes.recipe import recipe_to_link
from tests.browser.app import SLOW_MS, chromium, running_app, settle, without_measurement

PAGES = {"Train": "Train", "Predict": "Predict", "Home": "Digitscope"}
LOOKS_S = 8
LONG = find_preset("best").recipe.changed(dataset="mnist-sample", epochs=50)


def server(own_runs: Path) -> psutil.Process:
    """The app's process: the one that `running_app` started for this runs folder."""
    for process in psutil.Process().children():
        if "streamlit" in process.cmdline():
            return process
    raise RuntimeError(f"no server for {own_runs}")


def memory_mb(process: psutil.Process) -> float:
    """(c) What the process has for itself, in MB, once it has come to rest."""
    time.sleep(5)
    return process.memory_full_info().uss / 1e6


def train_and_watch(browser: Browser, address: str, first_points: list[float]) -> None:
    """(a) One training of the default recipe, watched to its end."""
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as context:
        context.set_default_timeout(SLOW_MS)
        page = context.new_page()
        page.goto(f"{address}/train")
        button = page.get_by_role("button", name="Train", exact=True)
        button.wait_for()
        settle(page)
        time.sleep(LOOKS_S)
        with timed(first_points):
            button.click()
            page.get_by_text(re.compile(r"step [1-9]\d* of")).wait_for()
        page.get_by_text("What next?").wait_for()
        settle(page)


def switches(page: Page, count: int) -> list[float]:
    """(b) Seconds of each change of page."""
    spent: list[float] = []
    for turn in range(count):
        link, heading = list(PAGES.items())[turn % len(PAGES)]
        with timed(spent):
            page.get_by_test_id("stSidebarNavLink").get_by_text(link, exact=True).click()
            expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
            settle(page)
        time.sleep(0.5)
    return spent


def trainings(
    browser: Browser, address: str, process: psutil.Process, count: int
) -> tuple[list[float], list[float]]:
    """(a) and (c): seconds to the first point, and the server's memory in MB, of each training."""
    first_points: list[float] = []
    memory: list[float] = []
    for turn in range(count):
        train_and_watch(browser, address, first_points)
        memory.append(memory_mb(process))
        print(f"{turn + 1}: {first_points[-1]:.1f} s, {memory[-1]:.0f} MB")
    return first_points, memory


def idle_and_busy(browser: Browser, address: str, count: int) -> tuple[list[float], list[float]]:
    """(b) Seconds of changes of page on an idle server, before and after, and during a training."""
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as context:
        context.set_default_timeout(SLOW_MS)
        page = context.new_page()
        page.goto(address)
        settle(page)
        switches(page, len(PAGES))  # what each page loads once
        idle = switches(page, count // 2)
        trainer = context.new_page()
        trainer.goto(f"{address}/train?recipe={recipe_to_link(LONG)}")
        trainer.get_by_role("button", name="Train", exact=True).click()
        trainer.get_by_text(re.compile(r"step [1-9]\d* of")).wait_for()
        link = trainer.url
        # Nobody watches: it is about the other pages. And a tab behind another one is slow.
        trainer.close()
        page.bring_to_front()
        busy = switches(page, count)
        trainer = context.new_page()
        trainer.goto(link)
        trainer.get_by_role("button", name="Stop", exact=True).last.click()
        trainer.get_by_text("What next?").wait_for()
        trainer.close()
        page.bring_to_front()
        return idle + switches(page, count // 2), busy


def seconds_to_import(times: int) -> list[float]:
    """What importing TensorFlow and Keras alone takes."""
    importing: list[float] = []
    for _ in range(times):
        with timed(importing):
            subprocess.run(
                [sys.executable, "-c", "import keras, tensorflow"], check=True, capture_output=True
            )
    return importing


def main() -> None:
    """Measure, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    importing = seconds_to_import(1 if quick else 3)
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        own_runs = without_measurement(Path(place))
        count = 2 if quick else 10
        cold: list[float] = []
        with running_app(own_runs, DIGITSCOPE_WARM_WORKER="0") as address:
            for _ in range(count):
                train_and_watch(browser, address, cold)
        with running_app(own_runs) as address:
            first_points, memory = trainings(browser, address, server(own_runs), count)
            idle, busy = idle_and_busy(browser, address, 6 if quick else 30)
        chrome = browser.version
    figures = {
        "a first point, seconds": median_and_p95(first_points, 2),
        "a first point without a process that waits, seconds": median_and_p95(cold, 2),
        "a importing TensorFlow and Keras alone, seconds": round(median(importing), 2),
        "b idle, milliseconds": median_and_p95([1000 * s for s in idle], 0),
        "b while training, milliseconds": median_and_p95([1000 * s for s in busy], 0),
        "b ratio of the medians": round(median(busy) / median(idle), 2),
        "c server's memory, MB": [round(mb) for mb in memory],
        "c last to first": round(memory[-1] / memory[0], 3),
    }
    for name, value in figures.items():
        print(f"{name:50}{value}")
    write_result(
        "training_server",
        figures,
        seed=0,
        packages=BROWSER_PACKAGES,
        quick=quick,
        chromium=chrome,
        cores=os.cpu_count(),
    )


if __name__ == "__main__":
    start(main)
