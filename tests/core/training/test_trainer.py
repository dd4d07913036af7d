"""Training for real, on the 5,000-digit sample: what is learned, told, kept, and repeatable."""

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss

from core.data import mnist
from core.inference.predictor import Predictor, ScaledModel, load_model
from core.recipes.keras_model import compiled_model
from core.recipes.recipe import Optimizer, Recipe, Schedule
from core.runs import registry
from core.runs.messages import (
    Ended,
    EpochEnded,
    EpochEvaluated,
    Event,
    Progress,
    Started,
    event_from_line,
    event_to_line,
)
from core.training import callbacks, trainer
from core.training.callbacks import StopTraining
from core.training.input_pipeline import training_batches
from core.training.trainer import train
from core.utils.errors import RunError
from tests.conftest import Trained, conv_recipe, dense_recipe, forget_full_mnist

pytestmark = pytest.mark.offline


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest) -> None:
    """Runs are tested on the sample alone, unless a test is about the full MNIST."""
    if not request.node.get_closest_marker("full_mnist"):
        request.getfixturevalue("only_sample")


def told(events: list[Event], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


def test_the_network_learns(trained: Trained) -> None:
    first, second = told(trained.events, EpochEnded)
    assert second.loss < first.loss / 1.5
    # Guessing gives 0.1; softmax regression some 0.88 on these digits.
    assert second.val_accuracy > 0.85
    assert trained.run.info.metrics["mnist-sample"].accuracy > 0.85


def test_the_temperature_suits_the_validation_digits(trained: Trained) -> None:
    digits = mnist.load("mnist-sample").train
    held_out = ScaledModel(load_model(trained.run), trained.run.info.recipe.scaling)
    logits = np.log(Predictor(held_out).probabilities(digits.images[3600:]).astype(float))

    def loss(temperature: float) -> float:
        return float(log_loss(digits.labels[3600:], softmax(logits / temperature, axis=1)))

    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    assert trained.run.info.temperature == pytest.approx(best, rel=0.02)


def test_events_come_in_order(trained: Trained) -> None:
    kinds = [type(event) for event in trained.events]
    assert kinds[0] is Started
    assert kinds[-3:] == [EpochEnded, EpochEvaluated, Ended]
    assert set(kinds[1:-3]) == {Progress, EpochEnded, EpochEvaluated}
    assert all(earlier.time <= later.time for earlier, later in pairwise(trained.events))
    steps = [(event.epoch, event.step) for event in told(trained.events, Progress)]
    assert steps == sorted(set(steps))
    # 3,600 of 4,000 digits in batches of 64: the last step of each epoch is always told.
    assert {(1, 57), (2, 57)} <= set(steps)
    assert [event.epoch for event in told(trained.events, EpochEnded)] == [1, 2]
    assert trained.events[-1].status == trained.run.info.status == "finished"


def test_start_says_what_is_coming(trained: Trained) -> None:
    started = trained.events[0]
    assert isinstance(started, Started)
    # conv 3·3·8 + 8, dense 13·13·8·10 + 10
    assert (started.epochs, started.steps, started.parameters) == (2, 57, 80 + 13_530)
    assert (started.n_train, started.n_validation) == (3600, 400)


def test_the_folder_holds_what_was_told(trained: Trained) -> None:
    lines = (trained.run.folder / "events.jsonl").read_text().splitlines()
    assert [event_from_line(json.loads(line)) for line in lines] == [
        event_from_line(json.loads(json.dumps(event_to_line(event)))) for event in trained.events
    ]
    history = trained.run.history()
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"):
        expected = [getattr(event, name) for event in told(trained.events, EpochEnded)]
        assert history[name].tolist() == pytest.approx(expected)
    assert registry.read_run(trained.run.folder) == trained.run


def test_stored_answers_and_scores_are_the_networks_own(trained: Trained) -> None:
    test = mnist.load("mnist-sample").test
    answer = trained.run.predictions("mnist-sample")
    metrics = trained.run.info.metrics["mnist-sample"]
    assert answer is not None
    assert np.array_equal(answer.labels, test.labels)
    pictures = test.images[..., None].astype(np.float32) / 255
    expected = load_model(trained.run).predict(pictures, verbose=0)
    assert answer.probabilities == pytest.approx(expected, abs=1e-5)
    accuracy = accuracy_score(test.labels, expected.argmax(axis=1))
    assert metrics.accuracy == pytest.approx(accuracy)
    exact = expected.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    assert metrics.loss == pytest.approx(log_loss(test.labels, exact), abs=1e-4)
    assert metrics.held_out
    assert list(trained.run.info.metrics) == ["mnist-sample"]


def test_validation_is_the_last_part_of_the_digits(trained: Trained) -> None:
    last = mnist.load("mnist-sample").train.take(slice(3600, None))
    predictor = Predictor(ScaledModel(load_model(trained.run), "divide-255"))
    accuracy = accuracy_score(last.labels, predictor.probabilities(last.images).argmax(axis=1))
    assert told(trained.events, EpochEnded)[-1].val_accuracy == pytest.approx(accuracy)


def test_network_file_holds_no_optimizer(trained: Trained) -> None:
    size = trained.run.model_file.stat().st_size
    weights = 4 * trained.run.info.recipe.architecture.parameters
    assert weights <= size < 1.6 * weights  # Adam's two moments would treble it


def test_epoch_weights_end_as_the_network(trained: Trained) -> None:
    assert trained.run.epochs() == [1, 2]
    first, last = trained.run.epoch_weights(1), trained.run.epoch_weights(2)
    final = load_model(trained.run).get_weights()
    for array, expected in zip(last, final, strict=True):
        assert array == pytest.approx(expected, abs=2e-3)
    assert any(not np.allclose(a, b, atol=2e-3) for a, b in zip(first, final, strict=True))


# That the same seed gives the same weights, in another process too, is shown in `test_resume`.
def test_another_seed_trains_another_run(trained: Trained, tmp_path: Path) -> None:
    other = train(conv_recipe(seed=2, epochs=1), tmp_path / "other")
    after_an_epoch = zip(other.epoch_weights(1), trained.run.epoch_weights(1), strict=True)
    assert not any(np.array_equal(ours, theirs) for ours, theirs in after_an_epoch)


def test_epoch_files_are_bounded(tmp_path: Path) -> None:
    # A float16 a parameter, and what the file says of them: room for two epochs, not for three.
    room = 5 * 2 * dense_recipe().architecture.parameters // 2
    run = train(dense_recipe(epochs=4), tmp_path / "run", max_epoch_bytes=room)
    assert run.epochs() == [1, 4]
    assert len(run.history()) == 4


def test_run_can_be_validated_on_the_test_digits(tmp_path: Path) -> None:
    events: list[Event] = []
    run = train(dense_recipe(validate_on_test=True), tmp_path / "run", events.append)
    assert (run.info.provenance.n_train, run.info.provenance.n_validation) == (4000, 1000)
    metrics, ended = run.info.metrics["mnist-sample"], told(events, EpochEnded)[-1]
    assert ended.val_accuracy == pytest.approx(metrics.accuracy)
    assert ended.val_loss == pytest.approx(metrics.loss, abs=1e-4)


@dataclass(frozen=True)
class Frozen:
    """A training whose learning rate is so small that the weights stay as they began."""

    recipe: Recipe
    events: list[Event]


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    recipe = dense_recipe(
        epochs=2,
        batch_size=512,
        # 4,000 · 0.641 = 2,564 digits: five whole batches and one of four
        validation_split=0.359,
        optimizer=Optimizer(kind="sgd", learning_rate=1e-6),
        schedule=Schedule(kind="one-cycle", warmup=0.5),
    )
    events: list[Event] = []
    folder = tmp_path_factory.mktemp("frozen")
    with pytest.MonkeyPatch.context() as patch:
        forget_full_mnist(patch, folder)
        patch.setattr(callbacks, "PROGRESS_EVERY_S", 0.0)  # tell every single batch
        train(recipe, folder / "run", events.append)
    return Frozen(recipe, events)


def test_progress_tells_each_groups_own_loss_and_the_rate_in_force(frozen: Frozen) -> None:
    recipe, batches = frozen.recipe, told(frozen.events, Progress)
    assert [(event.epoch, event.step) for event in batches] == [
        (epoch, step) for epoch in (1, 2) for step in range(1, 7)
    ]
    expected = [recipe.schedule.at(step, 12, 1e-6) for step in range(12)]
    assert [event.learning_rate for event in batches] == pytest.approx(expected)
    # The pipeline's own batches through the untouched network: the judge of every figure told.
    model = compiled_model(recipe)
    fitted, _ = trainer.split_validation(mnist.load("mnist-sample").train, recipe)
    own = [
        model.test_on_batch(x, y, return_dict=True)
        for x, y in training_batches(fitted, recipe)
        if not model.reset_metrics()
    ]
    assert [event.loss for event in batches] == pytest.approx(
        [float(figures["loss"]) for figures in own], abs=2e-3
    )
    assert [event.accuracy for event in batches] == pytest.approx(
        [float(figures["accuracy"]) for figures in own], abs=2e-3
    )


def test_group_losses_average_to_the_epochs(frozen: Frozen) -> None:
    digits = [512] * 5 + [4]
    for ended in told(frozen.events, EpochEnded):
        groups = [event for event in told(frozen.events, Progress) if event.epoch == ended.epoch]
        for name in ("loss", "accuracy"):
            mean = np.average([getattr(event, name) for event in groups], weights=digits)
            assert mean == pytest.approx(getattr(ended, name), abs=1e-5)


def test_stopping_keeps_what_was_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "PROGRESS_EVERY_S", 0.0)
    events: list[Event] = []

    def stop(event: Event) -> None:
        events.append(event)
        if isinstance(event, Progress):
            raise StopTraining

    run = train(dense_recipe(epochs=50), tmp_path / "run", stop)
    assert [type(event) for event in events] == [
        Started,
        Progress,
        EpochEnded,
        EpochEvaluated,
        Ended,
    ]
    assert (events[1].step, events[-1].status) == (1, "stopped")
    info = registry.read_run(run.folder).info
    assert (info.status, info.ended_by, info.epochs_done) == ("stopped", "by hand", 0)
    pictures = mnist.load("mnist-sample").test.images[:5]
    assert Predictor(ScaledModel(load_model(run), "divide-255")).probabilities(pictures).shape == (
        5,
        10,
    )
    assert run.predictions("mnist-sample") is not None


