"""What the runs of an experiment say together, and experiments on disk."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.experiments.experiment import (
    BrokenExperiment,
    experiment_file,
    find_experiment,
    list_experiments,
    trial_runs,
)
from core.experiments.plan import combinations_of
from core.experiments.results import curve_band, measures_of, result_rows, summaries
from core.utils.errors import ExperimentError
from tests.helpers.made_experiments import experiment, finish, small_plan

pytestmark = pytest.mark.usefixtures("run_folders")


def test_runs_are_summed_up_by_combination() -> None:
    made = experiment()
    for number, (wrong, loss) in enumerate([(50, 0.3), (20, 0.2), (60, 0.4), (24, 0.1), (40, 0.5)]):
        made = finish(made, number, wrong, loss)
    runs = trial_runs(made)
    assert [trial_run.status for trial_run in runs] == ["finished"] * 5 + ["planned"]
    assert measures_of(runs)[0] == "validation loss"
    slow, quick = summaries(runs, "test accuracy")
    assert slow.by_seed == pytest.approx({0: 0.95, 1: 0.94, 2: 0.96})
    assert quick.by_seed == pytest.approx({0: 0.98, 1: 0.976})
    assert (quick.n, quick.planned) == (2, 3)
    assert slow.mean == pytest.approx(0.95)
    assert slow.deviation == pytest.approx(0.01)  # by hand
    assert 0.94 <= slow.low < slow.mean < slow.high <= 0.96
    # The validation figure is that of the last epoch.
    assert summaries(runs, "validation loss")[0].by_seed == pytest.approx({0: 0.3, 1: 0.4, 2: 0.5})


def test_only_trainings_that_came_to_their_end_count() -> None:
    made = finish(experiment(), 0, 50)
    made = finish(made, 1, 700, status="stopped", ended_by="by hand")
    made = finish(made, 2, 900, status="failed", ended_by="fault")
    made = finish(made, 3, 30)
    shutil.rmtree(made.run_folder(3))
    runs = trial_runs(made)
    expected = ["finished", "stopped", "failed", "deleted", "planned", "planned"]
    assert [trial_run.status for trial_run in runs] == expected
    assert [summary.n for summary in summaries(runs, "test accuracy")] == [1, 0]
    rows = result_rows(runs)
    assert [row["test_accuracy"] for row in rows] == [0.95, None, None, None, None, None]
    assert rows[1]["optimizer.learning_rate"] == 0.01
    assert rows[1]["status"] == "stopped"


def test_curves_have_a_band_over_seeds() -> None:
    made = experiment()
    for number, loss in enumerate([0.3, 0.9, 0.5]):
        made = finish(made, number, val_loss=loss)
    first, second = combinations_of(made.plan)
    runs = trial_runs(made)
    band = curve_band(runs, first, "val_loss")
    assert band.epochs.tolist() == [1, 2]
    np.testing.assert_allclose(band.runs, [[0.4, 0.3], [0.6, 0.5]])
    np.testing.assert_allclose(band.mean, [0.5, 0.4])
    np.testing.assert_allclose(band.deviation, [math.sqrt(0.02)] * 2)
    assert np.isnan(curve_band(runs, second, "val_loss").deviation).all()  # a single run
    # One that ended early has no part in the later epochs.
    lines = (made.run_folder(2) / "history.csv").read_text().splitlines()
    (made.run_folder(2) / "history.csv").write_text("\n".join(lines[:2]) + "\n")
    shorter = curve_band(trial_runs(made), first, "val_loss")
    np.testing.assert_allclose(shorter.mean, [0.5, 0.3])
    assert np.isnan(shorter.deviation[1])


def test_a_damaged_experiment_is_listed_with_a_sentence(run_folders: tuple[Path, Path]) -> None:
    experiment(name="good-one")
    for name, text in {
        "cut-off": '{"format": 1, "id": "cut',
        "no-list": "[]",
        "newer": json.dumps({"format": 2}),
        "odd": json.dumps(
            {
                **json.loads(experiment_file("good-one").read_text()),
                "plan": {
                    **small_plan().model_dump(mode="json"),
                    "factors": [{"setting": "color", "values": [1]}],
                },
            }
        ),
    }.items():
        experiment_file(name).write_text(text)
    good, *broken = list_experiments()
    assert good == find_experiment("good-one")
    assert all(isinstance(each, BrokenExperiment) for each in broken)
    assert len(broken) == 4
    assert all("cannot be opened" in each.problem for each in broken)
    for name in ("nobody", "../experiment-1", "", "x" * 99):
        with pytest.raises(ExperimentError, match="There is no experiment"):
            find_experiment(name)
