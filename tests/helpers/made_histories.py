"""Histories made by hand, and a recipe for each thing that a verdict looks for in it."""

import math
from collections.abc import Sequence

import pandas as pd

from core.data.augmentation import Augmentation
from core.jobs.diagnosis import Diagnosis, diagnose
from core.recipes.architecture import (
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Pool,
)
from core.recipes.recipe import Optimizer, Recipe
from tests.conftest import conv_recipe

NAN = math.nan
OUT = Dense(units=10, activation="softmax")
LAYERS = {
    "plain": (Conv(filters=8), Pool(), Flatten(), OUT),
    "dropout": (Conv(filters=8), Pool(), Flatten(), Dropout(rate=0.3), OUT),
    "dropout of nothing": (Conv(filters=8), Pool(), Flatten(), Dropout(rate=0), OUT),
    "batch norm": (Conv(filters=8, activation="linear"), BatchNorm(), Activation(), Flatten(), OUT),
    "sigmoid": (Conv(filters=8, activation="sigmoid"), Flatten(), OUT),
}
AUGMENTED = Augmentation(rotation=10)
FALLING = (0.50, 0.30, 0.20, 0.15, 0.12, 0.10, 0.08, 0.07)


def recipe(network: str = "plain", **changes: object) -> Recipe:
    changes = {"epochs": 20, "optimizer": Optimizer(learning_rate=0.003), **changes}
    return conv_recipe(architecture=Architecture(layers=LAYERS[network]), **changes)


def history(
    val_loss: Sequence[float] = (),
    loss: Sequence[float] = FALLING,
    *,
    accuracy: float = 0.97,
    val_accuracy: float = 0.97,
) -> pd.DataFrame:
    """Epochs by their losses; one that is not given its validation loss has none."""
    n = len(val_loss) or len(loss)
    return pd.DataFrame(
        {
            "epoch": range(1, n + 1),
            "loss": loss[:n],
            "accuracy": accuracy,
            "val_loss": val_loss or NAN,
            "val_accuracy": val_accuracy if val_loss else NAN,
            "learning_rate": 0.003,
            "seconds": 2.0,
        }
    )


def said(
    table: pd.DataFrame,
    wanted: Recipe | None = None,
    *,
    ended_by: str = "",
    batches: Sequence[float] = (),
) -> Diagnosis:
    return diagnose(
        table,
        recipe=wanted or recipe(),
        running=not ended_by,
        ended_by=ended_by,
        batch_losses=batches,
    )


UNVALIDATED = {"validation_split": 0.0}
EMPTY = history([], [])
LEARNING = history([0.4, 0.3, 0.25])
