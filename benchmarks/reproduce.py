# bench: heavy
"""Does a tutorial's figure lie within what chance alone gives its recipe?

Each tutorial's preset is trained with five seeds on all 60,000 digits of MNIST, everything else
equal, and tested on the 10,000 test digits. A tutorial reports one training with one unknown seed:
its figure is confirmed if it lies within what our seeds give.

Every training is a run folder under `runs/.reproduce/`. One that is finished is not trained again,
and one that was cut off goes on at its last checkpoint, so the script can be killed at any moment.
Two scripts with different `--presets` may run side by side.

    python -m benchmarks.reproduce [--presets yalcin ...] [--seeds 5]

Writes `benchmarks/results/reproduce.json` and `docs/results.md` once all trainings are there.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any, Final

from benchmarks.common import parser, start, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import _kept_trainings as kept_trainings
from benchmarks._kept_trainings import is_finished, spread
from core.recipes.presets import PRESETS, Tutorial
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.ensembles import plan_ensemble
from core.runs.predictions import score_predictions
from core.runs.run import Run
from core.runs.writer import make_run_folder, write_info
from core.training.pseudo_labels import PseudoLabelSettings, plan_pseudo_labels

# A folder with a dot is not listed among the runs.
FOLDER: Final = registry.own_folder() / ".reproduce"
PAGE: Final = Path(__file__).parents[1] / "docs" / "results.md"
SEEDS: Final = 5
RADIANS: Final = "katariya, shear in radians"
RECIPES: Final[dict[str, Recipe]] = {
    name: preset.recipe
    for name, preset in PRESETS.items()
    if preset.tutorial or name == "katariya-batchnorm"
}
# Until December 2017 Keras took the shear of its ImageDataGenerator in radians (keras-team/keras,
# pull request 8868), and the tutorial is older than that: its 0.3 may have been 17.2 degrees.
_TURNED = RECIPES["katariya"].augmentation.model_copy(update={"shear": math.degrees(0.3)})
RECIPES[RADIANS] = RECIPES["katariya"].changed(augmentation=_TURNED.model_dump())
PSEUDO: Final = "katariya, then pseudo-labels"
RECIPES[PSEUDO] = RECIPES["katariya"]
"""Five more epochs from the finished network, with the test digits' pseudo-labels, as he made."""
TUTORIALS: Final = {name: preset.tutorial for name, preset in PRESETS.items()}
TUTORIALS[RADIANS] = TUTORIALS["katariya"]
PSEUDO_LABELED_ACCURACY: Final = 0.9936
"""What the tutorial's notebook prints after its last epoch with pseudo-labels."""


def main() -> None:
    """Train what is missing; once nothing is, write the table."""
    made = parser(__doc__)
    made.add_argument(
        "--presets", nargs="+", default=list(RECIPES), choices=list(RECIPES), metavar="PRESET"
    )
    made.add_argument("--seeds", type=int, default=SEEDS)
    asked = made.parse_args()
    seeds = range(1 if asked.quick else asked.seeds)
    for seed in seeds:
        for name in asked.presets:
            run = trained(name, seed)
            print(f"{name}, seed {seed}: {run.info.metrics['mnist']}", flush=True)
    missing = [
        (name, seed) for name in RECIPES for seed in seeds if not is_finished(folder_of(name, seed))
    ]
    if missing:
        print(f"{len(missing)} trainings are still missing: no table is written")
        return
    figures = {name: summarize(name, [trained(name, seed) for seed in seeds]) for name in RECIPES}
    write_result("reproduce", figures, quick=asked.quick, seeds=list(seeds))
    if not asked.quick:
        PAGE.write_text(results_page(figures, len(seeds)), encoding="utf-8")
        print(f"written: {PAGE}")


def recipe_of(name: str, seed: int) -> Recipe:
    """The preset on all of MNIST's training digits, as its author trained it."""
    return RECIPES[name].changed(seed=seed, exclude_sample_test=False)


def folder_of(name: str, seed: int) -> Path:
    """The folder of a training."""
    return FOLDER / f"{re.sub('[^a-z0-9]+', '-', name)}-{seed}"


def trained(name: str, seed: int) -> Run:
    """The finished run of a preset and a seed; it is trained, or trained on, if need be."""
    recipe, folder = recipe_of(name, seed), folder_of(name, seed)
    if name == PSEUDO:
        return pseudo_labeled(seed, folder)
    return kept_trainings.trained(recipe, folder, name)


def pseudo_labeled(seed: int, folder: Path) -> Run:
    """The finished run that went on from katariya's of this seed; trained if need be."""
    if not folder.exists():
        plan = plan_pseudo_labels(trained("katariya", seed), PseudoLabelSettings())
        make_run_folder(folder)
        plan.write(folder)
        write_info(folder, plan.info(folder.name))
    return kept_trainings.finished(registry.read_run(folder))


