"""What the runs of an experiment reached: a summary for each combination of settings.

A measure is a figure that each run has one of. Settings are chosen by their validation figures:
those on the test digits tell how good what was chosen is, and whoever chooses by them can no longer
say so.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.data.mnist import DATASETS, DatasetName
from core.experiments.experiment import TrialRun
from core.experiments.plan import Combination
from core.runs.run import Run
from core.utils.files import csv_bytes, file_stamp, without_formulas

Measure = Literal["validation loss", "validation accuracy", "test accuracy", "test loss", "seconds"]
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
_HIGHER_IS_BETTER: Final = {"validation accuracy", "test accuracy"}
CONFIDENCE: Final = 0.95
_RESAMPLES: Final = 9_999


def higher_is_better(measure: Measure) -> bool:
    """Whether a higher value of a measure is the better one."""
    return measure in _HIGHER_IS_BETTER


@dataclass(frozen=True, eq=False)
class Summary:
    """The values of a measure that the runs of one combination reached.

    Attributes:
        combination: its settings.
        by_seed: the value of each seed whose run is finished, in order.
        planned: how many seeds it is to have.
        low: the lower end of the mean's 95 % bootstrap interval; NaN for fewer than two values.
        high: the upper end.
    """

    combination: Combination
    by_seed: dict[int, float]
    planned: int
    low: float
    high: float

    @property
    def values(self) -> NDArray[np.float64]:
        """The values alone."""
        return np.array(list(self.by_seed.values()))

    @property
    def n(self) -> int:
        """How many runs are finished."""
        return len(self.by_seed)

    @property
    def mean(self) -> float:
        """The mean; NaN without values."""
        return float(self.values.mean()) if self.n else math.nan

    @property
    def deviation(self) -> float:
        """The sample standard deviation; NaN for fewer than two values."""
        return float(self.values.std(ddof=1)) if self.n > 1 else math.nan


def measures_of(runs: Sequence[TrialRun]) -> list[Measure]:
    """The measures that every finished run has, those to choose by first."""
    finished = [trial_run.result for trial_run in runs if trial_run.result]
    dataset = common_dataset(runs)
    return [
        measure
        for measure in MEASURES
        if finished and all(value_of(run, measure, dataset) is not None for run in finished)
    ]


def common_dataset(runs: Iterable[TrialRun]) -> DatasetName | None:
    """The largest set of test digits that all finished runs were tested on; None without any."""
    finished = [trial_run.result for trial_run in runs if trial_run.result]
    for name in DATASETS:
        if finished and all(name in run.info.metrics for run in finished):
            return name
    return None


def value_of(run: Run, measure: Measure, dataset: DatasetName | None) -> float | None:
    """The value of a measure that a finished run reached.

    Args:
        run: the run.
        measure: which figure. Validation figures are those of the epoch whose weights were kept.
        dataset: whose test digits, for figures on these.

    Returns:
        Accuracies from 0 to 1; None if the run has no such figure, or none that is finite.
    """
    if measure == "seconds":
        return run.info.seconds
    if measure in {"test accuracy", "test loss"}:
        metrics = run.info.metrics.get(dataset) if dataset else None
        if metrics is None:
            return None
        value = metrics.accuracy if measure == "test accuracy" else metrics.loss
        return value if math.isfinite(value) else None
    return _validation_value(run, "val_loss" if measure == "validation loss" else "val_accuracy")


def _validation_value(run: Run, column: str) -> float | None:
    history = cached_history(run)
    if history is None or column not in history:
        return None
    kept = history[history["epoch"] == run.info.best_epoch] if run.info.best_epoch else history
    if kept.empty:
        return None
    value = float(kept[column].iloc[-1])
    return value if math.isfinite(value) else None


def cached_history(run: Run) -> pd.DataFrame | None:
    """The figures of each epoch of a run; None if there are none that can be read."""
    file = run.folder / "history.csv"
    try:
        return _read_history(file, file_stamp(file))
    except (OSError, ValueError):  # there is none yet, or it is damaged
        return None


@lru_cache(maxsize=2048)  # a page asks for those of fifty runs at each rerun
def _read_history(file: Path, _stamp: tuple[int, ...]) -> pd.DataFrame:
    return pd.read_csv(file)


def summaries(runs: Sequence[TrialRun], measure: Measure) -> list[Summary]:
    """Sum up the finished runs of each combination, in the order of the plan.

    Args:
        runs: all trainings of an experiment.
        measure: one of `measures_of`.
    """
    dataset = common_dataset(runs)
    combinations: dict[int, Combination] = {}
    planned: dict[int, int] = {}
    values: dict[int, dict[int, float]] = {}
    for trial_run in runs:
        trial, number = trial_run.trial, trial_run.trial.combination.number
        combinations.setdefault(number, trial.combination)
        planned[number] = planned.get(number, 0) + 1
        by_seed = values.setdefault(number, {})
        if trial_run.result:
            value = value_of(trial_run.result, measure, dataset)
            if value is not None:
                by_seed[trial.seed] = value
    return [
        Summary(
            combinations[number],
            values[number],
            planned[number],
            *bootstrap_interval(list(values[number].values())),
        )
        for number in sorted(combinations)
    ]


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the mean (Efron, 1979).

    With few values it is too narrow, as it knows no other values than these: five seeds cover the
    true mean in some 84 % of cases, not 95.

    Args:
        values: what each seed reached.

    Returns:
        The lower and the upper end; NaN for fewer than two values.
    """
    if len(values) < 2:
        return math.nan, math.nan
    return _bootstrap(tuple(values))


