"""Pseudo-labels: a network goes on with digits whose true labels it never sees."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.data.mnist import Split
from core.evaluation.before_after import compare_with_parent
from core.export.keras_script import keras_script
from core.export.run_report import run_report
from core.inference.predictor import load_model, load_predictor
from core.jobs import submission
from core.jobs.engine import LOCAL
from core.runs import registry
from core.runs.messages import Event, Progress
from core.runs.run import Network, Run
from core.runs.writer import ResumedWriter, write_info
from core.training import input_pipeline, pseudo_labels
from core.training.callbacks import StopTraining
from core.training.digits import withheld_digits
from core.training.pseudo_labels import (
    PseudoLabeledDigits,
    PseudoLabelSettings,
    describe_plan,
    plan_pseudo_labels,
)
from core.training.start_network import START_FILE
from core.training.trainer import resume_training, train
from core.utils.errors import JobError, RunError
from tests.conftest import Trained, conv_recipe

pytestmark = pytest.mark.usefixtures("only_sample", "idle", "run_folders")
ME = "my-browser"


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started: the tests train in their own."""
    monkeypatch.setattr(LOCAL, "start", lambda folder: 0)
    monkeypatch.setattr(LOCAL, "has_ended", lambda start: False)


@pytest.fixture(scope="module")
def trained_on_few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that was trained on 300 digits."""
    folder = tmp_path_factory.mktemp("few") / "few"
    recipe = conv_recipe(train_size=300, validation_split=0, epochs=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MNIST_NPZ", raising=False)
        patch.setenv("KERAS_HOME", str(folder.parent))
        return train(recipe, folder).folder


@pytest.fixture
def few(trained_on_few: Path, run_folders: tuple[Path, Path]) -> Run:
    shutil.copytree(trained_on_few, run_folders[0] / "few")
    return registry.find_run("few")


@pytest.fixture
def tiny(trained: Trained, run_folders: tuple[Path, Path]) -> Run:
    """A network that was trained on all training digits of the sample."""
    shutil.copytree(trained.run.folder, run_folders[0] / "tiny")
    return registry.find_run("tiny")


def asked(parent: Run, **settings: float) -> Run:
    return submission.pseudo_label(parent, PseudoLabelSettings(**settings), token=ME)


def test_withheld_digits_help_a_network_that_saw_few(few: Run) -> None:
    run = resume_training(ResumedWriter(asked(few, epochs=4, learning_rate=0.005)))
    info = run.info
    assert (info.status, info.preset) == ("finished", "few")
    source = info.provenance
    assert (source.n_train, source.pseudo_labeled.unlabeled) == (300, 3700)
    assert source.pseudo_labeled.source == "withheld training digits"
    # The pseudo-labels are what the parent answers, and are counted by the true labels.
    withheld = withheld_digits(few.info.recipe)
    answers = load_predictor(Network(few)).probabilities(withheld.images).argmax(axis=1)
    assert (info.pseudo_labels.n, info.pseudo_labels.wrong) == (
        3700,
        int((answers != withheld.labels).sum()),
    )
    before, after = few.info.metrics["mnist-sample"], info.metrics["mnist-sample"]
    assert after.wrong < before.wrong
    assert after.held_out  # the test digits were not touched
    (change,) = compare_with_parent(run)
    assert (change.before, change.after) == (before, after)
    assert change.parent is not None
    assert change.parent.difference.only_second > change.parent.difference.only_first
    assert f"run `few` (SHA-256 `{few.info.model_sha256}`)" in run_report(run)
    assert "It learned from pseudo-labels" in keras_script(info.recipe, run)
    assert info.from_scratch == few.info.recipe


def test_with_the_test_digits_it_is_no_test_any_more(tiny: Run) -> None:
    plan = plan_pseudo_labels(tiny, PseudoLabelSettings(epochs=1))
    assert plan.pseudo_labeled.source == "test digits"
    assert plan.pseudo_labeled.unlabeled == 1000
    assert "is no test of how well it reads new digits" in describe_plan(plan)
    run = resume_training(ResumedWriter(asked(tiny, epochs=1)))
    assert not run.info.metrics["mnist-sample"].held_out
    assert run.info.pseudo_labels.wrong == tiny.info.metrics["mnist-sample"].wrong
    # Whoever goes on from it has seen them too.
    again = plan_pseudo_labels(run, PseudoLabelSettings())
    assert again.provenance.seen_unlabeled == ("mnist-sample",)
    assert again.pseudo_labeled.base_recipe == tiny.info.recipe


def test_true_labels_are_never_trained_on(few: Run) -> None:
    runs = []
    for shift in (0, 1):
        run = asked(few, epochs=1 + shift)  # another recipe, so that it is another run
        run = Run(
            run.folder, run.info.model_copy(update={"recipe": run.info.recipe.changed(epochs=1)})
        )
        write_info(run.folder, run.info)

        def mislabeled(recipe: object, shift: int = shift) -> Split:
            digits = withheld_digits(few.info.recipe)
            return Split(digits.images, (digits.labels + shift) % 10)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pseudo_labels, "withheld_digits", mislabeled)
            runs.append(resume_training(ResumedWriter(run)))
    first, second = (load_model(run).get_weights() for run in runs)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert runs[0].info.pseudo_labels != runs[1].info.pseudo_labels


def test_it_goes_on_where_it_was_stopped_to_the_last_bit(
    few: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "DOUBLE_CLICK_S", 0.0)
    monkeypatch.setattr("core.training.callbacks.PROGRESS_EVERY_S", 0.0)
    whole = resume_training(ResumedWriter(asked(few, epochs=2)))
    steps = 0

    def stop(event: Event) -> None:
        nonlocal steps
        steps += isinstance(event, Progress)
        if steps == 2:
            raise StopTraining

    cut = registry.read_run(asked(few, epochs=2).folder)
    assert cut.id != whole.id
    stopped = resume_training(ResumedWriter(cut), stop)
    assert (stopped.info.status, stopped.info.epochs_done) == ("stopped", 0)
    resumed = resume_training(ResumedWriter(registry.read_run(cut.folder)))
    for a, b in zip(
        load_model(whole).get_weights(), load_model(resumed).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_batch_holds_three_quarters_with_labels_and_a_quarter_without() -> None:
    labeled = Split(np.full((60, 28, 28), 255, np.uint8), np.arange(60, dtype=np.uint8) % 10)
    numbers = np.arange(20, dtype=np.uint8)
    images = np.tile(numbers[:, None, None], (1, 28, 28))
    targets = np.eye(20, 10, dtype=np.float32) * 0.5 + 0.05
    digits = PseudoLabeledDigits(labeled, images, targets)
    recipe = conv_recipe(
        loss="categorical_crossentropy", batch_size=16, epochs=2, drop_remainder=True
    )
    batches = [(x.numpy(), y.numpy()) for x, y in input_pipeline.mixed_batches(digits, recipe)]
    assert len(batches) == 2 * 5  # 80 digits, 16 a batch
    seen = []
    for x, y in batches:
        assert (x.shape, y.shape) == ((16, 28, 28, 1), (16, 10))
        assert (x[:12] == 1).all()
        assert (y[:12].max(axis=1) == 1).all()
        shown = np.rint(x[12:, 0, 0, 0] * 255).astype(int)
        seen += shown.tolist()
        np.testing.assert_allclose(y[12:], targets[shown])
    assert sorted(seen[:20]) == list(range(20))  # each once an epoch
    assert seen[:20] != seen[20:]
    later = input_pipeline.mixed_batches(digits, recipe, first_step=7)
    for (x, y), (x_later, y_later) in zip(batches[7:], later, strict=True):
        assert x.tobytes() == x_later.numpy().tobytes()
        assert y.tobytes() == y_later.numpy().tobytes()


def test_what_cannot_go_on_is_refused(tiny: Run, run_folders: tuple[Path, Path]) -> None:
    untested = run_folders[0] / "untested"
    shutil.copytree(tiny.folder, untested)
    fields = json.loads((untested / "run.json").read_text())
    (untested / "run.json").write_text(json.dumps({**fields, "metrics": {}}))
    with pytest.raises(JobError, match="no tested network"):
        asked(registry.find_run("untested"))
    (tiny.folder / "model.keras").write_bytes(b"something else")
    with pytest.raises(RunError, match=r"model\.keras"):
        asked(tiny)


def test_without_its_start_network_it_fails_with_a_sentence(few: Run) -> None:
    run = asked(few, epochs=1)
    (run.folder / START_FILE).write_bytes(b"something else")
    with pytest.raises(RunError, match="missing or damaged"):
        resume_training(ResumedWriter(run))
    failed = registry.read_run(run.folder).info
    assert (failed.status, "Start such a training again" in failed.error) == ("failed", True)
