"""Answers over the epochs of a training: stored or worked out, and what was learned when."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core import ROOT
from core.__main__ import main
from core.data import mnist
from core.data.normalization import scale
from core.evaluation.epoch_predictions import (
    NotComputedError,
    all_epoch_predictions,
    compute_epoch_predictions,
    first_learned_epochs,
    forgetting_events,
    has_epoch_predictions,
    load_epoch_predictions,
)
from core.figures.comparison_charts import (
    class_errors,
    digit_over_epochs,
    errors_over_epochs,
    learned_bars,
    truth_strip,
)
from core.recipes.keras_model import build_model
from core.runs import registry
from core.runs.predictions import Predictions
from core.runs.run import Network, Run
from core.utils.errors import RunError
from tests.helpers.made_answers import network

SAMPLE = "mnist-sample"
FILE = "epoch_predictions-mnist-sample.npz"
SHIPPED = [run.id for run in registry.list_shipped()]


@pytest.fixture
def copy(run_folders: tuple[Path, Path]) -> Run:
    """The run `kundathil`, which keeps two epochs, as a visitor's own run `mine`."""
    source = ROOT / "models" / "kundathil"
    shutil.copytree(source, run_folders[1] / "mine")
    return registry.read_run(run_folders[1] / "mine")


def made(rights: Sequence[str], epochs: Sequence[int]) -> list[Predictions]:
    """Answers to as many digits as there are words; a letter an epoch: r(ight) or w(rong)."""
    labels = np.zeros(len(rights), np.uint8)
    images = np.zeros((len(rights), 28, 28), np.uint8)
    over = []
    for place, epoch in enumerate(epochs):
        answer = [0 if word[place] == "r" else 7 for word in rights]
        sure = np.eye(10, dtype=np.float32)[answer]
        over.append(Predictions(network("made", epoch), SAMPLE, images, labels, sure, True))
    return over


def test_learned_is_what_stays_right_to_the_end() -> None:
    over = made(["rrrr", "wrrr", "rwrr", "rrrw", "wwww", "wrwr"], [1, 2, 4, 9])
    assert first_learned_epochs(over).tolist() == [1, 2, 4, 0, 0, 9]


def test_flips_count_every_change_between_right_and_wrong() -> None:
    over = made(["rrrr", "wrrr", "rwrr", "rrrw", "wwww", "wrwr"], [1, 2, 4, 9])
    assert forgetting_events(over).tolist() == [0, 1, 2, 1, 0, 3]
    assert forgetting_events(made(["r", "w"], [5])).tolist() == [0, 0]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_run_has_its_answers_on_the_sample(name: str) -> None:
    run = registry.find_run(name)
    every_epoch = all_epoch_predictions(run, SAMPLE)
    assert [answers.epoch for answers in every_epoch] == run.epochs()
    for answers in every_epoch:
        assert answers.probabilities.dtype == np.float32
        assert answers.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert not answers.probabilities.flags.writeable
        assert (answers.labels == mnist.load(SAMPLE).test.labels).all()
    assert load_epoch_predictions(Network(run, run.epochs()[0]), SAMPLE) is every_epoch[0]
    # Each of these trainings knows more in the end than after its first epoch, if it had others.
    if len(every_epoch) > 1:
        assert every_epoch[-1].correct.sum() > every_epoch[0].correct.sum()


def test_they_are_the_answers_of_that_epochs_weights() -> None:
    run = registry.find_run("fast")
    model = build_model(run.info.recipe.architecture)
    with np.load(run.folder / "epochs" / "epoch_01.npz") as archive:
        model.set_weights([archive[f"w{k}"] for k in range(len(archive.files))])
    digits = mnist.load(SAMPLE).test
    expected = model.predict(scale(digits.images, run.info.recipe.scaling), verbose=0)
    answers = load_epoch_predictions(Network(registry.find_run("fast"), 1), SAMPLE)
    assert (answers.predicted == expected.argmax(axis=1)).all()
    assert np.abs(answers.probabilities - expected).max() < 1e-3


def test_an_epoch_that_is_not_kept_gets_a_sentence() -> None:
    with pytest.raises(
        RunError, match=r"does not keep its epoch 3\. The epochs kept are: 1, 2, 23"
    ):
        load_epoch_predictions(Network(registry.find_run("best"), 3), SAMPLE)