@lru_cache(maxsize=4096)
def _bootstrap(values: tuple[float, ...]) -> tuple[float, float]:
    # The same numbers each time, or a figure on the page would tremble.
    chosen = np.random.default_rng(0).integers(0, len(values), (_RESAMPLES, len(values)))
    means = np.array(values)[chosen].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class CurveBand:
    """The curves of one combination's runs, epoch by epoch.

    Attributes:
        epochs: counted from 1, as far as the longest run goes.
        runs: the values of each run, float (runs, epochs); NaN where a run has none.
        mean: over the runs that have a value.
        deviation: their sample standard deviation; NaN for fewer than two.
    """

    epochs: NDArray[np.int64]
    runs: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


def curve_band(runs: Sequence[TrialRun], combination: Combination, column: str) -> CurveBand | None:
    """The curves of all runs of a combination that have begun.

    Args:
        runs: all trainings of an experiment.
        combination: one of its combinations.
        column: of a run's history: "val_loss", "val_accuracy", "loss" or "accuracy".

    Returns:
        None if no epoch is done, or nothing was validated.
    """
    rows: list[dict[int, float]] = []
    for trial_run in runs:
        if trial_run.run is None or trial_run.trial.combination.number != combination.number:
            continue
        history = cached_history(trial_run.run)
        if history is not None and column in history:
            pairs = zip(history["epoch"].tolist(), history[column].tolist(), strict=True)
            row = {int(epoch): float(value) for epoch, value in pairs if math.isfinite(value)}
            rows += [row] * bool(row)
    if not rows:
        return None
    epochs = np.arange(1, max(max(row) for row in rows) + 1)
    values = np.array([[row.get(int(epoch), math.nan) for epoch in epochs] for row in rows])
    count = np.isfinite(values).sum(axis=0)
    mean = np.nansum(values, axis=0) / np.where(count > 0, count, math.nan)
    squares = np.nansum((values - mean) ** 2, axis=0)
    deviation = np.sqrt(squares / np.where(count > 1, count - 1, math.nan))
    return CurveBand(epochs, values, mean, deviation)


def result_rows(runs: Sequence[TrialRun]) -> list[dict[str, Any]]:
    """A row for each training of an experiment, for CSV files and notebooks.

    Returns:
        The run's id, its status, seed, varied settings by name, and its measures; None where there
        is no figure.
    """
    dataset = common_dataset(runs)
    rows: list[dict[str, Any]] = []
    for trial_run in runs:
        trial, run = trial_run.trial, trial_run.run
        row: dict[str, Any] = {
            "training": trial.number + 1,
            "run": run.id if run else None,
            "status": trial_run.status,
            **dict(zip(trial.combination.settings, trial.combination.values, strict=True)),
            "seed": trial.seed,
        }
        result = trial_run.result
        for measure in MEASURES:
            row[measure.replace(" ", "_")] = result and value_of(result, measure, dataset)
        rows.append(row)
    return rows


def result_csv(runs: Sequence[TrialRun]) -> bytes:
    """The rows of `result_rows` as CSV, in which no text is a formula."""
    rows = result_rows(runs)
    cells = [
        [without_formulas(cell) if isinstance(cell, str) else cell for cell in row.values()]
        for row in rows
    ]
    return csv_bytes([list(rows[0]), *cells])


def left_out_sentences(runs: Sequence[TrialRun]) -> list[str]:
    """A sentence for each kind of training that ended without a result."""
    sentences: list[str] = []
    for status in ("failed", "stopped", "deleted"):
        count = sum(trial_run.status == status for trial_run in runs)
        if count:
            subject, rest = ("1 training", "is") if count == 1 else (f"{count} trainings", "are")
            was = "" if status == "failed" else "was " if count == 1 else "were "
            sentences.append(f"{subject} {was}{status}, and {rest} left out.")
    return sentences


def format_value(value: float, measure: Measure) -> str:
    """Format a value of a measure; a dash for NaN.

    Example:
        >>> format_value(0.9871, "test accuracy"), format_value(0.04567, "validation loss")
        ('98.71 %', '0.0457')
    """
    if math.isnan(value):
        return "–"
    if measure == "seconds":
        return f"{value:.1f} s"
    return f"{100 * value:.2f} %" if measure in _HIGHER_IS_BETTER else f"{value:.4f}"
