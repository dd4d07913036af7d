# bench: heavy
"""How far does chance alone move a preset's accuracy?

Each preset is trained with several seeds, everything else equal, and tested on MNIST's 10,000 test
digits. A tutorial reports one training with one unknown seed: its figure agrees with ours if it
lies within what our seeds give.

Every training is a run folder under `runs/.seeds/`: one that is there is not trained again, so the
script can be stopped at any moment and goes on where it was.

    python -m benchmarks.seeds [--presets kundathil] [--seeds 5]

Writes `benchmarks/results/seeds.json`.
"""

from __future__ import annotations

import os
import shutil

from benchmarks.common import parser, start, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from core.recipes.presets import find_preset
from core.runs import registry
from core.training.trainer import train
from core.utils.errors import RunError

# A folder with a dot is not listed among the runs.
FOLDER = registry.own_folder() / ".seeds"


def main() -> None:
    """Train what is missing, print a table, write the result."""
    made = parser(__doc__)
    made.add_argument("--presets", nargs="+", default=["kundathil"])
    made.add_argument("--seeds", type=int, default=5)
    asked = made.parse_args()
    figures = {}
    for name in asked.presets:
        wrong = [_wrong(name, seed) for seed in range(1 if asked.quick else asked.seeds)]
        figures[name] = {
            "wrong_of_10000_by_seed": wrong,
            "tutorial": getattr(find_preset(name).tutorial, "figure", None),
        }
        print(f"{name}: {min(wrong)} to {max(wrong)} wrong of 10,000 {wrong}")
    write_result("seeds", figures, quick=asked.quick)


def _wrong(name: str, seed: int) -> int:
    folder = FOLDER / f"{name}-{seed}"
    try:
        metrics = registry.read_run(folder).info.metrics
    except RunError:
        metrics = {}
    if "mnist" not in metrics:  # never begun, or cut off
        shutil.rmtree(folder, ignore_errors=True)
        recipe = find_preset(name).recipe.changed(seed=seed)
        metrics = train(recipe, folder, max_epoch_bytes=0).info.metrics
    return metrics["mnist"].wrong


if __name__ == "__main__":
    start(main)
