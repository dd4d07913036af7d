"""The notebook of an experiment runs by itself and says what the page says."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from core.experiments.experiment import Experiment, trial_runs
from core.experiments.plan import make_factor, make_plan
from core.experiments.results import summaries
from core.export.experiment_notebook import experiment_notebook
from tests.conftest import conv_recipe
from tests.helpers.made_experiments import RATES, experiment, finish, small_search

pytestmark = pytest.mark.usefixtures("run_folders")


def executed(made: Experiment, folder: Path, question: str) -> tuple[str, int]:
    """Run the notebook with a last cell that prints; what it printed, and how many pictures."""
    notebook = nbformat.reads(
        experiment_notebook(made, trial_runs(made)).decode("utf-8"), as_version=4
    )
    notebook.cells.append(nbformat.v4.new_code_cell(question))
    NotebookClient(
        notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    pictures = sum("image/png" in out.get("data", {}) for out in outputs)
    return "".join(out["text"] for out in outputs if out.get("name") == "stdout"), pictures


@pytest.mark.long
def test_a_grid_is_summed_up_and_drawn(tmp_path: Path) -> None:
    recipe = conv_recipe(validation_split=0.1, epochs=2)
    made = experiment(
        make_plan(recipe, [RATES, make_factor("conv.filters", [8, 16])], seeds=2),
        title='Rates "and"\n# filters \\ $x$',
    )
    for number in range(7):
        made = finish(made, number, 20 + number, val_loss=0.1 * (number + 1))
    made = finish(made, 7, status="failed", ended_by="fault")
    asked = "import json; print(json.dumps(summary.reset_index().values.tolist()))"
    printed, pictures = executed(made, tmp_path, asked)
    expected = [
        (each.n, each.mean, each.deviation)
        for each in summaries(trial_runs(made), "validation loss")
    ]
    for (_, count, mean, deviation), (n, own_mean, own_deviation) in zip(
        json.loads(printed), expected, strict=True
    ):
        assert (count, mean) == (n, pytest.approx(own_mean))
        assert deviation == pytest.approx(own_deviation, nan_ok=True)
    assert pictures == 3  # points, curves, and the map


@pytest.mark.long
def test_a_search_shows_its_history(tmp_path: Path) -> None:
    made = experiment(small_search(), proposals=((0.001,), (0.01,), (0.05,)))
    made = finish(made, 0, val_loss=0.5)
    made = finish(made, 1, val_loss=0.9, status="stopped", ended_by="pruning")
    made = finish(made, 2, val_loss=0.2)
    asked = "print(finished['validation_loss'].cummin().tolist(), pruned['run'].map(last).tolist())"
    printed, pictures = executed(made, tmp_path, asked)
    assert printed.strip() == "[0.5, 0.2] [0.9]"
    assert pictures == 1


def test_before_anything_is_finished_it_holds_the_plan(tmp_path: Path) -> None:
    made = experiment()
    notebook = nbformat.reads(
        experiment_notebook(made, trial_runs(made)).decode("utf-8"), as_version=4
    )
    assert "2 combinations × 3 seeds = 6 trainings" in notebook.cells[0].source
    assert "MEASURE = ''" in "".join(cell.source for cell in notebook.cells).replace('"', "'")
