"""Training against an attack: pushes stay within their bound, and the network withstands more."""

from pathlib import Path

import numpy as np
import pytest

from core.data import mnist
from core.explain.adversarial import adversarial_accuracy
from core.inference.predictor import load_model
from core.recipes.adversarial_network import AdversarialNetwork
from core.recipes.keras_model import compiled_model
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.messages import Event, Progress
from core.runs.run import Network
from core.runs.writer import ResumedWriter
from core.training.callbacks import StopTraining
from core.training.input_pipeline import scale
from core.training.trainer import resume_training, train
from core.utils.errors import RecipeError
from tests.conftest import conv_recipe, dense_recipe

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.usefixtures("only_sample")
TEST = mnist.load("mnist-sample").test


def against(epsilon: float, **changes: object) -> Recipe:
    return conv_recipe(augmentation={"adversarial": epsilon}, **changes)


@pytest.mark.parametrize("scaling", ["divide-255", "standardise"])
def test_a_push_stays_within_epsilon_and_within_the_gray_scale(scaling: str) -> None:
    model = compiled_model(against(0.2, scaling=scaling))
    assert isinstance(model, AdversarialNetwork)
    pixels = tf.constant(TEST.images[:64, ..., None], tf.float32)
    digits, labels = scale(pixels, scaling), tf.constant(TEST.labels[:64], tf.int32)
    moved = model._pushed(digits, labels).numpy()
    empty, full = scale(tf.constant([[[[0.0], [255.0]]]]), scaling).numpy().ravel()
    assert np.abs(moved - digits.numpy()).max() <= 0.2 * (full - empty) + 1e-5
    assert moved.min() >= empty - 1e-6
    assert moved.max() <= full + 1e-6
    losses = [model.compute_loss(y=labels, y_pred=model(x)).numpy() for x in (digits, moved)]
    assert losses[1] > losses[0]


def test_a_network_trained_against_pushes_withstands_them(tmp_path: Path) -> None:
    right = {}
    for epsilon in (0.0, 0.15):
        run = train(against(epsilon, epochs=4), tmp_path / f"run-{epsilon:g}".replace(".", "-"))
        right[epsilon] = adversarial_accuracy(
            Network(run), TEST.images[:200], TEST.labels[:200], "pgd", 0.1
        )
    assert right[0.15] > right[0.0] + 0.2


def test_it_goes_on_where_it_was_stopped_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.callbacks.PROGRESS_EVERY_S", 0.0)
    whole = train(against(0.1), tmp_path / "whole")
    told = 0

    def stop(event: Event) -> None:
        nonlocal told
        told += isinstance(event, Progress)
        if told == 2:
            raise StopTraining

    stopped = train(against(0.1), tmp_path / "cut", stop)
    assert (stopped.info.status, stopped.info.epochs_done) == ("stopped", 0)
    resumed = resume_training(ResumedWriter(registry.read_run(stopped.folder)))
    for a, b in zip(
        load_model(whole).get_weights(), load_model(resumed).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_without_a_push_it_is_a_plain_network() -> None:
    assert not isinstance(compiled_model(dense_recipe()), AdversarialNetwork)


def test_a_scaling_of_whole_columns_is_refused() -> None:
    with pytest.raises(RecipeError, match="choose the scaling divide-255 or standardise"):
        dense_recipe(scaling="l2-axis-1", augmentation={"adversarial": 0.1})