def test_what_is_not_stored_is_worked_out_and_told_on_the_way(copy: Run) -> None:
    shipped = [
        answers.probabilities
        for answers in all_epoch_predictions(registry.find_run("mine"), SAMPLE)
    ]
    (copy.folder / FILE).unlink()
    with pytest.raises(NotComputedError, match="not worked out yet"):
        load_epoch_predictions(Network(registry.find_run("mine"), 1), SAMPLE)
    told: list[tuple[int, int]] = []
    compute_epoch_predictions(copy, SAMPLE, lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (2000, 2000)
    again = [
        answers.probabilities
        for answers in all_epoch_predictions(registry.find_run("mine"), SAMPLE)
    ]
    for stored, computed in zip(shipped, again, strict=True):
        assert stored == pytest.approx(computed, abs=2e-3)


@pytest.mark.parametrize("damage", ["cut off", "no archive", "another network", "other digits"])
def test_a_file_that_cannot_be_used_counts_as_none(copy: Run, damage: str) -> None:
    file = copy.folder / FILE
    with np.load(file) as archive:
        arrays = dict(archive)
    if damage == "cut off":
        file.write_bytes(file.read_bytes()[:3000])
    elif damage == "no archive":
        file.write_text("nothing")
    else:
        changed = {"network": np.array("0" * 64)} if "network" in damage else {}
        changed |= {"labels": arrays["labels"][::-1]} if "digits" in damage else {}
        np.savez_compressed(file, **{**arrays, **changed})
    assert not has_epoch_predictions(copy, SAMPLE)
    with pytest.raises(NotComputedError):
        all_epoch_predictions(registry.find_run("mine"), SAMPLE)


def test_a_stop_or_a_deleted_run_leaves_nothing(copy: Run) -> None:
    (copy.folder / FILE).unlink()

    class Stopped(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done > 1000:
            raise Stopped

    with pytest.raises(Stopped):
        compute_epoch_predictions(copy, SAMPLE, stop)
    assert not list(copy.folder.glob("*epoch_pred*"))

    def delete(done: int, _: int) -> None:
        if done > 1000 and copy.folder.exists():
            copy.folder.rename(copy.folder.parent / ".deleted")

    with pytest.raises(RunError, match="There is no run 'mine'"):
        compute_epoch_predictions(copy, SAMPLE, delete)
    assert not copy.folder.exists()


def test_an_epoch_of_weights_that_are_not_finite_is_left_out(copy: Run) -> None:
    file = copy.folder / "epochs" / "epoch_02.npz"
    with np.load(file) as archive:
        broken = {name: np.full_like(archive[name], np.nan) for name in archive.files}
    np.savez_compressed(file, **broken)
    (copy.folder / FILE).unlink()
    compute_epoch_predictions(copy, SAMPLE, lambda done, total: None)
    assert [
        answers.epoch for answers in all_epoch_predictions(registry.find_run("mine"), SAMPLE)
    ] == [1]
    with pytest.raises(RunError, match=r"After epoch 2 .* Choose another epoch"):
        load_epoch_predictions(Network(registry.find_run("mine"), 2), SAMPLE)


def test_a_run_that_keeps_no_epochs_has_nothing_to_show(copy: Run) -> None:
    for file in copy.folder.glob("epochs/*"):
        file.unlink()
    assert all_epoch_predictions(registry.find_run("mine"), SAMPLE) == ()


def test_the_command_leaves_what_is_there(
    copy: Run, capsys: pytest.CaptureFixture[str], only_sample: None
) -> None:
    before = (copy.folder / FILE).stat().st_mtime_ns
    assert main(["explore", "mine"]) == 0
    said = capsys.readouterr().out
    assert "stress.json" in said
    assert FILE in said
    assert (copy.folder / FILE).stat().st_mtime_ns == before
    assert main(["explore", "nobody"]) == 1
    assert "There is no run 'nobody'" in capsys.readouterr().err
    assert main(["explore", "mine", "--dataset", "letters"]) == 1
    assert "There is no dataset 'letters'" in capsys.readouterr().err


def test_the_figures_show_what_they_are_given() -> None:
    errors = errors_over_epochs({"a <b>": [(1, 9), (4, 3)], "c": [(2, 5)]}, 4, "#123456")
    assert list(errors.data[0].y) == [9, 3]
    assert errors.data[0].name == "a &lt;b&gt;"
    assert errors.layout.shapes[0].x0 == 4
    wrong = np.arange(20).reshape(10, 2)
    table = class_errors([1, 4], wrong, 4)
    assert table.data[0].customdata[3].tolist() == [6, 7]
    assert (table.layout.shapes[0].x0, table.layout.shapes[0].x1) == (0.5, 1.5)
    assert not class_errors([1, 4], wrong, None).layout.shapes
    bars = learned_bars([1, 4], [90, 7, 3])
    assert list(bars.data[0].x) == ["1", "4", "never"]
    assert list(bars.data[0].y) == [90, 7, 3]


def test_a_digits_figures_tell_its_label_from_the_rest() -> None:
    sure = np.zeros((2, 10), np.float32)
    sure[0, [4, 9]] = 0.2, 0.8
    sure[1, [4, 9, 1]] = 0.96, 0.03, 0.01
    lines = digit_over_epochs([1, 4], sure, 4, 1)
    assert [line.name for line in lines.data] == ["9", "4, its label"]
    assert lines.data[1].y == pytest.approx([20, 96], abs=1e-3)
    strip = truth_strip([1, 4], sure[:, 4][None], np.array([[9, 4]], np.uint8), {"7 (label 4)": 4})
    assert [list(row) for row in strip.data[0].text] == [["9 ✗", "4"]]
    assert strip.data[0].z[0] == pytest.approx([0.8, 0.04], abs=1e-6)