@pytest.mark.parametrize("kind", [Started, Progress, EpochEnded])
def test_fault_is_noted_and_raised(kind: type, tmp_path: Path) -> None:
    def fail(event: Event) -> None:
        if isinstance(event, kind):
            raise ZeroDivisionError("the page is gone")

    with pytest.raises(ZeroDivisionError, match="the page is gone"):
        train(dense_recipe(), tmp_path / "run", fail)
    info = registry.read_run(tmp_path / "run").info
    assert (info.status, info.ended_by) == ("failed", "fault")
    # What an exception says may be anything; visitors read a sentence.
    assert "fault inside (ZeroDivisionError)" in info.error
    last = json.loads((tmp_path / "run" / "events.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["status"], last["message"]) == ("Ended", "failed", info.error)


def test_diverging_training_is_still_a_run(tmp_path: Path) -> None:
    recipe = conv_recipe(epochs=1, optimizer=Optimizer(kind="sgd", learning_rate=1, momentum=0.99))
    layers = [*recipe.architecture.model_dump()["layers"]]
    layers[3:3] = [{"kind": "dense", "units": 64, "activation": "linear"}] * 6
    run = train(recipe.changed(architecture={"layers": layers}), tmp_path / "run")
    assert math.isnan(run.history()["loss"].iloc[-1])
    read = registry.read_run(run.folder)
    assert (read.info.status, read.info.metrics) == ("stopped", {})
    assert read.info.ended_by == "diverged"
    assert "training diverged" in read.info.error
    assert read.predictions("mnist-sample") is None
    lines = (run.folder / "events.jsonl").read_text().splitlines()
    told_lines = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert told_lines[-2]["loss"] is None
    assert told_lines[-1]["message"] == read.info.error


def test_diverging_training_ends_at_once(tmp_path: Path) -> None:
    recipe = dense_recipe(
        epochs=20, optimizer=Optimizer(kind="sgd", learning_rate=1, momentum=0.99)
    )
    layers = [{"kind": "flatten"}, *[{"kind": "dense", "units": 64, "activation": "linear"}] * 6]
    layers += [{"kind": "dense", "units": 10, "activation": "softmax"}]
    run = train(recipe.changed(architecture={"layers": layers}), tmp_path / "run")
    assert (run.info.ended_by, len(run.history())) == ("diverged", 1)


def test_existing_folder_is_not_trained_into(trained: Trained) -> None:
    with pytest.raises(RunError, match="is there already"):
        train(dense_recipe(), trained.run.folder)


def test_run_says_what_it_was_made_with(trained: Trained) -> None:
    import keras

    assert trained.run.info.versions["keras"] == keras.__version__
    assert trained.run.info.seconds > 0


@pytest.mark.full_mnist
def test_run_on_the_full_mnist_is_tested_on_both_datasets(tmp_path: Path) -> None:
    run = train(dense_recipe(dataset="mnist", batch_size=512), tmp_path / "run")
    assert run.info.provenance.n_train == 59_000
    assert {name: metrics.n for name, metrics in run.info.metrics.items()} == {
        "mnist": 10_000,
        "mnist-sample": 1_000,
    }
    assert all(metrics.held_out for metrics in run.info.metrics.values())
    answer = run.predictions("mnist")
    assert answer is not None
    assert answer.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert accuracy_score(answer.labels, answer.probabilities.argmax(axis=1)) > 0.8
