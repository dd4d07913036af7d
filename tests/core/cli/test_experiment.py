"""`python -m core experiment`: in this process but for one real experiment."""

import csv
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from core.__main__ import main
from core.experiments.experiment import Experiment, find_experiment, list_experiments
from core.experiments.plan import make_plan
from core.experiments.search import Search
from core.jobs.engine import LOCAL
from core.runs import registry
from tests.conftest import dense_recipe
from tests.core.cli.test_app import core
from tests.helpers.made_experiments import RATES, experiment, finish

pytestmark = pytest.mark.usefixtures("only_sample", "run_folders")


@pytest.fixture
def recipe_file(tmp_path: Path) -> str:
    file = tmp_path / "recipe.json"
    file.write_text(dense_recipe(validation_split=0.1).to_json())
    return str(file)


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOCAL, "start", lambda folder: 1)
    monkeypatch.setattr(LOCAL, "has_ended", lambda token: False)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    capsys.readouterr()
    assert main(["experiment", *arguments]) == status
    printed = capsys.readouterr()
    return printed.err if status else printed.out


def only() -> Experiment:
    (made,) = list_experiments()
    assert isinstance(made, Experiment)
    return made


@pytest.mark.long
def test_a_real_experiment_ends_with_a_table(
    recipe_file: str, run_folders: tuple[Path, Path]
) -> None:
    varied = ("--vary", "optimizer.learning_rate=0.00001,0.005", "--seeds", "2")
    done = core(
        "experiment",
        "start",
        *("--recipe", recipe_file, *varied, "--title", "Rates"),
        DIGITSCOPE_RUNS=str(run_folders[1]),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "2 combinations × 2 seeds = 4 trainings."
    assert len([line for line in lines if "wrong of 1,000" in line]) == 4
    assert "Rates: 2 combinations × 2 seeds = 4 trainings, finished." in lines
    table = done.stdout.split("\ntest accuracy")[1]
    slow, quick = (
        float(re.search(rf"^Learning rate {rate} .*?([0-9.]+) % ±", table, re.MULTILINE)[1])
        for rate in ("1e-05", "0.005")
    )
    assert quick > slow + 20
    runs = [registry.find_run(f"{only().id}-{number:03d}") for number in range(1, 5)]
    assert {run.info.status for run in runs} == {"finished"}
    # Each seed is a training of its own, and its run the one that its recipe gives.
    assert len({run.info.model_sha256 for run in runs}) == 4


@pytest.mark.usefixtures("no_processes")
def test_an_experiment_is_started_paused_resumed_extended_and_deleted(
    capsys: pytest.CaptureFixture[str], recipe_file: str
) -> None:
    text = said(
        capsys,
        *("start", "--recipe", recipe_file, "--vary", "epochs=1,2", "--seeds", "2", "--detach"),
    )
    assert "2 combinations × 2 seeds = 4 trainings." in text
    name = only().id
    assert f"{name}: going on, 0 of 4 trainings finished" in said(capsys, "list")
    row = json.loads(said(capsys, "list", "--json"))
    assert row["status"] == "going on"
    assert row["trainings"] == 4
    finish(only(), 0)
    assert "paused" in said(capsys, "pause", name)
    assert "going on" in said(capsys, "resume", name)
    finish(only(), 1)
    assert "2 combinations × 5 seeds = 10 trainings" in said(capsys, "extend", name, "--seeds", "3")
    assert "is going on: stop the experiment" in said(capsys, "delete", name, status=1)
    finish(only(), 2)
    assert "stopped" in said(capsys, "stop", name)
    assert "its runs stay" in said(capsys, "delete", name)
    assert said(capsys, "list") == ""
    assert registry.find_run(f"{name}-001").info.status == "finished"


def test_what_is_shown_and_what_the_csv_holds(capsys: pytest.CaptureFixture[str]) -> None:
    made = experiment(make_plan(dense_recipe(validation_split=0.1, epochs=2), [RATES], 3))
    assert "No training is finished yet." in said(capsys, "show", made.id)
    for number, wrong in enumerate([50, 20, 52, 22, 54]):
        made = finish(made, number, wrong, val_loss=wrong / 100)
    made = finish(made, 5, status="failed", ended_by="fault")
    text = said(capsys, "show", made.id)
    assert "1 training was failed, and is left out." not in text
    assert "1 training failed, and is left out." in text
    table = text.split("test accuracy (higher is better)")[1]
    assert "Learning rate 0.001  3 of 3  94.80 % ± 0.20 % (94.60 % to 95.00 %)" in table
    assert "Learning rate 0.01   2 of 3  97.90 %" in table
    assert "best mean" in table
    rows = list(csv.DictReader(io.StringIO(said(capsys, "show", made.id, "--csv"))))
    assert [row["test_accuracy"] for row in rows[:2]] == ["0.95", "0.98"]
    assert rows[5]["status"] == "failed"
    assert rows[5]["test_accuracy"] == ""
    assert [row["seed"] for row in rows] == ["0", "0", "1", "1", "2", "2"]
    assert "There is no measure 'speed'" in said(
        capsys, "show", made.id, "--measure", "speed", status=1
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("start",), "either --preset NAME or --recipe FILE"),
        (("start", "--preset", "fast", "--vary", "epochs"), "write a setting, = and its values"),
        (("start", "--preset", "fast", "--vary", "epochs="), "no values to try"),
        (("start", "--preset", "fast", "--vary", "color=1"), "no setting that can be varied"),
        (("start", "--preset", "fast", "--seeds", "1"), "nothing varies"),
        (("show", "nobody"), "There is no experiment 'nobody'"),
        (("pause", "../x"), "There is no experiment"),
    ],
)
def test_bad_input_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    message = said(capsys, *arguments, status=1)
    assert words in message
    assert message.count("\n") == 1
    assert not list_experiments()


