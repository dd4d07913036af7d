# bench: heavy, it installs everything anew
"""How long does a newcomer wait from `git clone` to the first page?

Claim: two commands, one install. The figures are what this script finds, step by step.

How: this repository is cloned into an empty folder (from this disk: over a network a clone takes as
long as the network does); `make setup` there makes the environment and installs the pinned
requirements; `make run` starts the app; Chromium opens it and waits for the heading and for the
table of the shipped runs. Two rounds, each in a folder of its own: after the first, every
package is in pip's cache, so the second is the figure for "packages already in pip's cache". What
is not committed is not in the clone; the commit is written down.

Peer, in the same run: the second start of the same clone (`make run` once more, nothing to
install); the claim about it is that it takes no install time.

    python -m benchmarks.clone_to_first_page [--rounds 2] [--quick]
                    (quick: clone, no install, started with this environment's Python)

Writes `benchmarks/results/clone_to_first_page.json`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.common import (
    BROWSER_PACKAGES,
    parser,
    serving,
    start,
    write_result,
)
from tests.browser.app import ROOT, SLOW_MS, chromium, free_port

Steps = dict[str, float]


def output(*command: str) -> str:
    """What a command prints, without the line's end."""
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout[:-1]


def step(command: list[str], folder: Path) -> float:
    """Seconds that a command takes; what it prints is shown only if it fails."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return round(time.perf_counter() - began, 2)


def first_page(browser: Browser, clone: Path, *, quick: bool) -> Steps:
    """Seconds from the start command to health, then from navigation to heading and table."""
    port = free_port()
    command = ["make", "run", f"PORT={port}"]
    if quick:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    took: Steps = {}
    began = time.perf_counter()
    with serving(command, clone, port) as address:
        took["start to health"] = round(time.perf_counter() - began, 2)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(SLOW_MS)
        opened = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.get_by_role("heading", name="Digitscope").wait_for()
        took["navigation to heading"] = round(time.perf_counter() - opened, 2)
        page.locator(".st-key-shipped-runs").wait_for()
        took["navigation to table of runs"] = round(time.perf_counter() - opened, 2)
        page.close()
    return took


def newcomer(browser: Browser, folder: Path, *, quick: bool) -> dict[str, Steps]:
    """One round: clone, install, first start; then a second start of the same clone."""
    clone = folder / "digitscope"
    installing = {"git clone": step(["git", "clone", "--quiet", str(ROOT), str(clone)], folder)}
    if not quick:
        installing["make setup"] = step(["make", "setup"], clone)
    first = installing | first_page(browser, clone, quick=quick)
    second = first_page(browser, clone, quick=quick)
    for took in (first, second):
        parts = ("git clone", "make setup", "start to health", "navigation to table of runs")
        took["total"] = round(sum(took.get(part, 0) for part in parts), 2)
    return {"first start": first, "second start": second}


def main() -> None:
    """Measure, print a table, write the result."""
    line = parser(__doc__)
    line.add_argument("--rounds", type=int, default=2, help="after the first, pip's cache is full")
    options = line.parse_args()
    figures: list[dict[str, Steps]] = []
    with chromium() as browser:
        for number in range(1 if options.quick else options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                figures.append(newcomer(browser, Path(folder), quick=options.quick))
            for launch, took in figures[-1].items():
                print(f"round {number + 1}, {launch}:")
                for name, value in took.items():
                    print(f"    {name:26}{value:8.2f}{'' if name == 'cards' else ' s'}")
    write_result(
        "clone_to_first_page",
        figures,
        packages=BROWSER_PACKAGES,
        quick=options.quick,
        unit="seconds",
        commit=output("git", "rev-parse", "HEAD"),
        pip=output(sys.executable, "-m", "pip", "--version").split(" from ")[0],
    )


if __name__ == "__main__":
    start(main)
