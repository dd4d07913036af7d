"""Train the small network that tells digits from everything else (`core/digit_gate.py`).

Digits: MNIST's training digits as they are, redrawn by pens, with wider and thinner strokes, as
coarse as 8x8 pixels, and in forms MNIST hardly has (`benchmarks._pen_variants`). No digits: seven
kinds of `benchmarks._not_digits.training`, and strokes put together at random (`composed`; they
came in after a first gate had let faces through). All went through `find_digit`. None of MNIST's
test digits, of `load_digits` or of the sample's test digits is used.

The last 5 % of the training digits are kept from it; on these (plain, by pens, wider, coarse) and
on no-digits of other seeds `core/refusal.py`'s limits were chosen: `share_below` in the notes.

    python -m benchmarks.train_digit_gate [--seed 1] [--cache FOLDER] [--quick]

Broken off, it goes on: pictures are kept in `--cache` as they are made; the training itself, two
minutes, begins anew. Writes `core/data/digit_gate.npz` and, with command, seed, versions and what
came of it, `core/data/digit_gate.json` (not with `--quick`).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import _not_digits, _pen_variants
from benchmarks._kept_pictures import Made, Make, changed, pictures
from benchmarks._pens import Picture
from benchmarks.common import parser, start
from core.datasets import Split
from core.digit_gate import NONE, WEIGHTS, digitness

EPOCHS: Final = 8
BATCH: Final = 128
PEAK: Final = 3e-3
FILTERS: Final = (24, 48, 96)
HELD_BACK: Final = 0.05
PLAIN: Final = 30_000
COUNTS: Final = {
    "pens": 10_000,
    "wider": 4_000,
    "coarse": 2_000,
    "forms": 4_000,
    "nothing": 28_000,
    "composed": 6_000,
}
CHECKED: Final = {"pens": 1_500, "wider": 600, "coarse": 300, "forms": 300, "nothing": 2_000}


def makers(digits: Split) -> dict[str, Make]:
    """How one picture of each kind is made, with its label (`NONE` for no digit)."""
    kinds = _not_digits.training(digits.images, digits.labels)
    shares = np.array([share for share, _ in kinds.values()])
    ways = [way for _, way in kinds.values()]

    def nothing(chance: np.random.Generator) -> Made:
        return ways[int(chance.choice(len(ways), p=shares / shares.sum()))](chance), NONE

    return {
        "pens": changed(digits, _pen_variants.with_a_pen),
        "wider": changed(digits, _pen_variants.wider_or_thinner),
        "coarse": changed(digits, _pen_variants.coarse),
        "forms": _pen_variants.in_another_form,
        "nothing": nothing,
        "composed": lambda chance: (_not_digits.composed(chance), NONE),
    }


def train(images: Picture, labels: NDArray[np.int32], seed: int, epochs: int) -> Any:
    """The network, trained: a Keras model from (n, 28, 28, 1), 0 to 1, to eleven logits."""
    import keras
    import tensorflow as tf

    from core.pipeline import augment
    from core.recipes import Augmentation

    keras.utils.set_random_seed(seed)
    layers: list[Any] = [keras.Input((28, 28, 1))]
    for filters in FILTERS:
        layers += [
            keras.layers.ZeroPadding2D(1),
            keras.layers.Conv2D(filters, 3, strides=2, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ]
    layers += [keras.layers.Flatten(), keras.layers.Dropout(0.3), keras.layers.Dense(NONE + 1)]
    model = keras.Sequential(layers)
    steps = epochs * (len(images) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK / 10, steps - steps // 10, warmup_target=PEAK, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.Adam(rate, weight_decay=1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    little = Augmentation(rotation=10, width_shift=0.05, height_shift=0.05, shear=8, zoom=0.08)

    def change(batch: Any, truth: Any, number: Any) -> tuple[Any, Any]:
        """Moved a little; a third of them softened, or softness itself would mean a digit."""
        moved = augment(tf.cast(batch, tf.float32)[..., None], little, [seed, number])
        soft = tf.nn.avg_pool2d(moved, 3, 1, "SAME")
        chosen = tf.random.stateless_uniform([tf.shape(batch)[0], 1, 1, 1], [number, seed]) < 0.3
        return tf.where(chosen, soft, moved) / 255, truth

    digits = tf.data.Dataset.from_tensor_slices((images, labels)).cache()
    batches = digits.shuffle(len(images), seed).repeat(epochs).batch(BATCH, drop_remainder=True)
    numbered = tf.data.Dataset.zip(batches, tf.data.Dataset.range(steps, output_type=tf.int32))
    changed = numbered.map(lambda pair, number: change(pair[0], pair[1], number)).prefetch(4)
    model.fit(changed, epochs=epochs, steps_per_epoch=steps // epochs, verbose=2)
    return model


def folded(model: Any) -> dict[str, NDArray[np.float16]]:
    """Its weights as `core.digit_gate` reads them, batch norm folded into the convolutions."""
    stored: dict[str, NDArray[np.float16]] = {}
    convolutions = [layer for layer in model.layers if "Conv2D" in type(layer).__name__]
    norms = [layer for layer in model.layers if "BatchNorm" in type(layer).__name__]
    for k, (conv, norm) in enumerate(zip(convolutions, norms, strict=True)):
        gamma, beta, mean, variance = norm.get_weights()
        factor = gamma / np.sqrt(variance + norm.epsilon)
        kernel = conv.get_weights()[0] * factor
        stored[f"kernel{k}"] = kernel.reshape(-1, kernel.shape[-1]).astype(np.float16)
        stored[f"bias{k}"] = (beta - mean * factor).astype(np.float16)
    kernel, bias = model.layers[-1].get_weights()
    stored |= {"kernel3": kernel.astype(np.float16), "bias3": bias.astype(np.float16)}
    return stored


def checked(digits: Split, seed: int, cache: Path) -> dict[str, Any]:
    """On pictures it was not trained on: what of each kind lies below some thresholds."""
    found: dict[str, Any] = {"plain": _below(digitness(np.ascontiguousarray(digits.images)))}
    ways = makers(digits)
    for kind, count in CHECKED.items():
        found[kind] = _below(digitness(pictures(kind, count, ways[kind], seed + 1000, cache)[0]))
    return found


def _below(values: NDArray[np.float32]) -> dict[str, float]:
    """The share of values below thresholds."""
    limits = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
    return {str(limit): round(float((values < limit).mean()), 5) for limit in limits}


def main() -> None:
    """Make the pictures, train, fold, keep, check."""
    line = parser(__doc__)
    line.add_argument("--seed", type=int, default=1)
    line.add_argument("--cache", type=Path, help="a folder for the pictures; else a temporary one")
    options = line.parse_args()
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
    cv2.setNumThreads(1)

    from core import datasets

    cache = options.cache or Path(tempfile.gettempdir()) / "digitscope-gate"
    cache.mkdir(parents=True, exist_ok=True)
    digits = datasets.training_split("mnist")
    border = round(len(digits) * (1 - HELD_BACK))
    fitted, held_back = digits.take(slice(border)), digits.take(slice(border, None))
    plain = fitted.take(slice(PLAIN if not options.quick else 1000))
    ways = makers(fitted)
    counts = {kind: 200 if options.quick else count for kind, count in COUNTS.items()}
    parts = [(plain.images, plain.labels.astype(np.int32))]
    parts += [pictures(kind, n, ways[kind], options.seed, cache) for kind, n in counts.items()]
    images = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts])
    print(f"{len(images)} pictures, {int((labels == NONE).sum())} of them no digits", flush=True)
    model = train(images, labels, options.seed, 1 if options.quick else EPOCHS)
    if options.quick:
        print("a quick trial: no weights are written")
        return
    np.savez_compressed(WEIGHTS, **folded(model))  # type: ignore[arg-type]
    notes = {
        "command": " ".join(["python -m benchmarks.train_digit_gate", *_told(sys.argv[1:])]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": options.seed,
        "pictures": {"plain": PLAIN, **COUNTS},
        "epochs": EPOCHS,
        "share_below": checked(held_back, options.seed, cache),
        "versions": {name: version(name) for name in ("numpy", "keras", "tensorflow")},
        "fonts": "DejaVu and STIX as matplotlib ships them; pictures of letters, not the fonts",
    }
    text = json.dumps(notes, indent=1, ensure_ascii=False) + "\n"
    WEIGHTS.with_suffix(".json").write_text(text, encoding="utf-8")
    print(text)


def _told(arguments: list[str]) -> list[str]:
    """The command line without the cache, which is nobody's business."""
    if "--cache" in arguments:
        at = arguments.index("--cache")
        return arguments[:at] + arguments[at + 2 :]
    return arguments


if __name__ == "__main__":
    start(main)
