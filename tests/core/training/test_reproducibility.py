"""Same recipe and seed, same run. In another process too: see `test_going_on`."""

from pathlib import Path

import numpy as np
import pytest

from core.inference.predictor import load_model
from core.recipes.keras_model import compiled_model
from core.runs.run import Run
from core.training.trainer import train
from tests.conftest import Trained, conv_recipe, dense_recipe

FIGURES = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
pytestmark = [pytest.mark.long, pytest.mark.usefixtures("only_sample")]


def all_weights(run: Run) -> bytes:
    return b"".join(array.tobytes() for array in load_model(run).get_weights())


def test_same_recipe_and_seed_give_the_same_run_and_another_seed_does_not(
    trained: Trained, tmp_path: Path
) -> None:
    again = train(conv_recipe(), tmp_path / "again")
    other = train(conv_recipe(seed=2, epochs=1), tmp_path / "other")
    assert all_weights(again) == all_weights(trained.run)
    assert again.history()[FIGURES].equals(trained.run.history()[FIGURES])
    assert again.info.metrics == trained.run.info.metrics
    after_an_epoch = zip(other.epoch_weights(1), trained.run.epoch_weights(1), strict=True)
    assert not any(np.array_equal(ours, theirs) for ours, theirs in after_an_epoch)


def test_seed_decides_the_weights_that_a_training_begins_with() -> None:
    one, same, other = (
        b"".join(array.tobytes() for array in compiled_model(conv_recipe(seed=seed)).get_weights())
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_augmented_training_repeats_too(tmp_path: Path) -> None:
    recipe = dense_recipe(augmentation={"rotation": 10, "zoom": 0.1})
    one, same = (train(recipe, tmp_path / name) for name in ("one", "same"))
    assert all_weights(one) == all_weights(same)
    assert all_weights(train(dense_recipe(), tmp_path / "plain")) != all_weights(one)
