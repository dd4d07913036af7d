# bench: heavy, it trains networks
"""What does augmentation on the fly cost?

Claim: turning, shifting, shearing and zooming every digit anew inside the input pipeline (one
`ImageProjectiveTransformV3` a batch) delivers digits many times faster than the networks learn from
them, so that an epoch takes hardly longer with it than without.

How: (a) the input pipeline alone, emptied as fast as it goes, without and with augmentation, for
the recipes `best` and `katariya`, on the sample's 4,000 training digits; (b) epochs of a training
on them, with and without, for the networks of `fast` and `best` (both with `best`'s settings; the
first epoch, which traces, is not counted). The ways take turns; medians are compared.

Peer, in the same run: katariya's settings by Keras's own layers (RandomRotation, RandomTranslation,
RandomShear, RandomZoom: four interpolations, one after the other) as a map over the same pipeline,
one batch at a time like ours, and with `num_parallel_calls=AUTOTUNE` as Keras's guide advises.

    python -m benchmarks.augmentation [--quick]         (quick: few batches, `fast` only)

Writes `benchmarks/results/augmentation.json`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from benchmarks.common import interleaved, parser, start, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

from core.data import mnist
from core.data.augmentation import Augmentation
from core.data.mnist import Split
from core.recipes.keras_model import compiled_model
from core.recipes.presets import find_preset
from core.recipes.recipe import Recipe
from core.training.input_pipeline import training_batches

PLAIN = Augmentation()
ROUNDS = 5
BATCHES = 150
EPOCHS = 5
LONG = 50
"""Epochs that a pipeline under test could give: more than are ever taken out of it."""


def keras_layers(wanted: Augmentation, seed: int) -> Callable[[Any, Any], tuple[Any, Any]]:
    """The same settings by Keras's preprocessing layers, 0 from outside, as a map function."""
    fill: dict[str, Any] = {"fill_mode": "constant", "fill_value": 0.0, "seed": seed}
    # RandomShear wants the tangent of the angle; a float is taken as "to either side".
    shear = math.tan(math.radians(wanted.shear))
    stack = [
        keras.layers.RandomRotation(wanted.rotation / 360, **fill),
        keras.layers.RandomTranslation(wanted.height_shift, wanted.width_shift, **fill),
        keras.layers.RandomShear(x_factor=shear, **fill),
        keras.layers.RandomZoom(wanted.zoom, wanted.zoom, **fill),
    ]

    def change(digits: Any, labels: Any) -> tuple[Any, Any]:
        for layer in stack:
            digits = layer(digits, training=True)
        return digits, labels

    return change


def pipelines(recipe: Recipe, split: Split, *, peer: bool) -> dict[str, tf.data.Dataset]:
    """Ours with and without augmentation, and Keras's layers on top of ours without."""
    long = recipe.changed(epochs=LONG, dataset="mnist-sample")
    bare = training_batches(split, long.changed(augmentation=PLAIN.model_dump()))
    made = {"without": bare, "with": training_batches(split, long)}
    if peer:
        change = keras_layers(recipe.augmentation, recipe.seed)
        made["keras.layers"] = bare.map(change).prefetch(4)
        made["keras.layers, AUTOTUNE"] = bare.map(
            change, num_parallel_calls=tf.data.AUTOTUNE
        ).prefetch(4)
    return made


def speed(ways: dict[str, tf.data.Dataset], size: int, batches: int) -> dict[str, dict[str, int]]:
    """Batches and digits a second that each pipeline delivers when nobody trains on them."""
    sources: dict[str, Iterator[Any]] = {name: iter(way) for name, way in ways.items()}

    def take(name: str, count: int) -> int:
        return sum(int(next(sources[name])[0].shape[0]) for _ in range(count))

    counted = dict.fromkeys(ways, 0)

    def turn(name: str) -> Callable[[int], None]:
        def call(_: int) -> None:
            counted[name] = take(name, batches)

        return call

    for name in sources:
        take(name, 10)
    spent = interleaved({name: turn(name) for name in ways}, ROUNDS)
    # An epoch's last batch may be smaller; hardly so over 150 batches.
    return {
        name: {
            "batches_per_second": round(batches / median(times)),
            "digits_per_second": round(counted[name] / median(times)),
            "batch_size": size,
        }
        for name, times in spent.items()
    }


def epochs(recipe: Recipe, split: Split, rounds: int) -> dict[str, float]:
    """Seconds of a training epoch without and with augmentation, the first epoch not counted."""
    steps = recipe.steps_per_epoch(len(split))

    def trained(augmentation: Augmentation) -> Callable[[int], object]:
        changed = recipe.changed(
            dataset="mnist-sample", epochs=1, augmentation=augmentation.model_dump()
        )
        model, batches = compiled_model(changed), training_batches(split, changed)
        return lambda turn: model.fit(
            batches, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0
        )

    settings = {"without": PLAIN, "with": find_preset("best").recipe.augmentation}
    ways = {name: trained(wanted) for name, wanted in settings.items()}
    for first in ways.values():
        first(0)
    spent = interleaved(ways, rounds)
    bare, augmented = median(spent["without"]), median(spent["with"])
    return {
        "seconds_without": round(bare, 3),
        "seconds_with": round(augmented, 3),
        "ratio": round(augmented / bare, 3),
        "digits_per_second_with": round(len(split) / augmented),
    }


def main() -> None:
    """Measure, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    split = mnist.load("mnist-sample").train
    figures: dict[str, Any] = {"pipeline_alone": {}, "training_epoch": {}}
    # The pipelines first: `build` switches TensorFlow to deterministic operations for good, which
    # would forbid Keras's layers to run in parallel.
    for name in ("best", "katariya"):
        recipe = find_preset(name).recipe
        ways = pipelines(recipe, split, peer=name == "katariya")
        rows = speed(ways, recipe.batch_size, 20 if quick else BATCHES)
        figures["pipeline_alone"][name] = rows
        print(f"{name}, the input pipeline alone, batches of {recipe.batch_size}:")
        for way, row in rows.items():
            batches, digits = row["batches_per_second"], row["digits_per_second"]
            print(f"    {way:24}{batches:8,} batches/s {digits:10,} digits/s")
    for name in ("fast",) if quick else ("fast", "best"):
        recipe = find_preset(name).recipe
        timing = epochs(recipe, split, 1 if quick else EPOCHS)
        figures["training_epoch"][name] = timing
        print(
            f"{name}'s network, {len(split):,} digits an epoch: {timing['seconds_without']:.2f} s "
            f"without, {timing['seconds_with']:.2f} s with augmentation: × {timing['ratio']:g}"
        )
    write_result(
        "augmentation",
        figures,
        seed=find_preset("best").recipe.seed,
        quick=quick,
        digits=len(split),
        rounds=ROUNDS,
        epochs_timed=EPOCHS,
        settings={n: find_preset(n).recipe.augmentation.model_dump() for n in ("best", "katariya")},
    )


if __name__ == "__main__":
    start(main)
