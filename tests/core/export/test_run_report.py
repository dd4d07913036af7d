"""A run to take away: the report says what happened, the zip holds what is needed to go on."""

import io
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from core.export.run_report import describe_result, folder_state, run_report, run_zip
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.permissions import JobCard, owner_of, write_card
from core.runs.run import RateChange, Run
from core.runs.writer import RunWriter
from core.utils.errors import RunError
from tests.conftest import Trained, dense_recipe, provenance

TOKEN = "my-secret-token-of-this-browser"


@pytest.fixture
def run(trained: Trained, tmp_path: Path) -> Run:
    """A copy of a run that was really trained, of a visitor."""
    shutil.copytree(trained.run.folder, tmp_path / "copy")
    write_card(tmp_path / "copy", JobCard(owner=owner_of(TOKEN), title="My *first* try"))
    return registry.read_run(tmp_path / "copy")


def opened(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content))


def changed(run: Run, **changes: object) -> Run:
    return Run(run.folder, run.info.model_copy(update=changes))


def test_the_report_counts_errors_before_it_rates_them(run: Run) -> None:
    answer = run.predictions("mnist-sample")
    assert answer is not None
    wrong = int((answer.probabilities.argmax(axis=1) != answer.labels).sum())
    said = run_report(run)
    assert f"{wrong} wrong of 1,000 ({(1000 - wrong) / 10:.2f} %) on the sample's test" in said
    assert "95 % interval" in said


def test_an_interval_is_wilsons_and_no_test_score_is_called_so(run: Run) -> None:
    metrics = run.info.metrics["mnist-sample"].model_copy(update={"n": 1000, "wrong": 24})
    # SciPy's binomtest(976, 1000).proportion_ci(method="wilson"): 0.96452, 0.98383.
    assert describe_result("mnist-sample", metrics) == (
        "24 wrong of 1,000 (97.60 %) on the sample's test digits, 95 % interval 96.45 to 98.38 %"
    )
    seen = describe_result("mnist-sample", metrics.model_copy(update={"held_out": False}))
    assert "trained on" in seen
    assert "no test score" in seen


def test_the_report_holds_recipe_network_history_and_origin(run: Run) -> None:
    said = run_report(run)
    for part in (
        "# My \\*first\\* try\n",
        "| Learning rate | 0.005 |",
        "| Batch size | 64 |",
        "| Validation | on 10 % of the training digits |",
        run.info.recipe.architecture.summary(),
        "`mnist-sample`. 3,600 to train, 400 to validate",
        f"keras {run.info.versions['keras']}",
        run.info.machine,
    ):
        assert part in said
    second = run.history().iloc[1]
    assert f"| 2 | {second['loss']:.4f} | {second['accuracy']:.4f} |" in said
    # Momentum has no effect with Adam.
    assert "Momentum" not in said


def test_the_report_says_what_was_done_by_hand_and_why_it_ended(run: Run) -> None:
    said = run_report(
        changed(
            run,
            status="stopped",
            ended_by="by hand",
            epochs_done=2,
            best_epoch=1,
            rate_changes=(RateChange(epoch=2, step=17, learning_rate=0.0005),),
        )
    )
    assert "The training was stopped after 2 of 2 epochs: by hand." in said
    assert "The weights kept are those of epoch 1." in said
    assert "set to 0.0005 by hand in epoch 2, after 17 batches" in said


def test_a_run_that_failed_at_once_has_a_report_too(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "failed", dense_recipe(), provenance())
    writer.update(status="failed", ended_by="fault", error="The digits are not there.")
    writer.close()
    run = registry.read_run(tmp_path / "failed")
    said = run_report(run)
    assert "The training failed by a fault." in said
    assert "The digits are not there." in said
    assert "It was not tested." in said
    assert opened(run_zip(run)).namelist() == ["recipe.json", "report.md"]


def test_the_zip_holds_what_the_run_is(run: Run) -> None:
    archive = opened(run_zip(run))
    assert archive.namelist() == ["history.csv", "model.keras", "recipe.json", "report.md"]
    assert Recipe.from_json(archive.read("recipe.json")) == run.info.recipe
    pd.testing.assert_frame_equal(
        pd.read_csv(io.BytesIO(archive.read("history.csv"))), run.history()
    )
    assert archive.read("model.keras") == run.model_file.read_bytes()
    assert archive.read("report.md").decode().startswith(run_report(run))


def test_more_can_be_packed_in(run: Run) -> None:
    archive = opened(run_zip(run, {"train.py": b"print(7)\n"}))
    assert archive.read("train.py") == b"print(7)\n"
    assert "`train.py`" in archive.read("report.md").decode()


def test_the_same_run_gives_the_same_bytes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_zip(run, {"b": b"2", "a": b"1"})
    (run.folder / "history.csv").touch()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert run_zip(run, {"a": b"1", "b": b"2"}) == first


def test_what_is_written_tells_every_change(run: Run) -> None:
    first = folder_state(run)
    assert folder_state(run) == first
    with (run.folder / "history.csv").open("a") as file:
        file.write("more")
    assert folder_state(run) != first
    shutil.rmtree(run.folder)
    with pytest.raises(RunError, match="no longer there"):
        folder_state(run)


def test_whose_the_run_is_stays_here(run: Run) -> None:
    archive = opened(run_zip(run))
    owner = owner_of(TOKEN).encode()
    for name in archive.namelist():
        content = archive.read(name)
        assert owner not in content
        assert TOKEN.encode() not in content


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_network_that_is_not_the_trained_one_is_left_out_and_that_is_said(
    run: Run, damage: str
) -> None:
    if damage == "missing":
        run.model_file.unlink()
    else:
        run.model_file.write_bytes(b"something else")
    archive = opened(run_zip(run))
    assert "model.keras" not in archive.namelist()
    assert "`model.keras` is missing" in archive.read("report.md").decode()


def test_a_run_deleted_in_another_tab_gets_a_sentence(run: Run) -> None:
    shutil.rmtree(run.folder)
    with pytest.raises(RunError, match="no longer there"):
        run_zip(run)
