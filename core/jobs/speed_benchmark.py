"""Measures how fast this machine trains: `python -m core.jobs.speed_benchmark`, half a minute.

A handful of small networks is trained for some steps each, by the functions that train runs. From
their times follows what a unit of each kind of work takes (`core.jobs.time_estimate`). Two whole
trainings in a temporary folder give the time before, between and after the epochs.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import psutil

from core.data import mnist
from core.data.augmentation import Augmentation
from core.jobs.time_estimate import (
    LayerWorkKind,
    MachineSpeed,
    estimate_time,
    fit_costs,
    inference_seconds,
    load_speed,
    save_speed,
    this_machine,
    training_step_work,
)
from core.recipes.architecture import (
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Layer,
    Pool,
)
from core.recipes.keras_model import compiled_model
from core.recipes.recipe import Recipe
from core.runs.messages import EpochEnded, Event
from core.training.input_pipeline import evaluation_batches, training_batches
from core.training.trainer import train

_ROUNDS: Final = 3
_STEPS: Final = 40
_MIN_MEASURED_S: Final = 0.15
_MIN_STEPS: Final = 5
_EPOCHS: Final = 5
_FEW_DIGITS, _MANY_DIGITS = 500, 2000


def _network(*layers: Layer, **changes: Any) -> Recipe:
    last = Dense(units=10, activation="softmax")
    return Recipe(architecture=Architecture(layers=(*layers, last)), **changes)


# Each has much of one kind of work that the others have little of.
_PROBES: Final = (
    _network(Flatten()),
    _network(
        *(Conv(filters=8), Pool(), Flatten()),
        batch_size=128,
        augmentation=Augmentation(rotation=10),
    ),
    _network(Flatten(), *(Dense(units=32),) * 5),
    _network(Flatten(), *(Dense(units=512),) * 2),
    _network(Flatten(), *(Dense(units=512),) * 2, batch_size=256),
    _network(
        *(Conv(filters=32, kernel_size=5), Pool(), Conv(filters=32), Pool()),
        *(*(Conv(filters=128),) * 2, GlobalAverage()),
    ),
    _network(
        *(Conv(filters=24, activation="linear"), BatchNorm(), Activation(activation="tanh")),
        *(Dropout(), GlobalAverage()),
        batch_size=64,
    ),
    _network(Conv(filters=16), Pool(), *(Conv(filters=64),) * 2, GlobalAverage(), batch_size=64),
    _network(
        *(Conv(filters=16), BatchNorm(), Conv(filters=16), Pool()),
        *(Conv(filters=32), BatchNorm(), Flatten(), Dropout()),
        batch_size=128,
    ),
)
# Both validate, as nearly all recipes do: starting that takes as long as reading many digits.
_SMALL: Final = _network(Flatten(), batch_size=512, validation_split=0.1)
# Many layers and weights, little arithmetic: the rest of its epochs is the time for saving them.
_DEEP: Final = _network(
    *(Flatten(), Dense(units=512), BatchNorm(), Activation(), Dropout()),
    *(Dense(units=32), BatchNorm(), Activation(), Dropout()) * 2,
    batch_size=512,
    validation_split=0.1,
)


class _StepTimer(keras.callbacks.Callback):
    """Notes when each step was done; ends the training after enough of them."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.times.append(time.perf_counter())
        enough = self.times[-1] - self.times[0] > _MIN_MEASURED_S
        self.model.stop_training = enough and len(self.times) > _MIN_STEPS + 1


class _Probe:
    """A network that is trained for a few steps at a time."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._model = compiled_model(recipe)
        self._digits = mnist.load("mnist-sample").train
        self.step_seconds = float("inf")

    def train(self, steps: int) -> None:
        """Time some steps. Other processes only make them slower, so the shorter times count."""
        timer = _StepTimer()
        self._model.fit(
            training_batches(self._digits, self.recipe.changed(epochs=50)),
            steps_per_epoch=min(steps, len(self._digits) // self.recipe.batch_size),
            callbacks=[timer],
            shuffle=False,
            verbose=0,
        )
        # The first step is traced, the second finds batches that were prepared meanwhile.
        seconds = np.diff(timer.times)[1:]
        self.step_seconds = min(self.step_seconds, float(np.percentile(seconds, 25)))

    def answer_seconds(self) -> float:
        """Seconds to read one more digit."""
        many, few = (self._evaluate(n) for n in (_MANY_DIGITS, _FEW_DIGITS))
        return max(many - few, 0.0) / (_MANY_DIGITS - _FEW_DIGITS)

    def _evaluate(self, n: int) -> float:
        batches = evaluation_batches(self._digits.take(slice(n)), self.recipe)
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            self._model.evaluate(batches, verbose=0)
            seconds.append(time.perf_counter() - began)
        return min(seconds)


def measure_speed(
    probes: Sequence[Recipe] = _PROBES,
    rounds: int = _ROUNDS,
    steps: int = _STEPS,
    epochs: int = _EPOCHS,
) -> MachineSpeed:
    """Measure this machine; nothing is saved.

    Args:
        probes: recipes of the networks whose steps are timed.
        rounds: how often each of them is timed.
        steps: batches of each time.
        epochs: of the two whole trainings, at least 2.
    """
    launch = time.time() - psutil.Process().create_time()
    began = time.monotonic()
    mnist.load("mnist-sample")
    launch += time.monotonic() - began
    others = _OtherProcesses()
    measured = [_Probe(recipe) for recipe in probes]
    for _ in range(rounds):
        for probe in measured:
            probe.train(steps)
    costs = fit_costs(
        [training_step_work(recipe) for recipe in probes],
        [probe.step_seconds for probe in measured],
    )
    speed = _with_whole_trainings(_speed(costs, _answer_share(measured, costs), launch), epochs)
    return speed.model_copy(update={"company": others.share()})


class _OtherProcesses:
    """How much of the machine other processes have used since this object was made."""

    def __init__(self) -> None:
        self._before = self._times()

    def share(self) -> float:
        """Their share of all cores' time, 0 to 1."""
        whole, idle, own = (
            now - before for now, before in zip(self._times(), self._before, strict=True)
        )
        return min(max((whole - idle - own) / max(whole, 1e-9), 0.0), 1.0)

    @staticmethod
    def _times() -> tuple[float, float, float]:
        """Seconds of all cores: in all, idle (or waiting for a disk), and for this process."""
        cores, own = psutil.cpu_times(), psutil.Process().cpu_times()
        return sum(cores), cores.idle + getattr(cores, "iowait", 0.0), own.user + own.system


