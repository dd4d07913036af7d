"""Train the small network that finds the digits of a picture, and write it to the product.

`core/preprocessing/page/detector.py` says what it is. The scenes (`benchmarks._detector_scenes`)
are made while it learns, each from the seed and its number, so none is stored and none comes twice.
None of MNIST's test digits, of the sample's test digits or of any picture that the benchmarks
measure is in them.

    python -m benchmarks.train_detector FOLDER [--steps 10000] [--seed 1] [--batch 16] [--quick]

Broken off at any moment, the same command goes on from FOLDER's last checkpoint (every 250 steps).
At the end it writes `core/assets/detector.keras` and `detector.json` (not with `--quick`).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from benchmarks.common import machine, parser, start, without_paths

RATE: Final = 0.002
LATE_RATE: Final = 0.001
FIRST_STEPS: Final = 6000
"""After these steps most scenes show what was still read wrong; the rate begins anew."""
WARMUP: Final = 200
CHECKPOINT_STEPS: Final = 250
DIGITS_WITH_LINES: Final = 6000
POSITIVE_WEIGHT: Final = 2.0
Batch = tuple[np.ndarray, ...]

_bank: Any = None


def _begin(file_of_digits: str) -> None:
    global _bank  # noqa: PLW0603  one for each process: it is large
    from benchmarks._detector_ink import InkBank

    cv2.setNumThreads(1)
    with np.load(file_of_digits) as stored:
        _bank = InkBank(stored["images"], stored["labels"], DIGITS_WITH_LINES)


def _batch(job: tuple[int, int, int]) -> Batch:
    """The scenes of a step."""
    from benchmarks._detector_scenes import scene
    from core.preprocessing.page.detector import to_input

    seed, step, size = job
    rng = np.random.default_rng((seed, step))
    late = step >= FIRST_STEPS
    pixels, truths = zip(*(scene(_bank, rng, late=late) for _ in range(size)), strict=True)
    inputs = np.stack([to_input(picture) for picture in pixels])
    names = ("ink", "asked", "centers", "centers_asked", "offsets", "owned")
    return (inputs, *(np.stack([getattr(truth, name) for truth in truths]) for name in names))


def batches(digits: Path, seed: int, first: int, last: int, size: int) -> Iterator[Batch]:
    """The batches of the steps from `first` on, made ahead in another process."""
    context = multiprocessing.get_context("spawn")
    ahead = 12
    with context.Pool(1, _begin, (str(digits),)) as pool:
        waiting = [
            pool.apply_async(_batch, ((seed, k, size),))
            for k in range(first, min(last, first + ahead))
        ]
        for step in range(first, last):
            batch = waiting.pop(0).get()
            if step + ahead < last:
                waiting.append(pool.apply_async(_batch, ((seed, step + ahead, size),)))
            yield batch


def losses(tf: Any, outputs: Any, truth: Any) -> tuple[Any, Any, Any]:
    """Of the ink (cross-entropy), of the centers (focal), and of the offsets (absolute)."""
    ink, asked, centers, centers_asked, offsets, owned = truth
    logits = tf.nn.depth_to_space(outputs[0], 2)
    kinds = tf.cast(tf.stack([ink == 1, ink == 2], -1), tf.float32)
    weight = tf.cast(asked, tf.float32)[..., None] * (1 + (POSITIVE_WEIGHT - 1) * kinds)
    cross = tf.nn.sigmoid_cross_entropy_with_logits(kinds, logits)
    ink_loss = tf.reduce_sum(cross * weight) / tf.reduce_sum(weight)
    shared = tf.reduce_sum(tf.sigmoid(logits) * kinds * weight, (1, 2))
    total = tf.reduce_sum((tf.sigmoid(logits) + kinds) * weight, (1, 2))
    ink_loss += 0.1 * tf.reduce_mean(1 - (2 * shared + 20) / (total + 20))
    places = outputs[1]
    chance = tf.clip_by_value(tf.sigmoid(places[..., :-2]), 1e-4, 1 - 1e-4)
    at = tf.cast(centers >= 1, tf.float32)
    here = at * (1 - chance) ** 2 * tf.math.log(chance)
    elsewhere = (1 - at) * (1 - centers) ** 4 * chance**2 * tf.math.log(1 - chance)
    counted = tf.cast(centers_asked, tf.float32)[..., None]
    center_loss = -tf.reduce_sum((here + elsewhere) * counted) / (tf.reduce_sum(at) + 8)
    owned = tf.cast(owned, tf.float32)[..., None]
    far = tf.reduce_sum(tf.abs(places[..., -2:] - offsets) * owned) / (tf.reduce_sum(owned) + 1)
    return ink_loss, center_loss, far


def learning_rate(step: int, steps: int) -> float:
    """Cosine from `RATE` over the first steps, and again from `LATE_RATE` over the late ones."""
    if step < FIRST_STEPS:
        highest = RATE * min(1.0, (step + 1) / WARMUP)
        done = step / FIRST_STEPS
    else:
        highest = LATE_RATE
        done = (step - FIRST_STEPS) / max(1, steps - FIRST_STEPS)
    return float(highest * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done))))


def train(folder: Path, steps: int, seed: int, size: int) -> Any:
    """Train, or go on from the last checkpoint; returns the network with averaged weights."""
    import keras
    import tensorflow as tf

    from core.preprocessing.page.detector import build_detector

    keras.utils.set_random_seed(seed)
    model = build_detector()
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=1e-4)
    optimizer.build(model.trainable_variables)
    averaged = [tf.Variable(weight) for weight in model.weights]
    done = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(
        weights=[w.value for w in model.weights],
        optimizer=[w.value for w in optimizer.variables],
        averaged=averaged,
        done=done,
    )
    manager = tf.train.CheckpointManager(checkpoint, str(folder / "checkpoints"), 2)
    checkpoint.restore(manager.latest_checkpoint)

    @tf.function(jit_compile=False)
    def step(inputs: Any, *truth: Any) -> tuple[Any, Any, Any]:
        with tf.GradientTape() as tape:
            parts = losses(tf, model(inputs, training=True), truth)
            loss = 2.0 * parts[0] + 0.3 * parts[1] + 0.5 * parts[2]
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        optimizer.apply(gradients, model.trainable_variables)
        keep = tf.minimum(0.998, tf.cast(done + 1, tf.float32) / tf.cast(done + 10, tf.float32))
        for mean, weight in zip(averaged, model.weights, strict=True):
            mean.assign(keep * mean + (1 - keep) * weight.value)
        return parts

    begun, since = int(done.numpy()), time.time()
    mean = np.zeros(3)
    for number, batch in enumerate(
        batches(folder / "digits.npz", seed, begun, steps, size), start=begun
    ):
        optimizer.learning_rate.assign(learning_rate(number, steps))
        parts = step(*(tf.constant(array) for array in batch))
        done.assign(number + 1)
        mean = 0.98 * mean + 0.02 * np.array([float(part) for part in parts])
        if (number + 1) % CHECKPOINT_STEPS == 0 or number + 1 == steps:
            manager.save()
            weight = 1 - 0.98 ** (number + 1 - begun)
            pace = (number + 1 - begun) / (time.time() - since)
            print(number + 1, (mean / weight).round(4), f"{pace:.2f} steps/s", flush=True)
    for weight, value in zip(model.weights, averaged, strict=True):
        weight.assign(value)
    return model


def main() -> None:
    """Train and write the network with a note of how it came to be."""
    line = parser(__doc__)
    line.add_argument("folder", type=Path, help="where the checkpoints are kept")
    line.add_argument("--steps", type=int, default=10_000)
    line.add_argument("--seed", type=int, default=1)
    line.add_argument("--batch", type=int, default=16)
    options = line.parse_args()
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
    from core.data import mnist
    from core.preprocessing.page.detector import DETECTOR_FILE

    options.folder.mkdir(parents=True, exist_ok=True)
    digits = options.folder / "digits.npz"
    if not digits.exists():
        split = mnist.training_split("mnist", exclude_sample_test=True)
        np.savez_compressed(digits, images=split.images[:50_000], labels=split.labels[:50_000])
    steps = 20 if options.quick else options.steps
    model = train(options.folder, steps, options.seed, options.batch)
    target = options.folder / "detector.keras" if options.quick else DETECTOR_FILE
    model.save(target)
    if options.quick:
        return
    note = {
        "command": " ".join(["python -m benchmarks.train_detector", *without_paths(sys.argv[1:])]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": options.seed,
        "steps": steps,
        "scenes": steps * options.batch,
        "parameters": int(model.count_params()),
        "versions": {name: version(name) for name in ("numpy", "tensorflow", "keras")},
        "machine": machine(),
    }
    target.with_suffix(".json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    print(f"written: {target}")


if __name__ == "__main__":
    start(main)