def summarize(name: str, runs: list[Run]) -> dict[str, Any]:
    """Mean, standard deviation, smallest and largest over the seeds, and the author's figure."""
    recipe = RECIPES[name]
    histories = [run.history() for run in runs]
    columns = {
        "test_accuracy": [run.info.metrics["mnist"].accuracy for run in runs],
        "test_loss": [run.info.metrics["mnist"].loss for run in runs],
        "training_accuracy": [float(history["accuracy"].iloc[-1]) for history in histories],
        "seconds": [run.info.seconds for run in runs],
    }
    if recipe.validate_on_test:
        # The best epoch by test digits is no fair test: it shows what choosing by them gains.
        columns["best_epoch_by_test_digits"] = [float(h["val_accuracy"].max()) for h in histories]
    figures: dict[str, Any] = {
        "parameters": recipe.architecture.parameters,
        "epochs": recipe.epochs,
        "steps_per_epoch": recipe.steps_per_epoch(60_000),
        "wrong_of_10000_by_seed": [run.info.metrics["mnist"].wrong for run in runs],
    }
    figures |= {column: spread(values) for column, values in columns.items()}
    average = plan_ensemble(runs).answers["mnist"] if len(runs) > 1 else None
    if average:  # of all seeds: what an ensemble of them would give
        figures["wrong_of_10000_averaged"] = score_predictions(average, held_out=True).wrong
    if name == PSEUDO:
        ours = figures["test_accuracy"]
        where = place(PSEUDO_LABELED_ACCURACY, ours)
        told = {"accuracy": PSEUDO_LABELED_ACCURACY, "of": "test digits", "accuracy_lies": where}
        return figures | {"author": told}
    return figures | {"author": compare(TUTORIALS[name], figures)}


def compare(tutorial: Tutorial | None, figures: dict[str, Any]) -> dict[str, Any] | None:
    """What the author reports, and where it lies among the figures of our seeds."""
    if tutorial is None or tutorial.accuracy is None:
        return None
    ours = figures[f"{tutorial.measured_on}_accuracy"]
    told: dict[str, Any] = {
        "accuracy": tutorial.accuracy,
        "of": f"{tutorial.measured_on} digits",
        "accuracy_lies": place(tutorial.accuracy, ours),
    }
    if tutorial.loss is not None:
        told |= {"loss": tutorial.loss, "loss_lies": place(tutorial.loss, figures["test_loss"])}
    return told


def place(value: float, ours: dict[str, Any]) -> str:
    """Where a figure lies: "within" our smallest and largest, "above" or "below" all of them.

    The author rounded, so half a unit of the figure's last digit is granted on both sides.

    Example:
        >>> place(0.985, {"min": 0.98545, "max": 0.987}), place(0.985, {"min": 0.986, "max": 0.987})
        ('within', 'below')
    """
    half = 0.5 * 10.0 ** -len(str(value).partition(".")[2])
    if value + half < ours["min"]:
        return "below"
    return "above" if value - half > ours["max"] else "within"


def results_page(figures: dict[str, dict[str, Any]], seeds: int) -> str:
    """The table as a page of the docs."""
    head = (
        "| preset | epochs | parameters | test accuracy | average of all seeds | test loss "
        "| training accuracy |"
    )
    rows = [
        f"| `{name}` | {row['epochs']} | {row['parameters']:,} | {_percent(row['test_accuracy'])} "
        f"| {_averaged(row)} | {_decimal(row['test_loss'])} | {_percent(row['training_accuracy'])} "
        f"| {row['seconds']['mean']:.0f} s | {_authors(row['author'])} |"
        for name, row in figures.items()
    ]
    table = [f"{head} seconds | its author's figure |", "| --- " * 9 + "|", *rows]
    return _PAGE.format(seeds=seeds, last=seeds - 1, table="\n".join(table))


def _averaged(row: dict[str, Any]) -> str:
    wrong = row.get("wrong_of_10000_averaged")
    return "none" if wrong is None else f"{100 - wrong / 100:.2f} %"


def _percent(ours: dict[str, Any]) -> str:
    low, high = 100 * ours["min"], 100 * ours["max"]
    return f"{100 * ours['mean']:.2f} % ± {100 * (ours['sd'] or 0):.2f} ({low:.2f} to {high:.2f})"


def _decimal(ours: dict[str, Any]) -> str:
    return f"{ours['mean']:.4f} ± {ours['sd'] or 0:.4f} ({ours['min']:.4f} to {ours['max']:.4f})"


def _authors(told: dict[str, Any] | None) -> str:
    if told is None:
        return "none"
    where = {"within": "within ours", "above": "above all of ours", "below": "below all of ours"}
    text = f"{100 * told['accuracy']:g} % of the {told['of']}: {where[told['accuracy_lies']]}"
    if "loss" in told:
        text += f"; loss {told['loss']:g}: {where[told['loss_lies']]}"
    return text


_PAGE = """\
# The tutorials, reproduced

Each of the five tutorials is trained {seeds} times, with the seeds 0 to {last}, on all 60,000
training digits of MNIST, as its author trained it, and tested on the 10,000 test digits.
Everything but the seed is equal. A tutorial reports one training with one unknown seed, so its
figure is confirmed if it lies within what our seeds give.

`make reproduce` makes this page again. It can be stopped at any moment and goes on where it was;
the trainings lie in `runs/.reproduce/`. All numbers, by seed, are in
`benchmarks/results/reproduce.json`.

{table}

`katariya, shear in radians` is the same notebook as its author's Keras understood it: until
December 2017 the shear of ImageDataGenerator was in radians (keras-team/keras, pull request
8868), so that his 0.3 was 17 degrees. `katariya, then pseudo-labels` goes on from each `katariya`
for five epochs with the test digits' pseudo-labels, as he did: it is no fair test.

An accuracy is the mean over the seeds ± the standard deviation, then the smallest and the
largest. The training accuracy is that of the last epoch, averaged while the network was still
changing, as Keras reports it. The seconds are the mean of a training, on a machine with two cores
on which two trainings ran side by side.
"""


if __name__ == "__main__":
    start(main)
