"""Checkpoints: the full state of a training, so that it continues as if never interrupted.

Weights alone are not enough: Adam's moments, the number of updates, the state of each dropout
layer's random numbers, and the position in the epoch belong to it. The order of the digits and
their augmentation follow from seed, epoch and step alone (`core.training.input_pipeline`).
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from core.runs.run import CHECKPOINT
from core.utils.files import NPZ_ERRORS, write_atomically

Arrays = list[NDArray[Any]]


@dataclass
class TrainingState:
    """Where a training is. Seconds are of training: pauses are not counted."""

    rate: float
    """The optimizer's learning rate, before any schedule."""
    epoch: int = 0
    """Whole epochs that are done."""
    step: int = 0
    """Batches of the next epoch that are done."""
    loss_sum: float = 0.0
    """Over the digits of these batches; so is `accuracy_sum`."""
    accuracy_sum: float = 0.0
    seconds: float = 0.0
    epoch_began: float = 0.0
    """The value of `seconds` when the epoch began."""
    orders_read: int = 0
    """Bytes of the run's orders that were obeyed."""
    paused: bool = False
    until: str = ""
    """After what it is to pause: "step", "epoch", or nothing."""
    best_epoch: int = 0
    best_loss: float = float("inf")
    best_weights: Arrays = field(default_factory=list)


def save_checkpoint(folder: Path, state: TrainingState, model: keras.Model) -> None:
    """Write the checkpoint whole. Raises OSError if the disk is full."""
    arrays = {f"best_{k}": array for k, array in enumerate(state.best_weights)}
    for name, variables in _variables(model).items():
        arrays |= {f"{name}_{k}": np.asarray(value) for k, value in enumerate(variables)}
    fields = {key: value for key, value in asdict(state).items() if key != "best_weights"}
    arrays["state"] = np.frombuffer(json.dumps(fields).encode(), np.uint8)
    write_atomically(folder / CHECKPOINT, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]


def load_checkpoint(folder: Path, model: keras.Model) -> TrainingState | None:
    """Restore a compiled network from its checkpoint.

    Args:
        folder: of the run.
        model: the network, compiled.

    Returns:
        Where the training was. None, with the network unchanged, if there is no checkpoint, or it
        is damaged or of another network: then the training starts again.
    """
    try:
        with (folder / CHECKPOINT).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
        state = TrainingState(**json.loads(arrays.pop("state").tobytes()))
    except NPZ_ERRORS:
        return None
    model.optimizer.build(model.trainable_variables)
    wanted = [
        (variable, arrays.get(f"{name}_{k}"))
        for name, variables in _variables(model).items()
        for k, variable in enumerate(variables)
    ]
    if any(array is None or array.shape != tuple(variable.shape) for variable, array in wanted):
        return None
    for variable, array in wanted:
        variable.assign(array)
    count = sum(name.startswith("best_") for name in arrays)
    state.best_weights = [arrays[f"best_{k}"] for k in range(count)]
    return state


def _variables(model: keras.Model) -> dict[str, list[Any]]:
    seeds = [layer.seed_generator.state for layer in model.layers if _has_random_state(layer)]
    return {"weight": model.weights, "seed": seeds, "optimizer": model.optimizer.variables}


def _has_random_state(layer: keras.Layer) -> bool:
    return getattr(layer, "seed_generator", None) is not None
