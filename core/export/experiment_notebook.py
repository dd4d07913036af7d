"""An experiment as a Jupyter notebook that holds its results and draws them."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import pandas as pd

from core.experiments.experiment import Experiment, TrialRun
from core.experiments.results import cached_history, measures_of, result_rows
from core.experiments.search import Search
from core.export.source_code import python_literal
from core.utils.text import shortened

_CURVES: Final = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
_LONGEST_TITLE: Final = 200
_IMPORTS: Final = """\
%matplotlib inline
from io import StringIO

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd"""
_SUMMARY: Final = """\
finished = runs[runs["status"] == "finished"].copy()
values = finished[SETTINGS].astype(str) if SETTINGS else pd.DataFrame(index=finished.index)
rows = values.to_dict("records")
labels = [", ".join(f"{name} {value}" for name, value in row.items()) for row in rows]
finished["setting"] = [label or "the recipe" for label in labels]
summary = finished.groupby("setting", sort=False)[MEASURE].agg(["count", "mean", "std"])
summary"""
_POINTS: Final = """\
order = list(summary.index)[::-1]
figure, axes = plt.subplots(figsize=(8, 1 + 0.35 * len(order)))
axes.plot(finished[MEASURE], finished["setting"].map(order.index), "o", color="0.6", alpha=0.7)
spread = summary["std"].fillna(0)[::-1]
axes.errorbar(summary["mean"][::-1], range(len(order)), xerr=spread, fmt="D", capsize=3)
axes.set_yticks(range(len(order)), order)
axes.set_xlabel(f"{MEASURE}: each run, the mean, one standard deviation")
plt.show()"""
_BANDS: Final = """\
named = curves.merge(finished[["run", "setting"]], on="run")
column = "val_loss" if named["val_loss"].notna().any() else "loss"
figure, axes = plt.subplots(figsize=(8, 5))
for setting, rows in list(named.groupby("setting", sort=False))[:8]:
    band = rows.groupby("epoch")[column].agg(["mean", "std"]).fillna(0)
    axes.plot(band.index, band["mean"], label=setting)
    axes.fill_between(band.index, band["mean"] - band["std"], band["mean"] + band["std"], alpha=0.2)
axes.set_xlabel("epoch")
axes.set_ylabel(column)
axes.legend(fontsize="small")
plt.show()"""
_MAP: Final = """\
down, across = SETTINGS
means = finished.pivot_table(index=down, columns=across, values=MEASURE, sort=False)
figure, axes = plt.subplots(figsize=(8, 1 + 0.6 * len(means)))
axes.imshow(means, aspect="auto", cmap="Blues", alpha=0.5)
for row, column in np.ndindex(means.shape):
    axes.text(column, row, f"{means.iloc[row, column]:.4f}", ha="center", va="center")
axes.set_xticks(range(len(means.columns)), means.columns)
axes.set_yticks(range(len(means)), means.index)
axes.set_xlabel(across)
axes.set_ylabel(down)
plt.show()"""
_HISTORY: Final = """\
figure, axes = plt.subplots(figsize=(8, 4))
axes.plot(finished["training"], finished["validation_loss"], "o")
axes.step(finished["training"], finished["validation_loss"].cummin(), where="post")
last = curves.groupby("run")["val_loss"].last()
pruned = runs[runs["status"] == "pruned"]
axes.plot(pruned["training"], pruned["run"].map(last), "x", color="0.6")
axes.set_yscale("log")
axes.set_xlabel("training (x: pruned, at its last epoch)")
axes.set_ylabel("validation loss")
plt.show()"""


def experiment_notebook(experiment: Experiment, runs: Sequence[TrialRun]) -> bytes:
    """Export an experiment as a Jupyter notebook: its results as data, and code that draws them.

    Args:
        experiment: any.
        runs: its trainings.

    Returns:
        The bytes of an .ipynb file, which needs pandas and matplotlib and no network.
    """
    nbformat: Any = import_module("nbformat")  # it has no types
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell(_title(experiment), id="title")]
    cells += [
        v4.new_code_cell(code, id=f"code-{place}")
        for place, code in enumerate(_code(experiment, runs))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.validate(made)
    return (nbformat.writes(made) + "\n").encode()


def _title(experiment: Experiment) -> str:
    name = shortened(experiment.name, _LONGEST_TITLE).replace("\n", " ")
    return (
        f"# {name}\n\nAn experiment made with Digitscope on {experiment.created:%Y-%m-%d}: "
        f"{experiment.plan.describe()}. Its results are in this notebook; the code below draws "
        "them. Choose settings by validation figures: those on the test digits then say how good "
        "the choice is."
    )


def _code(experiment: Experiment, runs: Sequence[TrialRun]) -> list[str]:
    """The code cells, in their order."""
    plan = experiment.plan
    settings = list(plan.settings)
    measures = measures_of(runs)
    constants = (
        f"SETTINGS = {python_literal(settings)}\n"
        f"MEASURE = {python_literal(measures[0].replace(' ', '_') if measures else '')}"
    )
    table = _embedded(pd.DataFrame(result_rows(runs)))
    data = (
        f"{constants}\n\nruns = pd.read_csv(StringIO({table}))\n"
        f"curves = pd.read_csv(StringIO({_embedded(_curves(runs))}))\nruns"
    )
    cells = ["# Not installed?  # %pip install pandas matplotlib", _IMPORTS, data]
    if not measures:  # nothing is finished, so there is nothing to draw
        return cells
    cells.append(_SUMMARY)
    if isinstance(plan, Search):
        return [*cells, _HISTORY]
    cells += [_POINTS, _BANDS]
    return [*cells, _MAP] if len(settings) == 2 else cells


def _embedded(table: pd.DataFrame) -> str:
    """A table as a text in source code, a line a row."""
    text = table.to_csv(index=False).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""\\\n{text}"""'


def _curves(runs: Sequence[TrialRun]) -> pd.DataFrame:
    """The figures of each epoch of each run that has begun."""
    tables: list[pd.DataFrame] = []
    for trial_run in runs:
        history = cached_history(trial_run.run) if trial_run.run else None
        if trial_run.run is None or history is None:
            continue
        table = history.reindex(columns=list(_CURVES))
        table.insert(0, "run", trial_run.run.id)
        tables.append(table)
    if not tables:
        return pd.DataFrame(columns=["run", *_CURVES])
    return pd.concat(tables, ignore_index=True)
