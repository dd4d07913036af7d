"""Does `python -m core predict` read 10,000 files without growing, and answer as it goes?

Claim: the process that reads a folder of 10,000 pictures needs no more memory at the last than it
needed after the first thousand, and its first answer comes long before its last.

How: a folder is filled with pictures of the sample's test digits, each enlarged and placed on a
canvas of its own, saved as PNG, JPEG, WebP, BMP, GIF and TIFF in turn; one in fifty is damaged.
The command line reads the folder in a process of its own, once as JSON and once as CSV; the
memory (resident) of that process is looked at after each thousandth answer.

    python -m benchmarks.many_files [--files 10000] [--seed 1] [--quick]     (quick: 500 files)

Writes `benchmarks/results/many_files.json`; ends with status 1 if the claim does not hold.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from PIL import Image

from benchmarks.common import parser, start, write_result
from benchmarks.placed_digits import place
from core.data import mnist

KINDS: Final = ("png", "jpg", "webp", "bmp", "gif", "tiff")
DAMAGED_EVERY: Final = 50
GROWTH_MB: Final = 16
"""Memory that is neither growth nor none: what an allocator keeps differs by a few megabytes."""
PACKAGES: Final = ("numpy", "tensorflow", "keras", "pillow", "opencv-python-headless")


def fill(folder: Path, files: int, seed: int) -> int:
    """Write the pictures, and give how many of them are damaged."""
    rng = np.random.default_rng(seed)
    images = mnist.load("mnist-sample").test.images
    for number in range(files):
        size = int(rng.integers(60, 261))
        x, y = (int(rng.integers(0, 281 - size)) for _ in "xy")
        page = place(images[number % len(images)], size, x, y)
        path = folder / f"{number:05d}.{KINDS[number % len(KINDS)]}"
        Image.fromarray(page).save(path)
        if number % DAMAGED_EVERY == 0:
            path.write_bytes(path.read_bytes()[:40])
    return len(range(0, files, DAMAGED_EVERY))


def read(folder: Path, files: int, option: str, run: str) -> dict[str, Any]:
    """Let the command line read the folder, and look at its memory on the way."""
    command = [sys.executable, "-m", "core", "predict", "--run", run, f"--{option}", str(folder)]
    began, memory, first_s, answers = time.perf_counter(), [], 0.0, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        watched = psutil.Process(process.pid)
        for line in process.stdout:
            if option == "csv" and line.startswith("file,"):
                continue
            answers += 1
            first_s = first_s or time.perf_counter() - began
            if answers % max(1, files // 10) == 0:
                memory.append(round(watched.memory_info().rss / 2**20, 1))
    return {
        "answers": answers,
        "status": process.returncode,
        "first_answer_s": round(first_s, 1),
        "all_s": round(time.perf_counter() - began, 1),
        "memory_mb_after_each_tenth": memory,
        "grown_mb": round(memory[-1] - memory[0], 1),
    }


def main() -> None:
    """Make the folder, read it twice, and write the result."""
    options = parser(__doc__)
    options.add_argument("--files", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--run", default="best")
    chosen = options.parse_args()
    files = 500 if chosen.quick else chosen.files
    with tempfile.TemporaryDirectory() as name:
        damaged = fill(Path(name), files, chosen.seed)
        figures: dict[str, Any] = {
            option: read(Path(name), files, option, chosen.run) for option in ("json", "csv")
        }
    figures |= {"files": files, "damaged": damaged}
    print(figures)
    write_result("many_files", figures, seed=chosen.seed, packages=PACKAGES, quick=chosen.quick)
    # At least one line a file; status 1, since some of the files are damaged on purpose.
    ways = [figures[option] for option in ("json", "csv")]
    if any(w["answers"] < files or w["status"] != 1 or w["grown_mb"] > GROWTH_MB for w in ways):
        sys.exit("The claim does not hold.")


if __name__ == "__main__":
    start(main)
