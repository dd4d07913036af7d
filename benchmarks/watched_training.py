# bench: heavy
"""What does watching a training in the browser cost it?

Claim: a training that is watched live in a browser on the same machine trains at least 0.95 times
as many images per second as the same recipe on the command line.

Peer, in the same run: `python -m core train --recipe FILE`, in turn with the watched one, so that a
busy moment of the machine falls on both alike.

How: `fast` and `best` on the sample, several epochs each. The app is started, a headless Chromium
opens its training page by a link with the recipe, presses Train and stays on the page that watches.
For either way, the images per second are those of all epochs but the first, which pays for tracing:
digits trained on, over the seconds of these epochs as the run's own history has them, with
validation and all that is done at an epoch's end. The figure is the median of the rounds' ratios.

    python -m benchmarks.watched_training [--quick]

Writes `benchmarks/results/watched_training.json`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser

from benchmarks.common import BROWSER_PACKAGES, parser, start, write_result
from core.recipes.presets import find_preset
from core.recipes.recipe import Recipe, recipe_to_link
from core.runs import registry
from tests.browser.app import ROOT, SLOW_MS, chromium, running_app, without_measurement

RECIPES: dict[str, Recipe] = {
    "fast": find_preset("fast").recipe.changed(dataset="mnist-sample", epochs=40),
    "best": find_preset("best").recipe.changed(dataset="mnist-sample", epochs=6),
}


def images_per_second(folder: Path) -> float:
    """Of all epochs of a run but the first."""
    run = registry.read_run(folder)
    later = run.history()["seconds"].iloc[1:]
    return float(run.info.provenance.n_train * len(later) / later.sum())


def on_the_command_line(recipe: Recipe, folder: Path) -> float:
    """Train in a shell's way, with nobody watching."""
    file = folder.with_suffix(".json")
    file.write_text(recipe.to_json(), encoding="utf-8")
    command = [sys.executable, "-m", "core", "train", "--recipe", str(file), "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return images_per_second(folder)


def watched(recipe: Recipe, address: str, own_runs: Path, browser: Browser) -> float:
    """Train by the page, and look at it all the time."""
    before = {run.id for run in registry.list_runs()}
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as context:
        context.set_default_timeout(SLOW_MS)
        page = context.new_page()
        page.goto(f"{address}/train?recipe={recipe_to_link(recipe)}")
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_text("images per second").wait_for()
        (new,) = {run.id for run in registry.list_runs()} - before
        # Waiting for words on the page would search it sixty times a second, which no reader does.
        while registry.find_run(new).info.status in {"queued", "running"}:
            time.sleep(1)
        page.get_by_text("What next?").wait_for()
    time.sleep(2)
    return images_per_second(own_runs / new)


def warm_up(address: str, browser: Browser) -> None:
    """Let the server, which every visitor shares, load what it loads once."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        page.locator("h1").first.wait_for()
        time.sleep(20)


def main() -> None:
    """Measure, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    rounds = 1 if quick else 5
    figures: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        own_runs = without_measurement(Path(place) / "runs")
        os.environ["DIGITSCOPE_RUNS"] = str(own_runs)
        with running_app(own_runs) as address:
            warm_up(address, browser)
            for name, recipe in RECIPES.items():
                shell, seen = [], []
                for turn in range(rounds):
                    shell.append(on_the_command_line(recipe, Path(place) / f"{name}-{turn}"))
                    seen.append(watched(recipe, address, own_runs, browser))
                    print(
                        f"{name}: command line {shell[-1]:,.0f}, watched {seen[-1]:,.0f} images/s"
                    )
                ratios = [b / a for a, b in zip(shell, seen, strict=True)]
                print(f"{name}: watched / command line = {median(ratios):.3f}")
                figures[name] = {
                    "ratio": round(median(ratios), 3),
                    "ratios": [round(ratio, 3) for ratio in ratios],
                    "command_line_images_per_second": round(median(shell)),
                    "watched_images_per_second": round(median(seen)),
                }
        chrome = browser.version
    write_result(
        "watched_training",
        figures,
        seed=0,
        packages=BROWSER_PACKAGES,
        quick=quick,
        chromium=chrome,
    )


if __name__ == "__main__":
    start(main)