def test_find_reads_again_what_was_changed() -> None:
    made = experiment()
    assert finish(made, 0).submitted == find_experiment(made.id).submitted == 1


@pytest.mark.long
def test_a_real_search_ends_with_its_best_and_prunes_only_what_is_worse(
    recipe_file: str, run_folders: tuple[Path, Path]
) -> None:
    bounds = ("--vary", "optimizer.learning_rate=0.000001..0.01", "--runs", "9")
    done = core(
        "experiment",
        "start",
        *("--recipe", recipe_file, "--epochs", "4", *bounds),
        DIGITSCOPE_RUNS=str(run_folders[1]),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a search of 1 setting with 9 trainings.")
    runs = [registry.find_run(f"{only().id}-{number:03d}") for number in range(1, 10)]
    assert {run.info.ended_by for run in runs} == {"last epoch", "pruning"}
    first_losses = [pd.read_csv(run.folder / "history.csv")["val_loss"][0] for run in runs]
    for place, run in enumerate(runs):
        if run.info.ended_by == "pruning" and run.info.epochs_done == 1:
            # Not among the best third of those that it was compared with.
            assert (
                sum(loss < first_losses[place] for loss in first_losses[:place]) >= (place + 1) // 3
            )
    rates = [values[0] for values in only().proposals]
    assert [run.info.recipe.optimizer.learning_rate for run in runs] == rates
    ranked = re.findall(r"^training (\d)  ([0-9.]+)  Learning rate", done.stdout, re.MULTILINE)
    assert ranked
    assert [float(loss) for _, loss in ranked] == sorted(float(loss) for _, loss in ranked)


@pytest.mark.usefixtures("no_processes")
def test_a_search_is_started_listed_and_extended(
    capsys: pytest.CaptureFixture[str], recipe_file: str
) -> None:
    start = ("start", "--recipe", recipe_file, "--detach")
    rate, kinds = "optimizer.learning_rate=0.001..0.1", "optimizer.kind=adam,sgd"
    said(capsys, *start, "--vary", rate, "--vary", kinds, "--minutes", "9", "--pruning", "none")
    search = only().plan
    assert isinstance(search, Search)
    assert [each.values for each in search.dimensions] == [(0.001, 0.1), ("adam", "sgd")]
    assert (search.runs, search.minutes, search.pruning) == (20, 9, "none")
    assert "0 of 20 trainings finished" in said(capsys, "list")
    assert "with --runs" in said(capsys, "extend", only().id, "--seeds", "3", status=1)
    said(capsys, "extend", only().id, "--runs", "9")
    assert only().plan.trials == 29


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--vary", "epochs=2..4", "--seeds", "3"), "leave --seeds out"),
        (("--vary", "epochs=2,4", "--runs", "9"), "for a search"),
        (("--vary", "epochs=4..2"), "not below"),
        (("--vary", "epochs=2.."), "two bounds"),
        (("--vary", "epochs=2..4", "--pruning", "hard"), "no pruning 'hard'"),
        (("--vary", "epochs=2..4", "--runs", "2"), "4 to 200 trainings, not 2"),
    ],
)
def test_a_search_that_cannot_be_is_said(
    capsys: pytest.CaptureFixture[str], recipe_file: str, options: tuple[str, ...], words: str
) -> None:
    assert words in said(capsys, "start", "--recipe", recipe_file, *options, status=1)
    assert list_experiments() == []
