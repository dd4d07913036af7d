# bench: heavy
"""What does accuracy cost: seconds of training, parameters, training digits?

Claim: none. It describes `fast`, whose trainings are short enough to repeat, beside the networks
that ship and the tutorials.

How: three curves, each with three seeds a point, on MNIST's test digits. Nothing is chosen by them.

- seconds: the recipe with 1, 2, 3 and 5 epochs, each with its own schedule;
- parameters: the filters of all convolutions times 1/4, 1/2, 1 and 2;
- training digits: 500 to all of them, of each class the same part, a twentieth of them for
  validation; with as many epochs as show the network as many digits as one epoch of all digits,
  but at most 50.

Each training is a run folder under `runs/.cost/`: one that is finished is not trained again, and
one that was cut off goes on at its last checkpoint. The unchanged recipe is a point of each curve
and trained once.

    python -m benchmarks.cost_curves [--seeds 3] [--quick]       (quick: one seed, a point a curve)
    python -m benchmarks.cost_curves --redraw      (the curves as they are, the shipped runs anew)

Writes `benchmarks/results/cost_curves.json` and `docs/figures/cost_curves.svg`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.common import RESULTS, parser, start, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks._kept_trainings import recipe_digest, spread, trained
from core import ROOT
from core.recipes.draft import to_architecture, to_blocks, with_filters
from core.recipes.presets import FAST, PRESETS
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.run import Run

FOLDER: Final = registry.own_folder() / ".cost"
PICTURE: Final = ROOT / "docs" / "figures" / "cost_curves.svg"
EPOCHS: Final = (1, 2, 3, 5)
FILTERS: Final = (4, 8, 16, 32)
"""Of the first convolution; the others keep their proportion to it."""
DIGITS: Final = (500, 1000, 2000, 5000, 10_000, 20_000, 0)
"""0: all that there are."""
ALL_DIGITS: Final = 59_000
MOST_EPOCHS: Final = 50

Points = dict[str, dict[str, Any]]


def main() -> None:
    """Train what is missing, then write the curves and their picture."""
    made = parser(__doc__)
    made.add_argument("--seeds", type=int, default=3)
    made.add_argument("--redraw", action="store_true", help="keep the curves as they are written")
    asked = made.parse_args()
    seeds = range(1 if asked.quick else asked.seeds)
    if asked.redraw:
        report = json.loads((RESULTS / "cost_curves.json").read_text(encoding="utf-8"))
        curves, seeds = report["figures"]["fast"], report["seeds"]
    else:
        curves = {
            name: {
                point: measure(f"{name}, {point}", recipe, seeds)
                for point, recipe in list(recipes.items())[: 1 if asked.quick else None]
            }
            for name, recipes in recipes_of_curves().items()
        }
    figures = {"fast": curves, "shipped": shipped_runs(), "tutorials": tutorials()}
    write_result("cost_curves", figures, quick=asked.quick, seeds=list(seeds))
    if not asked.quick:
        PICTURE.parent.mkdir(exist_ok=True)
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": PICTURE.name}):
            picture(figures).savefig(PICTURE, metadata={"Date": None})
        print(f"written: {PICTURE}")


def recipes_of_curves() -> dict[str, dict[str, Recipe]]:
    """The recipe of each point of each curve."""
    return {
        "seconds": {f"{epochs} epochs": FAST.recipe.changed(epochs=epochs) for epochs in EPOCHS},
        "parameters": {f"{filters} filters": of_filters(filters) for filters in FILTERS},
        "digits": {f"{digits or ALL_DIGITS} digits": of_digits(digits) for digits in DIGITS},
    }


def of_filters(filters: int) -> Recipe:
    """The recipe of `fast` with another number of filters."""
    blocks = with_filters(to_blocks(FAST.recipe.architecture.layers), filters)
    return FAST.recipe.changed(architecture=to_architecture(blocks).model_dump())


def of_digits(digits: int) -> Recipe:
    """The recipe of `fast` for fewer digits, with more epochs.

    Example:
        >>> of_digits(10_000).epochs, of_digits(500).epochs, of_digits(0).epochs
        (6, 50, 1)
    """
    epochs = min(round(ALL_DIGITS / (digits or ALL_DIGITS)), MOST_EPOCHS)
    return FAST.recipe.changed(train_size=digits, epochs=epochs)


def measure(name: str, recipe: Recipe, seeds: Sequence[int]) -> dict[str, Any]:
    """The trainings of one point, with every seed."""
    folder = FOLDER / recipe_digest(recipe)[:12]
    runs = [trained(recipe.changed(seed=s), folder / f"seed-{s}", "fast") for s in seeds]
    row = {
        "epochs": recipe.epochs,
        "digits": recipe.train_size or ALL_DIGITS,
        "parameters": recipe.architecture.parameters,
        "seconds": spread([run.info.seconds for run in runs]),
        "accuracy": spread([run.info.metrics["mnist"].accuracy for run in runs]),
    }
    print(name, row, flush=True)
    return row


def shipped_runs() -> Points:
    """The runs that ship: one training each, on whatever machine it was trained."""
    return {
        run.id: {
            "parameters": run.info.recipe.architecture.parameters,
            "seconds": run.info.seconds,
            "accuracy": run.info.metrics["mnist"].accuracy,
        }
        for run in registry.list_shipped()
        if isinstance(run, Run)
    }


def tutorials() -> Points:
    """The tutorials as `make reproduce` measured them, the mean of their seeds."""
    measured = json.loads((RESULTS / "reproduce.json").read_text(encoding="utf-8"))["figures"]
    return {
        name: {"parameters": row["parameters"], "accuracy": row["test_accuracy"]["mean"]}
        for name, row in measured.items()
        if name in PRESETS
    }


def picture(figures: Mapping[str, Any]) -> Figure:
    """Errors against what they cost: three charts with logarithmic axes."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    seconds, parameters, digits = figure.subplots(1, 3)
    curves = figures["fast"]
    draw(seconds, [(row["seconds"]["mean"], row) for row in curves["seconds"].values()])
    draw(parameters, [(row["parameters"], row) for row in curves["parameters"].values()])
    draw(digits, [(row["digits"], row) for row in curves["digits"].values()])
    others = {**figures["shipped"], **figures["tutorials"]}
    for name, row in others.items():
        if name != FAST.name:
            place = (row["parameters"], 100 - 100 * row["accuracy"])
            parameters.scatter(*place, s=18, color="#7a7a7a")
            # A name beside a point at the right edge would stand in the next chart.
            side, away = ("right", -5) if row["parameters"] > 400_000 else ("left", 5)
            parameters.annotate(
                name, place, (away, 3), textcoords="offset points", ha=side, fontsize=7
            )
    for axes, words in (
        (seconds, "seconds of training"),
        (parameters, "parameters"),
        (digits, "training digits"),
    ):
        axes.set(xscale="log", yscale="log", xlabel=words, ylabel="wrong of 100 test digits")
        for axis in (axes.yaxis, axes.xaxis):
            axis.set_major_formatter("{x:,g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.tick_params(which="both", labelsize=7)
        axes.grid(which="both", alpha=0.25)
    seconds.xaxis.set_minor_formatter("{x:g}")
    return figure


def draw(axes: Axes, points: Sequence[tuple[float, Mapping[str, Any]]]) -> None:
    """A curve of `fast`, with the range over the seeds."""
    cost = [place for place, _ in points]
    wrong = [[100 - 100 * row["accuracy"][key] for _, row in points] for key in ("mean", "max")]
    most = [100 - 100 * row["accuracy"]["min"] for _, row in points]
    axes.plot(cost, wrong[0], "o-", color="#1f6feb", label="fast")
    axes.fill_between(cost, wrong[1], most, color="#1f6feb", alpha=0.2)
    axes.legend(fontsize=8)


if __name__ == "__main__":
    start(main)