def _speed(costs: dict[LayerWorkKind, float], answer: float, launch: float) -> MachineSpeed:
    """A speed of which only steps and answers are known yet."""
    return MachineSpeed(
        machine=this_machine(),
        measured=datetime.now(UTC).replace(microsecond=0),
        costs=costs,
        answer=answer,
        launch=launch,
        trace=0,
        trace_layer=0,
        epoch=0,
        epoch_weight=0,
        test_layer=0,
        company=0,
    )


def _answer_share(measured: Sequence[_Probe], costs: dict[LayerWorkKind, float]) -> float:
    """The time to read a digit, relative to the time to train on it."""
    whole = _speed(costs, 1.0, 0.0)
    # The networks with the most work per digit: the times of others are mostly the pipeline's.
    ordered = sorted(measured, key=lambda probe: inference_seconds(probe.recipe, whole))
    parts = [p.answer_seconds() / inference_seconds(p.recipe, whole) for p in ordered[-3:]]
    return min(max(median(parts), 0.05), 1.0)


@dataclass(frozen=True)
class _Times:
    """Seconds of a whole training: to the first epoch's end, of a later epoch, of the test."""

    first: float
    epoch: float
    test: float


def _time_training(recipe: Recipe, epochs: int) -> _Times:
    ends: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, EpochEnded):
            ends.append(time.monotonic())

    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        train(recipe.changed(epochs=epochs), Path(place) / "probe", note)
        ended = time.monotonic()
    return _Times(ends[0] - began, float(np.median(np.diff(ends))), ended - ends[-1])


def _with_whole_trainings(speed: MachineSpeed, epochs: int) -> MachineSpeed:
    """Add the time of a training besides steps and answers, from a small and a deep network."""
    small, deep = _time_training(_SMALL, epochs), _time_training(_DEEP, epochs)
    layers = [len(recipe.architecture.layers) for recipe in (_SMALL, _DEEP)]
    weights = [recipe.architecture.parameters for recipe in (_SMALL, _DEEP)]
    tested = sum(len(mnist.load(name).test) for name in mnist.available())
    # The speed knows only steps and answers yet, so its epochs consist of these.
    extra = [
        max(times.epoch - estimate_time(recipe, speed).epoch, 0.0)
        for recipe, times in ((_SMALL, small), (_DEEP, deep))
    ]
    trace, trace_layer = _line(layers, [t.first - t.epoch for t in (small, deep)])
    epoch, epoch_weight = _line(weights, extra)
    testing = deep.test - tested * inference_seconds(_DEEP, speed)
    return speed.model_copy(
        update={
            "trace": trace,
            "trace_layer": trace_layer,
            "epoch": epoch,
            "epoch_weight": epoch_weight,
            "test_layer": max(testing, 0.0) / layers[1],
        }
    )


def _line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Height at 0 and slope, neither negative, of the line through two points."""
    slope = max((y[1] - y[0]) / (x[1] - x[0]), 0.0)
    return max(y[0] - slope * x[0], 0.0), slope


def main() -> None:
    """Measure and save, unless other processes disturbed it and a better measurement is there."""
    parser = argparse.ArgumentParser(description="Measure this machine's training speed.")
    parser.add_argument("--quick", action="store_true", help="rougher, in a few seconds")
    if parser.parse_args().quick:
        speed = measure_speed(_PROBES[::3], rounds=1, steps=_MIN_STEPS + 2, epochs=2)
    else:
        speed = measure_speed()
    saved = load_speed()
    if saved is None or saved.is_disturbed() or not speed.is_disturbed():
        save_speed(speed)


if __name__ == "__main__":
    main()
